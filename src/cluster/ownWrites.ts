/**
 * What the operator wrote itself, so that nothing is decided on a cache that has not seen it yet.
 */
import type { ObjectKey } from './resource.ts';
import { parseVersion, type Version } from './resourceVersion.ts';
import type { Cache } from './store.ts';

interface Deleted {
  key: ObjectKey;
  uid: string;
  /** Version in which it was deleted. A cache that is older may not have seen it coming yet. */
  resourceVersion: string;
}

interface Written {
  newest: Version;
  /** Deleted objects by key; the answer to a delete names no version, so the object has to be seen going. */
  deleted: Map<string, Deleted>;
}

export class OwnWrites {
  readonly #kinds = new Map<string, Written>();

  /** Notes a version that a write of this kind was answered with. */
  wrote(kind: string, resourceVersion: string): void {
    const version = parseVersion(resourceVersion);
    if (version === undefined) return;
    const written = this.#of(kind);
    if (version > written.newest) written.newest = version;
  }

  /** Notes that a delete of the object in this version was accepted. */
  deleted(kind: string, key: ObjectKey, uid: string, resourceVersion: string): void {
    this.#of(kind).deleted.set(`${key.namespace}/${key.name}`, { key, uid, resourceVersion });
  }

  /** Newest version written, as the API server gave it; undefined before the first write of the kind. */
  newest(kind: string): string | undefined {
    const newest = this.#kinds.get(kind)?.newest;
    return newest === undefined || newest === 0n ? undefined : newest.toString();
  }

  /** Whether the cache of a kind has seen every write of this kind. */
  seenBy(kind: string, cache: Cache<unknown>): boolean {
    const written = this.#kinds.get(kind);
    if (written === undefined) return true;
    for (const [name, { key, uid, resourceVersion }] of written.deleted) {
      if (cache.hasReached(resourceVersion) && cache.uidOf(key) !== uid) written.deleted.delete(name);
    }
    return written.deleted.size === 0 && cache.hasReached(written.newest.toString());
  }

  #of(kind: string): Written {
    let written = this.#kinds.get(kind);
    if (written === undefined) this.#kinds.set(kind, (written = { newest: 0n, deleted: new Map() }));
    return written;
  }
}
