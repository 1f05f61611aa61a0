/** Refusals as Kubernetes words them: every one is a Status object that kubectl and client-go understand. */
import type { JsonObject } from './value.ts';

export interface Cause {
  reason: string;
  message: string;
  field: string;
}

export interface Status extends JsonObject {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: JsonObject;
  status: 'Failure' | 'Success';
  message?: string;
  reason?: string;
  details?: JsonObject;
  code?: number;
}

/** What a message needs to know of the resource it speaks about. */
export interface Named {
  group: string;
  plural: string;
  kind: string;
}

/** Thrown inside the server, answered as its Status. */
export class ApiFailure extends Error {
  readonly status: Status & { code: number };

  constructor(code: number, reason: string, message: string, about?: JsonObject, metadata: JsonObject = {}) {
    super(message);
    this.name = 'ApiFailure';
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata,
      status: 'Failure',
      message,
      ...(reason && { reason }),
      ...(about && { details: about }),
      code,
    };
  }
}

/** `pods` or `deployments.apps`. */
export function qualified(resource: Pick<Named, 'group' | 'plural'>): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

function detailsOf(resource: Named, name: string, more: JsonObject = {}): JsonObject {
  return { ...(name && { name }), ...(resource.group && { group: resource.group }), kind: resource.plural, ...more };
}

export function badRequest(message: string): ApiFailure {
  return new ApiFailure(400, 'BadRequest', message);
}

/** The path leads to nothing the server knows; answered as plain text, like the real one does. */
export class NoSuchPath extends Error {
  constructor() {
    super('404 page not found\n');
    this.name = 'NoSuchPath';
  }
}

/** The version is one of Kubernetes' own, but has no such resource. */
export function noSuchResource(): ApiFailure {
  return new ApiFailure(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function notFound(resource: Named, name: string): ApiFailure {
  return new ApiFailure(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));
}

export function alreadyExists(resource: Named, name: string, isLeaving: boolean): ApiFailure {
  const message = `${isLeaving ? 'object is being deleted: ' : ''}${qualified(resource)} "${name}" already exists`;
  return new ApiFailure(409, 'AlreadyExists', message, detailsOf(resource, name));
}

export function conflict(resource: Named, name: string, why: string): ApiFailure {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`;
  return new ApiFailure(409, 'Conflict', message, detailsOf(resource, name));
}

export function modified(resource: Named, name: string): ApiFailure {
  return conflict(
    resource,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

export function invalid(resource: Named, name: string, causes: readonly Cause[]): ApiFailure {
  const problems = [...new Set(causes.map(cause => `${cause.field}: ${cause.message}`))];
  const list = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
  const kind = resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`;
  return new ApiFailure(422, 'Invalid', `${kind} "${name}" is invalid: ${list}`, {
    ...(name && { name }),
    ...(resource.group && { group: resource.group }),
    ...(resource.kind && { kind: resource.kind }),
    causes: causes.map(cause => ({ reason: cause.reason, message: cause.message, field: cause.field })),
  });
}

export function forbidden(resource: Named, name: string, why: string, causes?: JsonObject[]): ApiFailure {
  const message = `${qualified(resource)} ${JSON.stringify(name)} is forbidden: ${why}`;
  return new ApiFailure(403, 'Forbidden', message, detailsOf(resource, name, causes && { causes }));
}

export function methodNotAllowed(): ApiFailure {
  return new ApiFailure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

export function unsupportedMediaType(accepted: readonly string[]): ApiFailure {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new ApiFailure(415, 'UnsupportedMediaType', message);
}

/** History before this revision is gone: list again. */
export function expired(message: string, continueWith?: string): ApiFailure {
  return new ApiFailure(410, 'Expired', message, undefined, continueWith ? { continue: continueWith } : {});
}

export function tooLargeVersion(asked: number, current: number): ApiFailure {
  return new ApiFailure(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}
