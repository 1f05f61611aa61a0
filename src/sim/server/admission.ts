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
export function readEnvelope(resource: Resource, namespace: string, body: unknown): GivenObject {
  if (!isObject(body)) throw unrecognised(resource, body, "couldn't get version/kind");
  const { apiVersion = missing(resource, 'apiVersion', body), kind = missing(resource, 'Kind', body) } = body;
  if (apiVersion !== resource.apiVersion) {
    const message = `the API version in the data (${String(apiVersion)}) does not match the expected API version (${resource.apiVersion})`;
    throw badRequest(message);
  }
  const malformed = malformedMetadata(body.metadata);
  if (malformed) throw undecodable(resource, malformed);
  const metadata = Object.fromEntries(
    Object.entries(isObject(body.metadata) ? body.metadata : {}).filter(
      ([name, value]) => value !== null && METADATA_FIELDS.has(name),
    ),
  ) as Partial<Metadata>;
  if (kind !== resource.kind) {
    const cause = {
      reason: 'FieldValueInvalid',
      field: 'kind',
      message: `Invalid value: ${JSON.stringify(kind)}: must be ${resource.kind}`,
    };
    throw invalid({ ...resource, kind: String(kind) }, metadata.name ?? '', [cause]);
  }
  if (resource.namespaced && metadata.namespace !== undefined && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return { ...body, apiVersion: resource.apiVersion, kind: resource.kind, metadata };
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
  const schema = resource.schema && bodySchema(resource.schema);
  if (!schema) return given;
  const unknown: string[] = [];
  const { apiVersion, kind: ownKind, metadata, ...rest } = given;
  const pruned = prune(rest, schema, '', unknown);
  const complaints = unknown.sort().map(path => `unknown field ${JSON.stringify(path)}`);
  if (complaints.length > 0 && strictness.fieldValidation === 'Strict') {
    const problems = `strict decoding error: ${complaints.join(', ')}`;
    throw kind === 'put' ? undecodable(resource, problems) : unfitPatch(given, problems);
  }
  if (strictness.fieldValidation === 'Warn') strictness.warnings.push(...complaints);
  return { apiVersion, kind: ownKind, metadata, ...(fillDefaults(pruned, schema) as JsonObject) };
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
  known: Cause[],
): void {
  const found = [...known, ...metadataProblems(object.metadata), ...contentProblems(resource, object, old)];
  if (found.length > 0) throw invalid(resource, object.metadata.name, found);
}

function contentProblems(resource: Resource, object: KubeObject, old: KubeObject | undefined): Cause[] {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = object;
  if (resource.schema) {
    const found = stillWrong(problemsOf(rest, bodySchema(resource.schema), ''), resource.schema, old);
    if (found.length > 0) return found;
  }
  return (resource.validate?.(object, old) ?? []).map(problem => ruleCause(problem, object));
}

/** What was wrong before with the same words may stay wrong: a schema that grew stricter does not lock objects. */
function stillWrong(found: Cause[], schema: Schema, old: KubeObject | undefined): Cause[] {
  if (!old || found.length === 0) return found;
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = old;
  const before = new Set(problemsOf(rest, bodySchema(schema), '').map(cause => `${cause.field} ${cause.message}`));
  return found.filter(cause => cause.message === 'Required value' || !before.has(`${cause.field} ${cause.message}`));
}

/** A rule's sentence `path: what is wrong`, in the words of a CEL rule that failed there. */
function ruleCause(problem: string, object: KubeObject): Cause {
  const [, field = '', why = problem] = /^([A-Za-z_][\w.[\]-]*): (.*)$/s.exec(problem) ?? [];
  const value = valueAt(object, field.replaceAll(/\[(\d+)\]/g, '.$1').split('.'));
  const shown =
    isObject(value) || field === '' ? '"object"' : Array.isArray(value) ? '"array"' : JSON.stringify(value ?? 'object');
  return { reason: 'FieldValueInvalid', field: field || '<nil>', message: `Invalid value: ${shown}: ${why}` };
}
