/**
 * Who set which field (metadata.managedFields), as sets in the FieldsV1 form. Lists count as one field, as in
 * a custom resource without list types; real built-in resources go one level deeper in theirs.
 */
import {
  type GivenObject,
  isObject,
  type JsonObject,
  type KubeObject,
  type ManagedFields,
  sameJson,
  valueAt,
  withMember,
} from './value.ts';

export interface Author {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource: string | undefined;
  /** RFC 3339, whole seconds. */
  time: string;
}

/** Metadata that the server sets itself and that nobody owns. */
const UNOWNED = new Set([
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
  'managedFields',
]);

/** The fields of an object that can be owned; `self` marks each object itself with ".", as updates do. */
export function fieldsOf(object: GivenObject, self: boolean): JsonObject {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object;
  const meta = Object.fromEntries(Object.entries(metadata).filter(([name]) => !UNOWNED.has(name)));
  const fields = setOf(rest, self);
  delete fields['.'];
  const metaFields = setOf(meta, self);
  delete metaFields['.'];
  if (Array.isArray(meta.finalizers)) metaFields['f:finalizers'] = setOfItems(meta.finalizers, self);
  return Object.keys(metaFields).length > 0 ? { 'f:metadata': metaFields, ...fields } : fields;
}

function setOf(value: JsonObject, self: boolean): JsonObject {
  const members = Object.entries(value).map(([name, member]) => {
    const inner = isObject(member) && Object.keys(member).length > 0 ? setOf(member, self) : {};
    return [`f:${name}`, inner] as const;
  });
  return Object.fromEntries(self ? [['.', {}] as const, ...members] : members);
}

function setOfItems(items: unknown[], self: boolean): JsonObject {
  const members = items.map(item => [`v:${JSON.stringify(item)}`, {}] as const);
  return Object.fromEntries(self ? [['.', {}] as const, ...members] : members);
}

/** Entries after a write by PUT or PATCH: what changed is the author's now, and nobody else's any more. */
export function managedAfterUpdate(next: KubeObject, old: KubeObject | undefined, author: Author): ManagedFields[] {
  const present = fieldsOf(next, true);
  const changed = old ? changedFields(next, old, present) : present;
  const entries = (old?.metadata.managedFields ?? []).flatMap(entry => {
    const kept = both(isAuthor(entry, author) ? entry.fieldsV1 : without(entry.fieldsV1, changed), present);
    return isAuthor(entry, author) ? [withFields(entry, kept)] : nonEmpty(withFields(entry, kept));
  });
  return withAuthor(entries, author, fields => union(fields, changed));
}

/** Entries after an apply: the author owns exactly what was applied. */
export function managedAfterApply(
  next: KubeObject,
  old: KubeObject | undefined,
  applied: JsonObject,
  author: Author,
): ManagedFields[] {
  const present = union(fieldsOf(next, true), applied);
  const changed = old ? changedFields(next, old, fieldsOf(next, true)) : {};
  const entries = (old?.metadata.managedFields ?? []).flatMap(entry => {
    if (isAuthor(entry, author)) return [withFields(entry, entry.fieldsV1)];
    return nonEmpty(withFields(entry, both(without(entry.fieldsV1, changed), present)));
  });
  return withAuthor(entries, author, () => applied);
}

function withAuthor(
  entries: ManagedFields[],
  author: Author,
  change: (fields: JsonObject) => JsonObject,
): ManagedFields[] {
  const { time, manager, operation, apiVersion, subresource } = author;
  const mine = entries.find(entry => isAuthor(entry, author));
  const fieldsV1 = change(mine?.fieldsV1 ?? {});
  if (mine && sameJson(mine.fieldsV1, fieldsV1)) return entries;
  const entry: ManagedFields = {
    manager,
    operation,
    apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource && { subresource }),
  };
  const rest = entries.filter(other => other !== mine);
  return Object.keys(fieldsV1).length > 0 ? [...rest, entry] : rest;
}

function isAuthor(entry: ManagedFields, author: Author): boolean {
  return (
    entry.manager === author.manager &&
    entry.operation === author.operation &&
    entry.apiVersion === author.apiVersion &&
    (entry.subresource ?? '') === (author.subresource ?? '')
  );
}

function withFields(entry: ManagedFields, fieldsV1: JsonObject): ManagedFields {
  return sameJson(entry.fieldsV1, fieldsV1) ? entry : withMember(entry, 'fieldsV1', fieldsV1);
}

function nonEmpty(entry: ManagedFields): ManagedFields[] {
  return Object.keys(entry.fieldsV1).length > 0 ? [entry] : [];
}

/** Those of the fields whose value is not what it was. */
function changedFields(next: KubeObject, old: KubeObject, fields: JsonObject): JsonObject {
  return where(fields, path => !sameJson(valueOf(next, path), valueOf(old, path)));
}

function where(fields: JsonObject, keep: (path: readonly string[]) => boolean, path: string[] = []): JsonObject {
  const kept: [string, unknown][] = [];
  for (const [key, inner] of Object.entries(fields)) {
    const at = key === '.' ? path : [...path, key];
    if (isObject(inner) && Object.keys(inner).length > 0) {
      const below = where(inner, keep, at);
      if (Object.keys(below).length > 0) kept.push([key, below]);
    } else if (key === '.' ? keep([...path, '.']) : keep(at)) kept.push([key, {}]);
  }
  return Object.fromEntries(kept);
}

/** The value behind a path of FieldsV1 keys; for "." and set items whether it is there at all. */
export function valueOf(object: unknown, path: readonly string[]): unknown {
  const last = path.at(-1) ?? '';
  const names = path.filter(key => key.startsWith('f:')).map(key => key.slice(2));
  const value = valueAt(object, names);
  if (last === '.') return value !== undefined;
  return last.startsWith('v:') ? Array.isArray(value) && value.includes(JSON.parse(last.slice(2))) : value;
}

/** Leaf paths of a set, without the "." marks. */
export function leavesOf(fields: JsonObject, path: readonly string[] = []): string[][] {
  return Object.entries(fields).flatMap(([key, inner]) => {
    if (key === '.') return [];
    const below = isObject(inner) ? leavesOf(inner, [...path, key]) : [];
    return below.length > 0 ? below : [[...path, key]];
  });
}

export function union(a: JsonObject, b: JsonObject): JsonObject {
  const merged = new Map(Object.entries(a));
  for (const [key, inner] of Object.entries(b)) {
    const mine = merged.get(key);
    merged.set(key, isObject(mine) && isObject(inner) ? union(mine, inner) : inner);
  }
  return Object.fromEntries(merged);
}

export function without(a: JsonObject, b: JsonObject): JsonObject {
  const kept = Object.entries(a).flatMap(([key, inner]) => {
    if (!Object.hasOwn(b, key)) return [[key, inner] as const];
    const left = isObject(inner) && isObject(b[key]) ? without(inner, b[key]) : {};
    return Object.keys(left).length > 0 ? [[key, leafIfBare(left)] as const] : [];
  });
  return Object.fromEntries(kept);
}

/** Those of `a` that are in `b` too; a field of `a` that is a leaf there counts when `b` has anything below it. */
function both(a: JsonObject, b: JsonObject): JsonObject {
  const kept = Object.entries(a).flatMap(([key, inner]) => {
    if (!Object.hasOwn(b, key)) return [];
    if (!isObject(inner) || Object.keys(inner).length === 0) return [[key, {}] as const];
    const shared = both(inner, isObject(b[key]) ? b[key] : {});
    return Object.keys(shared).length > 0 ? [[key, leafIfBare(shared)] as const] : [];
  });
  return Object.fromEntries(kept);
}

/** A set that holds nothing but itself is written as a leaf. */
function leafIfBare(fields: JsonObject): JsonObject {
  return Object.keys(fields).every(key => key === '.') ? {} : fields;
}
