/** The verbs of the API over the store: one request in, one answer out, without a pause in between. */
import type { KubeRequest } from '../../cluster/transport.ts';
import { type FieldValidation, unrecognised } from './admission.ts';
import {
  type ApiFailure,
  badRequest,
  invalid,
  methodNotAllowed,
  NoSuchPath,
  notFound,
  type Status,
  unsupportedMediaType,
} from './failure.ts';
import { list } from './lists.ts';
import { mergePatch } from '../../rollout/mergePatch.ts';
import { jsonPatch } from './patch.ts';
import type { Resource, ResourceTable } from './resource.ts';
import { type Route, routeOf } from './routes.ts';
import type { Store } from './store.ts';
import { strategicMergePatch } from './strategicMerge.ts';
import { isObject, type JsonObject, type KubeObject } from './value.ts';
import type { Target, WriteOptions, Writes } from './writes.ts';

/** A request with the headers that matter to the answer. */
export interface ApiRequest extends KubeRequest {
  accept?: string;
  userAgent?: string;
}

export interface Answer {
  status: number;
  body: unknown;
  warnings?: readonly string[];
  /** Where the body is an object or a list that may be shown as a table. */
  resource?: Resource;
}

const STRATEGIC = 'application/strategic-merge-patch+json';
const PATCHES: Readonly<Record<string, (current: unknown, patch: unknown) => unknown>> = {
  'application/json-patch+json': jsonPatch,
  'application/merge-patch+json': mergePatch,
  [STRATEGIC]: strategicMergePatch,
};
const APPLY = 'application/apply-patch+yaml';

export class Api {
  readonly #store: Store;
  readonly #resources: ResourceTable;
  readonly #writes: Writes;

  constructor(store: Store, resources: ResourceTable, writes: Writes) {
    this.#store = store;
    this.#resources = resources;
    this.#writes = writes;
  }

  /** Throws ApiFailure or NoSuchPath. */
  handle(request: ApiRequest): Answer {
    const route = routeOf(request.path, this.#resources);
    const options = optionsOf(request);
    const { resource } = route;
    const answer = (status: number, body: unknown): Answer => ({ status, body, warnings: options.warnings, resource });
    if (route.name === undefined) return this.#onCollection(route, request, options, answer);
    const target: Target = { ...route, namespace: route.namespace ?? '', name: route.name };
    switch (request.method) {
      case 'GET':
        return answer(200, this.#get(target));
      case 'PUT': {
        const body = readBody(resource, request.body);
        const existed = this.#has(target);
        const written = this.#writes.update(target, { kind: 'put', propose: () => body }, options);
        return answer(existed ? 200 : 201, written);
      }
      case 'PATCH':
        return this.#patch(target, request, options, answer);
      case 'DELETE':
        return answer(200, this.#delete(target, request));
      case 'POST':
      default:
        throw methodNotAllowed();
    }
  }

  #onCollection(
    { resource, namespace }: Route,
    request: ApiRequest,
    options: WriteOptions,
    answer: (status: number, body: unknown) => Answer,
  ): Answer {
    const isReachable = !resource.namespaced || namespace !== undefined;
    switch (request.method) {
      case 'GET':
        return answer(200, this.#list(resource, namespace, request));
      case 'POST':
        if (!isReachable) throw new NoSuchPath();
        return answer(
          201,
          this.#writes.create({ resource, namespace: namespace ?? '' }, readBody(resource, request.body), options),
        );
      case 'DELETE':
        // a real server does not delete all namespaces, nor across namespaces, in one go
        if (!isReachable || resource.table === 'namespaces') throw methodNotAllowed();
        return answer(200, this.#deleteAll(resource, namespace, request));
      case 'PUT':
      case 'PATCH':
        throw badRequest('name must be provided');
      default:
        throw methodNotAllowed();
    }
  }

  #has({ resource, namespace, name }: Target): boolean {
    return this.#store.get(resource.table, namespace, name) !== undefined;
  }

  #get({ resource, namespace, name }: Target): KubeObject {
    const stored = this.#store.get(resource.table, namespace, name);
    if (!stored) throw notFound(resource, name);
    return resource.read(stored);
  }

  #list(resource: Resource, namespace: string | undefined, request: ApiRequest): JsonObject {
    const { items, metadata } = list(this.#store, resource, namespace, request.query ?? {});
    return {
      kind: resource.listKind,
      apiVersion: resource.apiVersion,
      metadata,
      items: resource.schema ? items : items.map(untyped),
    };
  }

  #patch(
    target: Target,
    request: ApiRequest,
    options: WriteOptions,
    answer: (status: number, body: unknown) => Answer,
  ): Answer {
    const { resource } = target;
    const type = (request.contentType ?? 'application/json').split(';')[0]!.trim();
    if (type === APPLY) {
      const existed = this.#has(target);
      const applied = this.#writes.apply(target, request.body, isForced(request, options), options);
      return answer(existed ? 200 : 201, applied);
    }
    const patch = PATCHES[type];
    const known = Object.keys(PATCHES).filter(other => !resource.schema || other !== STRATEGIC);
    if (!patch || !known.includes(type)) throw unsupportedMediaType([...known, APPLY]);
    if (patch !== jsonPatch && !isObject(request.body)) {
      const found = Array.isArray(request.body) ? 'array' : typeof request.body;
      throw badRequest(
        `error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
      );
    }
    const propose = (current: KubeObject) => patch(current, request.body);
    return answer(200, this.#writes.update(target, { kind: 'patch', propose }, options));
  }

  #delete(target: Target, request: ApiRequest): KubeObject | Status {
    const { resource, name } = target;
    const body = isObject(request.body) ? request.body : {};
    const preconditions = isObject(body.preconditions) ? body.preconditions : {};
    const { object, gone } = this.#writes.delete(target, preconditions, isDryRun(request, body));
    if (!gone || resource.returnsDeleted) return object;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: {
        name,
        ...(resource.group && { group: resource.group }),
        kind: resource.plural,
        uid: object.metadata.uid,
      },
    };
  }

  #deleteAll(resource: Resource, namespace: string | undefined, request: ApiRequest): JsonObject {
    const { items, metadata } = list(this.#store, resource, namespace, request.query ?? {});
    const dryRun = isDryRun(request, isObject(request.body) ? request.body : {});
    const deleted = items.map(item => {
      const target = { resource, namespace: item.metadata.namespace ?? '', name: item.metadata.name };
      return this.#writes.delete(target, {}, dryRun).object;
    });
    return { kind: resource.listKind, apiVersion: resource.apiVersion, metadata, items: deleted };
  }
}

/** Items of a list of built-in resources come without kind and apiVersion; those of custom resources with them. */
function untyped(object: KubeObject): JsonObject {
  const { apiVersion: _version, kind: _kind, ...rest } = object;
  return rest;
}

function readBody(resource: Resource, body: unknown): unknown {
  if (body === undefined) {
    throw unrecognised(resource, body, "couldn't get version/kind; json parse error: unexpected end of JSON input");
  }
  return body;
}

function isDryRun(request: ApiRequest, body: JsonObject): boolean {
  const asked = request.query?.dryRun ?? (Array.isArray(body.dryRun) ? String(body.dryRun[0]) : undefined);
  if (asked === undefined || asked === '') return false;
  if (asked === 'All') return true;
  throw badOption(request, 'dryRun', `${JSON.stringify([asked])}: supported values: "All"`);
}

const OPTION_KINDS = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
  GET: '',
};

function badOption({ method }: ApiRequest, field: string, problem: string): ApiFailure {
  const message = `Unsupported value: ${problem}`;
  const cause = { reason: 'FieldValueNotSupported', field, message };
  return invalid({ group: 'meta.k8s.io', plural: '', kind: OPTION_KINDS[method] }, '', [cause]);
}

function isForced(request: ApiRequest, options: WriteOptions): boolean {
  if (request.query?.fieldManager && options.manager) return request.query.force === 'true';
  const cause = {
    reason: 'FieldValueRequired',
    field: 'fieldManager',
    message: 'Required value: is required for apply patch',
  };
  throw invalid({ group: 'meta.k8s.io', plural: '', kind: 'PatchOptions' }, '', [cause]);
}

function optionsOf(request: ApiRequest): WriteOptions {
  const { fieldManager, fieldValidation = 'Warn' } = request.query ?? {};
  if (!['Strict', 'Warn', 'Ignore'].includes(fieldValidation)) {
    const supported = '"", "Ignore", "Strict", "Warn"';
    throw badOption(request, 'fieldValidation', `${JSON.stringify(fieldValidation)}: supported values: ${supported}`);
  }
  return {
    dryRun: request.method !== 'DELETE' && isDryRun(request, {}),
    manager: fieldManager ?? (request.userAgent ?? 'unknown').split('/')[0]!,
    fieldValidation: fieldValidation as FieldValidation,
    warnings: [],
  };
}
