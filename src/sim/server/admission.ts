/** What stands between a request body and an object that may be stored: envelope, fields, defaults, rules. */
import { ApiFailure, badRequest, type Cause, invalid } from './failure.ts';
import { malformedMetadata, metadataProblems } from './metadata.ts';
import { fillDefaults, prune } from './pruning.ts';
import type { Resource } from './resource.ts';
import { problemsOf, type Schema } from './schema.ts';
import { type GivenObject, isObject, type JsonObject, type KubeObject, type Metadata, valueAt } from './value.ts';

export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

const METADATA_FIELDS = new Set([
  'name',
  'namespace',
  'generateName',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'finalizers',
  'ownerReferences',
  'managedFields',
  'selfLink',
]);

/** The body as an object of that resource; kind and apiVersion may be left out for built-in resources. */
export function readEnvelope(resource: Resource, namespace: string, body: unknown, kind: 'put' | 'patch'): GivenObject {
  if (!isObject(body)) throw unrecognised(resource, body, "couldn't get version/kind");
  const { apiVersion = missing(resource, 'apiVersion', body), kind: ownKind = missing(resource, 'Kind', body) } = body;
  if (apiVersion !== resource.apiVersion) {
    if (kind === 'patch') throw misnamed(resource, body, 'apiVersion', apiVersion, resource.apiVersion);
    const message = `the API version in the data (${String(apiVersion)}) does not match the expected API version (${resource.apiVersion})`;
    throw badRequest(message);
  }
  const malformed = malformedMetadata(body.metadata) ?? misshapen(resource, body);
  if (malformed) throw undecodable(resource, malformed);
  const metadata: Partial<Metadata> = Object.fromEntries(
    Object.entries(isObject(body.metadata) ? body.metadata : {}).filter(([, value]) => value !== null),
  );
  if (ownKind !== resource.kind) {
    throw misnamed({ ...resource, kind: String(ownKind) }, body, 'kind', ownKind, resource.kind);
  }
  if (resource.namespaced && metadata.namespace !== undefined && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return { ...body, apiVersion: resource.apiVersion, kind: resource.kind, metadata };
}

/** Custom resources are judged by their schema, later and in other words. */
function misshapen(resource: Resource, body: JsonObject): string | undefined {
  if (resource.schema) return undefined;
  const present = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  const [first] = problemsOf(present, resource.shape, '');
  return first && `json: cannot unmarshal into Go struct field ${resource.kind}.${first.field}: ${first.message}`;
}

function misnamed(resource: Resource, body: JsonObject, field: string, value: unknown, wanted: string): ApiFailure {
  const message = `Invalid value: ${JSON.stringify(value)}: must be ${wanted}`;
  const name = valueAt(body, ['metadata', 'name']);
  return invalid(resource, typeof name === 'string' ? name : '', [{ reason: 'FieldValueInvalid', field, message }]);
}

function missing(resource: Resource, what: 'apiVersion' | 'Kind', body: JsonObject): string {
  if (!resource.schema) return what === 'Kind' ? resource.kind : resource.apiVersion;
  throw unrecognised(resource, body, `Object '${what}' is missing in '${JSON.stringify(body)}'`);
}

export function unrecognised(resource: Pick<Resource, 'kind'>, body: unknown, why: string): ApiFailure {
  const text = body === undefined ? '<empty>' : (JSON.stringify(body) ?? '');
  const shown = text.length > 40 ? `${text.slice(0, 40)} ...` : text;
  return badRequest(`the object provided is unrecognized (must be of type ${resource.kind}): ${why} (${shown})`);
}

/** What to do about fields that the schema does not know, and where to say so. */
export interface Strictness {
  fieldValidation: FieldValidation;
  /** Filled with what the answer's Warning headers say. */
  warnings: string[];
}

/** The object with unknown fields removed and defaults filled in; unknown fields refuse, warn or pass. */
export function decode(
  resource: Resource,
  given: GivenObject,
  strictness: Strictness,
  kind: 'put' | 'patch',
): GivenObject {
  const { apiVersion, kind: ownKind, metadata, ...rest } = given;
  const schema = resource.schema && bodySchema(resource.schema);
  const unknown = Object.keys(metadata)
    .filter(name => !METADATA_FIELDS.has(name))
    .map(name => `metadata.${name}`);
  const pruned = schema ? prune(rest, schema, '', unknown) : rest;
  const complaints = unknown.sort().map(path => `unknown field ${JSON.stringify(path)}`);
  if (complaints.length > 0 && strictness.fieldValidation === 'Strict') {
    const problems = `strict decoding error: ${complaints.join(', ')}`;
    throw kind === 'put' ? undecodable(resource, problems) : unfitPatch(given, problems);
  }
  if (strictness.fieldValidation === 'Warn') strictness.warnings.push(...complaints);
  return { apiVersion, kind: ownKind, metadata, ...((schema ? fillDefaults(pruned, schema) : rest) as JsonObject) };
}

/** Server-side apply takes no field that the schema does not know, whatever the strictness. */
export function refuseUnknown(resource: Resource, given: GivenObject): void {
  if (!resource.schema) return;
  const { apiVersion, kind, metadata, ...rest } = given;
  const unknown: string[] = [];
  prune(rest, bodySchema(resource.schema), '', unknown);
  const [first] = unknown;
  if (first === undefined) return;
  const which = `${metadata.namespace ?? ''}/${metadata.name ?? ''}; ${apiVersion}, Kind=${kind}`;
  throw new ApiFailure(
    500,
    '',
    `failed to create typed patch object (${which}): .${first}: field not declared in schema`,
  );
}

function undecodable({ kind, version }: Resource, problems: string): ApiFailure {
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${problems}`);
}

/** How the real server refuses a patch whose outcome has unknown fields: with all of the outcome. */
function unfitPatch(outcome: GivenObject, problems: string): ApiFailure {
  const message = `Invalid value: ${JSON.stringify(JSON.stringify(outcome))}: ${problems}`;
  return invalid({ group: '', plural: '', kind: '' }, '', [{ reason: 'FieldValueInvalid', field: 'patch', message }]);
}

/** The schema without the members that the server itself looks after. */
function bodySchema(schema: Schema): Schema {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...properties } = schema.properties ?? {};
  return { ...schema, properties };
}

/** Throws 422 with everything that is wrong. `known` are problems found before, such as a bad name. */
export function refuseInvalid(
  resource: Resource,
  object: KubeObject,
  old: KubeObject | undefined,
  known: readonly Cause[],
  subresource?: 'status',
): void {
  const found = [...known, ...metadataProblems(object.metadata), ...contentProblems(resource, object, old)];
  // a write of the status alone speaks of fields from there on
  const told = found.map(cause =>
    subresource ? { ...cause, message: cause.message.replace(/\bstatus\.(\S+ in body)/, '$1') } : cause,
  );
  // both faces of an Event are one kind when it comes to its rules: that of the table
  const group = resource.table.split('.').slice(1).join('.');
  if (told.length > 0) throw invalid({ ...resource, group }, object.metadata.name, told);
}

function contentProblems(resource: Resource, object: KubeObject, old: KubeObject | undefined): Cause[] {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = object;
  const { schema, validate } = resource;
  const found = schema ? stillWrong(problemsOf(rest, bodySchema(schema), ''), schema, old) : [];
  if (!validate) return found;
  if (found.some(cause => KEEPS_RULES_FROM_RUNNING.has(cause.reason))) return [...found, RULES_NOT_RUN];
  const told = new Set(found.map(cause => cause.field));
  const broken = validate(object, old).map(problem => ruleCause(problem, object));
  return [...found, ...broken.filter(cause => !told.has(cause.field))];
}

/** Findings of the schema after which a real server does not evaluate CEL rules. */
const KEEPS_RULES_FROM_RUNNING = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const RULES_NOT_RUN: Cause = {
  reason: 'FieldValueInvalid',
  field: '<nil>',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

/** What was wrong before with the same words may stay wrong: a schema that grew stricter does not lock objects. */
function stillWrong(found: Cause[], schema: Schema, old: KubeObject | undefined): Cause[] {
  if (!old || found.length === 0) return found;
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = old;
  const before = new Set(problemsOf(rest, bodySchema(schema), '').map(cause => `${cause.field} ${cause.message}`));
  return found.filter(cause => cause.message === 'Required value' || !before.has(`${cause.field} ${cause.message}`));
}

/** A rule's sentence `path: what is wrong`, in the words of a CEL rule that failed there: only plain values are shown. */
function ruleCause(problem: string, object: KubeObject): Cause {
  const [, field = '', why = problem] = /^([A-Za-z_][\w.[\]-]*): (.*)$/s.exec(problem) ?? [];
  const keys = field.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
  const value = keys.reduce<unknown>((at, key) => (Array.isArray(at) ? at[Number(key)] : valueAt(at, [key])), object);
  if (why === 'Required value') return { reason: 'FieldValueRequired', field, message: why };
  const shown = value === undefined || typeof value === 'object' ? '' : `${JSON.stringify(value)}: `;
  return { reason: 'FieldValueInvalid', field: field || '<nil>', message: `Invalid value: ${shown}${why}` };
}
