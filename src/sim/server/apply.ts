/** Server-side apply: what an applied configuration owns, whom it disputes a field with, and what it makes of the object. */
import { ApiFailure, badRequest } from './failure.ts';
import { type Author, fieldsOf, leavesOf, union, valueOf } from './managedFields.ts';
import { type GivenObject, isObject, type JsonObject, type KubeObject, sameJson, withMember } from './value.ts';

/** The fields that are the applier's after this apply. */
export function ownedByApply(given: GivenObject): JsonObject {
  if (given.metadata.managedFields) throw badRequest('metadata.managedFields must be nil');
  return fieldsOf(given, 'none');
}

/** Throws 409 when somebody else owns a field that would change. */
export function refuseConflicts(applied: JsonObject, given: GivenObject, current: KubeObject, author: Author): void {
  const changing = leavesOf(applied).filter(path => !sameJson(valueOf(given, path), valueOf(current, path)));
  const causes = (current.metadata.managedFields ?? [])
    .filter(entry => entry.manager !== author.manager || entry.operation !== 'Apply')
    .flatMap(entry => {
      const using = entry.operation === 'Update' ? ` using ${entry.apiVersion}` : '';
      const message = `conflict with ${JSON.stringify(entry.manager)}${using}`;
      const disputed = changing.filter(path => touches(entry.fieldsV1, path));
      return disputed.map(path => ({ reason: 'FieldManagerConflict', message, field: fieldPath(path) }));
    });
  if (causes.length === 0) return;
  throw new ApiFailure(409, 'Conflict', `Apply failed with ${disputeText(causes)}`, { causes });
}

/** One line for one field, a list under each manager for more. */
function disputeText(causes: readonly { message: string; field: string }[]): string {
  const [first] = causes;
  if (first && causes.length === 1) return `1 conflict: ${first.message}: ${first.field}`;
  const lines = [...new Set(causes.map(cause => cause.message))].flatMap(message => [
    `${message.replace(/^conflict with/, 'conflicts with')}:`,
    ...causes.filter(cause => cause.message === message).map(cause => `- ${cause.field}`),
  ]);
  return `${causes.length} conflicts: ${lines.join('\n')}`;
}

/** The object after the apply: what was given is set, what the applier gave up and nobody else owns is removed. */
export function appliedTo(current: KubeObject, given: GivenObject, applied: JsonObject, author: Author): JsonObject {
  const mine = current.metadata.managedFields?.find(
    entry =>
      entry.manager === author.manager &&
      entry.operation === 'Apply' &&
      (entry.subresource ?? '') === (author.subresource ?? ''),
  );
  const others = (current.metadata.managedFields ?? []).filter(entry => entry !== mine);
  const ownedByOthers = others.reduce<JsonObject>((all, entry) => union(all, entry.fieldsV1), {});
  const givenUp = leavesOf(mine?.fieldsV1 ?? {}).filter(
    path => !touches(applied, path) && !touches(ownedByOthers, path),
  );
  let next: unknown = current;
  for (const path of givenUp) next = removed(next, path);
  return overlaid(next, given) as JsonObject;
}

function overlaid(base: unknown, given: unknown, name = ''): unknown {
  // the one list of metadata that appliers share
  if (name === 'finalizers' && Array.isArray(base) && Array.isArray(given)) return [...new Set([...base, ...given])];
  if (!isObject(base) || !isObject(given)) return given;
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(given)) merged.set(key, overlaid(merged.get(key), value, key));
  return Object.fromEntries(merged);
}

function removed(value: unknown, path: readonly string[]): unknown {
  const [key = '', ...rest] = path;
  if (key.startsWith('v:') && Array.isArray(value)) {
    return value.filter(item => !sameJson(item, JSON.parse(key.slice(2))));
  }
  const name = key.slice(2);
  if (!isObject(value) || !Object.hasOwn(value, name)) return value;
  if (rest.length === 0) return withMember(value, name, undefined);
  const inner = removed(value[name], rest);
  const isEmpty = typeof inner === 'object' && inner !== null && Object.keys(inner).length === 0;
  return withMember(value, name, isEmpty ? undefined : inner);
}

/** Whether the set has the path, something above it as a leaf, or something below it. */
function touches(fields: JsonObject, path: readonly string[]): boolean {
  let at: JsonObject = fields;
  for (const key of path) {
    if (!Object.hasOwn(at, key)) return false;
    const inner = at[key];
    if (!isObject(inner) || Object.keys(inner).length === 0) return true;
    at = inner;
  }
  return true;
}

function fieldPath(path: readonly string[]): string {
  return path.map(key => (key.startsWith('v:') ? `[${key.slice(2)}]` : `.${key.slice(2)}`)).join('');
}
