/**
 * The revisions: every write makes the next one, objects never change in place, and the past is kept for a
 * while, so that a list can be read as of a revision and a watch can resume from one.
 */
import { freeze, type KubeObject, withMember } from './value.ts';

export interface Revision {
  revision: number;
  verb: 'create' | 'update' | 'delete';
  /** Where the object is stored: `pods`, `mtlsrollouts.mtlsrollout.io`. */
  table: string;
  /** After the write; for a delete the last state, with the revision of the delete. */
  object: KubeObject;
  previous: KubeObject | undefined;
}

/** Objects of one namespace (or all cluster-scoped ones) of a table, and their names in order. */
class Bucket {
  readonly objects = new Map<string, KubeObject>();
  #names: string[] | undefined;

  /** Sorted; computed when first asked after a name came or went. */
  get names(): readonly string[] {
    this.#names ??= [...this.objects.keys()].sort();
    return this.#names;
  }

  namesChanged(): void {
    this.#names = undefined;
  }
}

export class Store {
  readonly #tables = new Map<string, Map<string, Bucket>>();
  readonly #history: Revision[] = [];
  readonly #limit: number;
  readonly #listeners = new Set<(revision: Revision) => void>();
  #revision = 0;
  #compacted = 0;

  constructor(historyLimit: number) {
    if (!Number.isInteger(historyLimit) || historyLimit < 1) {
      throw new RangeError(`historyLimit must be a whole number from 1 up, got ${historyLimit}`);
    }
    this.#limit = historyLimit;
  }

  /** Newest revision. */
  get revision(): number {
    return this.#revision;
  }

  /** Revisions up to here are forgotten: a watch may start from here, not before. */
  get compacted(): number {
    return this.#compacted;
  }

  get history(): readonly Revision[] {
    return this.#history;
  }

  get(table: string, namespace: string, name: string): KubeObject | undefined {
    return this.#tables.get(table)?.get(namespace)?.objects.get(name);
  }

  /** Stores the object as the next revision, create or update by whether it was there. */
  set(table: string, object: KubeObject): KubeObject {
    const bucket = this.#bucket(table, object.metadata.namespace ?? '');
    const previous = bucket.objects.get(object.metadata.name);
    const stored = this.#stamp(object);
    bucket.objects.set(stored.metadata.name, stored);
    if (!previous) bucket.namesChanged();
    this.#record({ revision: this.#revision, verb: previous ? 'update' : 'create', table, object: stored, previous });
    return stored;
  }

  delete(table: string, namespace: string, name: string): KubeObject | undefined {
    const bucket = this.#tables.get(table)?.get(namespace);
    const previous = bucket?.objects.get(name);
    if (!bucket || !previous) return undefined;
    bucket.objects.delete(name);
    bucket.namesChanged();
    if (bucket.objects.size === 0) this.#tables.get(table)?.delete(namespace);
    const object = this.#stamp(previous);
    this.#record({ revision: this.#revision, verb: 'delete', table, object, previous });
    return object;
  }

  /** Objects in key order, from the one after `after` (`namespace/name`) on; all namespaces without one. */
  *list(table: string, namespace?: string, after?: string): Generator<KubeObject> {
    const buckets = this.#tables.get(table);
    if (!buckets) return;
    const namespaces = namespace === undefined ? [...buckets.keys()] : [namespace];
    // etcd orders by whole key, so "a-b/x" comes before "a/x"
    namespaces.sort((a, b) => (`${a}/` < `${b}/` ? -1 : 1));
    for (const space of namespaces) {
      const bucket = buckets.get(space);
      if (!bucket) continue;
      const names = bucket.names;
      for (let index = after === undefined ? 0 : firstAfter(names, space, after); index < names.length; index++) {
        const object = bucket.objects.get(names[index]!);
        if (object) yield object;
      }
    }
  }

  /** Like `list`, as it was at a revision that is not compacted yet. */
  *listAt(revision: number, table: string, namespace?: string, after?: string): Generator<KubeObject> {
    const then = this.#undone(revision, table, namespace);
    if (then.size === 0) {
      yield* this.list(table, namespace, after);
      return;
    }
    const appeared = [...then]
      .filter(([key, object]) => object !== undefined && (after === undefined || key > after))
      .sort(([a], [b]) => (a < b ? -1 : 1));
    for (const object of this.list(table, namespace, after)) {
      const key = keyOf(object);
      while (appeared.length > 0 && appeared[0]![0] < key) yield appeared.shift()![1]!;
      if (!then.has(key)) yield object;
      else if (appeared[0]?.[0] === key) yield appeared.shift()![1]!;
    }
    for (const [, object] of appeared) yield object!;
  }

  /** Revisions after the given one, oldest first. */
  since(revision: number): readonly Revision[] {
    return this.#history.slice(this.#firstAfter(revision));
  }

  size(table: string): number {
    let count = 0;
    for (const bucket of this.#tables.get(table)?.values() ?? []) count += bucket.objects.size;
    return count;
  }

  /** Tables that hold something in the namespace. */
  tablesWith(namespace: string): string[] {
    return [...this.#tables].filter(([, buckets]) => buckets.has(namespace)).map(([table]) => table);
  }

  /** Called with every revision, in order, inside the write. Returns how to stop that. */
  subscribe(listener: (revision: Revision) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Forgets all revisions up to this one (the newest, unless given). */
  compact(revision = this.#revision): void {
    this.#history.splice(0, this.#firstAfter(revision));
    this.#compacted = Math.max(this.#compacted, Math.min(revision, this.#revision));
  }

  #bucket(table: string, namespace: string): Bucket {
    const buckets = this.#tables.get(table) ?? new Map<string, Bucket>();
    this.#tables.set(table, buckets);
    const bucket = buckets.get(namespace) ?? new Bucket();
    buckets.set(namespace, bucket);
    return bucket;
  }

  #stamp(object: KubeObject): KubeObject {
    this.#revision++;
    return freeze({
      ...object,
      metadata: withMember(object.metadata, 'resourceVersion', String(this.#revision)),
    });
  }

  #record(entry: Revision): void {
    this.#history.push(freeze(entry));
    // dropped in strides, since every drop moves the rest
    if (this.#history.length >= this.#limit * 1.25 + 1) this.compact(this.#revision - this.#limit);
    for (const listener of this.#listeners) listener(entry);
  }

  #firstAfter(revision: number): number {
    const first = this.#history[0];
    return first ? Math.max(0, Math.min(this.#history.length, revision - first.revision + 1)) : 0;
  }

  /** What stood at that revision under the keys that were written since; undefined: not there. */
  #undone(revision: number, table: string, namespace: string | undefined): Map<string, KubeObject | undefined> {
    const then = new Map<string, KubeObject | undefined>();
    for (const entry of this.since(revision)) {
      if (entry.table !== table) continue;
      if (namespace !== undefined && (entry.object.metadata.namespace ?? '') !== namespace) continue;
      const key = keyOf(entry.object);
      if (!then.has(key)) then.set(key, entry.previous);
    }
    return then;
  }
}

export function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

/** Index of the first name whose key comes after the given key. */
function firstAfter(names: readonly string[], namespace: string, after: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (`${namespace}/${names[middle]}` > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
