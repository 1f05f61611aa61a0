/**
 * Strategic merge patch as kubectl sends it for built-in resources: a merge patch whose lists of named things are
 * merged by their key, with a few `$` directives.
 */
import { isObject, type JsonObject, sameJson } from './value.ts';

/** Lists that are merged, and the member that names their items; the first one that the items have counts. */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  env: ['name'],
  ports: ['containerPort', 'port'],
  imagePullSecrets: ['name'],
  secrets: ['name'],
  ownerReferences: ['uid'],
  conditions: ['type'],
  addresses: ['type'],
};

export function strategicMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  if (patch.$patch === 'replace') return withoutDirectives(patch);
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  const retained = Array.isArray(patch.$retainKeys) ? new Set(patch.$retainKeys) : undefined;
  for (const name of merged.keys()) if (retained && !retained.has(name)) merged.delete(name);
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$deleteFromPrimitiveList/')) removeItems(merged, name.slice(name.indexOf('/') + 1), value);
    if (name.startsWith('$')) continue;
    if (value === null) merged.delete(name);
    else if (Array.isArray(value)) merged.set(name, mergeList(name, merged.get(name), value));
    else merged.set(name, strategicMergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

function mergeList(name: string, target: unknown, patch: unknown[]): unknown[] {
  const items = Array.isArray(target) ? target : [];
  if (name === 'finalizers') return [...new Set([...items, ...patch])];
  const key = MERGE_KEYS[name]?.find(candidate =>
    patch.every(item => isObject(item) && Object.hasOwn(item, candidate)),
  );
  if (key === undefined || patch.some(item => isObject(item) && item.$patch === 'replace')) {
    return patch.filter(item => !isObject(item) || item.$patch !== 'replace');
  }
  let merged = items;
  for (const item of patch as JsonObject[]) {
    const index = merged.findIndex(other => isObject(other) && sameJson(other[key], item[key]));
    if (item.$patch === 'delete') merged = index < 0 ? merged : merged.toSpliced(index, 1);
    else if (index < 0) merged = [...merged, withoutDirectives(item)];
    else merged = merged.with(index, strategicMergePatch(merged[index], item));
  }
  return merged;
}

function removeItems(members: Map<string, unknown>, name: string, items: unknown): void {
  const list = members.get(name);
  if (!Array.isArray(list) || !Array.isArray(items)) return;
  members.set(
    name,
    list.filter(item => !items.some(gone => sameJson(gone, item))),
  );
}

function withoutDirectives(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !name.startsWith('$')));
}
