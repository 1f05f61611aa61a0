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
  /** How the resource's objects are marked. */
  marks: 'all' | 'maps';
  /** Fields that this kind of write sets for nobody, such as the status when it has a door of its own. */
  unowned: JsonObject;
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

/** Members of built-in objects that are maps; the others are structures, which are not marked. */
const MAPS = new Set(['labels', 'annotations', 'finalizers', 'ownerReferences', 'data', 'binaryData', 'matchLabels']);

/** Members of built-in objects that are owned as a whole. */
const REFERENCES = new Set(['involvedObject', 'regarding', 'related']);

type Marks = 'all' | 'maps' | 'none';

/**
 * The fields of an object that can be owned. An update marks each object itself, too, with "." (of built-in
 * objects only the maps); an apply marks none.
 */
export function fieldsOf(object: GivenObject, marks: Marks): JsonObject {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = object;
  const meta = Object.fromEntries(Object.entries(metadata).filter(([name]) => !UNOWNED.has(name)));
  const { '.': _self, ...fields } = setOf(rest, marks);
  const { '.': _own, ...metaFields } = setOf(meta, marks);
  if (Array.isArray(meta.finalizers)) {
    const items = meta.finalizers.map(item => [`v:${JSON.stringify(item)}`, {}] as const);
    metaFields['f:finalizers'] = { ...(marks !== 'none' && { '.': {} }), ...Object.fromEntries(items) };
  }
  return Object.keys(metaFields).length > 0 ? { 'f:metadata': metaFields, ...fields } : fields;
}

function setOf(value: JsonObject, marks: Marks, name = ''): JsonObject {
  const isMarked = marks === 'all' || (marks === 'maps' && MAPS.has(name));
  const isTyped = marks === 'maps';
  const told = Object.entries(value).filter(([, member]) => !isTyped || (member !== null && member !== ''));
  const members = told.map(([key, member]) => {
    const isWhole = !isObject(member) || Object.keys(member).length === 0 || (isTyped && REFERENCES.has(key));
    // an apply that gives an empty object asks for the object, not for its members
    const empty = marks === 'none' && isObject(member) ? { '.': {} } : {};
    const inner = isWhole ? empty : setOf(member, marks, key);
    return [`f:${key}`, inner] as const;
  });
  return { ...(isMarked && { '.': {} }), ...Object.fromEntries(members) };
}

/** Entries after a write by PUT or PATCH: what changed is the author's now, and nobody else's any more. */
export function managedAfterUpdate(next: KubeObject, old: KubeObject | undefined, author: Author): ManagedFields[] {
  const present = fieldsOf(next, author.marks);
  const mine = without(present, author.unowned);
  const changed = old ? changedFields(next, old, mine) : mine;
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
  const own = fieldsOf(next, author.marks);
  const present = union(own, applied);
  const changed = old ? changedFields(next, old, own) : {};
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
  if (mine && Object.keys(fieldsV1).length > 0 && sameJson(mine.fieldsV1, fieldsV1)) return entries;
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
    const at = [...path, key];
    return isObject(inner) && Object.keys(inner).length > 0 ? leavesOf(inner, at) : [at];
  });
}

export function union(a: JsonObject, b: JsonObject): JsonObject {
  const merged = new Map(Object.entries(a));
  for (const [key, inner] of Object.entries(b)) {
    const mine = merged.get(key);
    merged.set(key, isObject(mine) && isObject(inner) ? joined(mine, inner) : inner);
  }
  return Object.fromEntries(merged);
}

/** A leaf that joins a set with members marks that set itself. */
function joined(a: JsonObject, b: JsonObject): JsonObject {
  const isLeaf = (fields: JsonObject) => Object.keys(fields).length === 0;
  return isLeaf(a) === isLeaf(b) ? union(a, b) : { '.': {}, ...a, ...b };
}

function without(a: JsonObject, b: JsonObject): JsonObject {
  const kept = Object.entries(a).flatMap(([key, inner]) => {
    if (!Object.hasOwn(b, key)) return [[key, inner] as const];
    const isWhole = isObject(b[key]) && Object.keys(b[key]).length === 0;
    const left = isObject(inner) && isObject(b[key]) && !isWhole ? without(inner, b[key]) : {};
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
