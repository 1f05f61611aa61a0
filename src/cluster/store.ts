/** What a reflector knows of one resource: the projected objects by namespace and name, and how new that knowledge is. */
import type { ObjectKey } from './resource.ts';
import { parseVersion, type Version } from './resourceVersion.ts';

/** Reading side of a store. */
export interface Cache<T> {
  get(key: ObjectKey): T | undefined;
  /** Every object; of equal content until the next change, in no promised order. */
  list(): readonly T[];
  in(namespace: string): readonly T[];
  readonly size: number;
  /** uid of the cached object, to tell it from another of the same name. */
  uidOf(key: ObjectKey): string | undefined;
  /** Newest version of the collection that was seen; undefined before the first list. */
  readonly resourceVersion: string | undefined;
  /** Whether everything up to this version has been seen. */
  hasReached(resourceVersion: string): boolean;
}

export interface Entry<T> {
  uid: string;
  version: Version;
  value: T;
}

/** One of the values is undefined for an object that came or went. */
export interface Change<T> {
  key: ObjectKey;
  before: T | undefined;
  after: T | undefined;
}

export class Store<T> implements Cache<T> {
  #namespaces = new Map<string, Map<string, Entry<T>>>();
  #size = 0;
  #version: Version | undefined;

  get(key: ObjectKey): T | undefined {
    return this.entry(key)?.value;
  }

  list(): readonly T[] {
    const all: T[] = [];
    for (const names of this.#namespaces.values()) for (const entry of names.values()) all.push(entry.value);
    return all;
  }

  in(namespace: string): readonly T[] {
    return Array.from(this.#namespaces.get(namespace)?.values() ?? [], entry => entry.value);
  }

  get size(): number {
    return this.#size;
  }

  uidOf(key: ObjectKey): string | undefined {
    return this.entry(key)?.uid;
  }

  get resourceVersion(): string | undefined {
    return this.#version?.toString();
  }

  hasReached(resourceVersion: string): boolean {
    const version = parseVersion(resourceVersion);
    if (version === undefined) throw new RangeError(`${JSON.stringify(resourceVersion)} is not a resourceVersion`);
    return this.#version !== undefined && this.#version >= version;
  }

  // The writing side, for the reflector.

  get version(): Version | undefined {
    return this.#version;
  }

  entry(key: ObjectKey): Entry<T> | undefined {
    return this.#namespaces.get(key.namespace)?.get(key.name);
  }

  put(key: ObjectKey, entry: Entry<T>): Change<T>[] {
    const known = this.entry(key);
    let names = this.#namespaces.get(key.namespace);
    if (names === undefined) this.#namespaces.set(key.namespace, (names = new Map()));
    if (known === undefined) this.#size++;
    names.set(key.name, entry);
    if (known === undefined || known.uid === entry.uid) return [{ key, before: known?.value, after: entry.value }];
    // another object of the same name: the one that was known is gone
    return [
      { key, before: known.value, after: undefined },
      { key, before: undefined, after: entry.value },
    ];
  }

  remove(key: ObjectKey): Change<T>[] {
    const known = this.entry(key);
    if (known === undefined) return [];
    const names = this.#namespaces.get(key.namespace)!;
    names.delete(key.name);
    if (names.size === 0) this.#namespaces.delete(key.namespace);
    this.#size--;
    return [{ key, before: known.value, after: undefined }];
  }

  /** Takes over a complete list. What is cached in a newer version than listed stays. */
  replace(listed: readonly (readonly [ObjectKey, Entry<T>])[]): Change<T>[] {
    const changes: Change<T>[] = [];
    const here = new Set(listed.map(([key]) => `${key.namespace}/${key.name}`));
    for (const [namespace, names] of this.#namespaces) {
      for (const name of names.keys()) {
        if (!here.has(`${namespace}/${name}`)) changes.push(...this.remove({ namespace, name }));
      }
    }
    for (const [key, entry] of listed) {
      const known = this.entry(key);
      if (known?.uid !== entry.uid || known.version < entry.version) changes.push(...this.put(key, entry));
    }
    return changes;
  }

  /** Notes that everything up to this version has been seen. Never goes back. */
  advance(version: Version): void {
    if (this.#version !== undefined && version <= this.#version) return;
    this.#version = version;
  }
}
