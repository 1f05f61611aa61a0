/** WATCH: the revisions of one resource as lines, from where the client left off, until either side ends it. */
import type { Clock } from '../../cluster/clock.ts';
import { expired } from './failure.ts';
import { checkWatchOptions, isTrue, parseTimeout, parseVersion, type Query } from './listOptions.ts';
import { matcherOf } from './lists.ts';
import type { Resource } from './resource.ts';
import type { Revision, Store } from './store.ts';
import { type KubeObject, withMember } from './value.ts';

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
/** How an object looks inside an event: itself, or a row of a table. */
export type Encode = (object: KubeObject) => unknown;

/** How often a quiet watch hears a bookmark, as on a real server. */
const BOOKMARK_MS = 60_000;

/** Marks the bookmark that ends the initial events of a watch that asked for them. */
const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' };

/** Lines that wait for their reader. */
class Lines implements AsyncIterable<string> {
  #waiting: string[] = [];
  #end: { error: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(line: string): void {
    this.#waiting.push(line);
    this.#wake?.();
  }

  end(error?: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (;;) {
      const batch = this.#waiting;
      this.#waiting = [];
      yield* batch;
      if (this.#waiting.length > 0) continue;
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end) return;
      await new Promise<void>(resolve => (this.#wake = resolve));
    }
  }
}

interface Watcher {
  resource: Resource;
  namespace: string | undefined;
  isMatch(object: KubeObject): boolean;
  encode: Encode;
  lines: Lines;
  /** Newest revision that this watch has passed. */
  revision: number;
  stop: AbortController;
}

export class Watches {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #watchers = new Set<Watcher>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    store.subscribe(revision => {
      for (const watcher of this.#watchers) tell(watcher, revision);
    });
  }

  get open(): number {
    return this.#watchers.size;
  }

  start(
    resource: Resource,
    namespace: string | undefined,
    query: Query,
    encode: Encode,
    signal?: AbortSignal,
  ): AsyncIterable<string> {
    const watcher: Watcher = {
      resource,
      namespace,
      isMatch: matcherOf(resource, query),
      encode,
      lines: new Lines(),
      revision: parseVersion(query.resourceVersion),
      stop: new AbortController(),
    };
    checkWatchOptions(query);
    const seconds = parseTimeout(query.timeoutSeconds);
    const bookmarks = isTrue(query.allowWatchBookmarks);
    if (!this.#catchUp(watcher, query.sendInitialEvents)) return watcher.lines;
    if (bookmarks && isTrue(query.sendInitialEvents)) this.#bookmark(watcher, INITIAL_EVENTS_END);
    this.#watchers.add(watcher);
    const abort = () => this.#close(watcher, signal?.reason);
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
    watcher.stop.signal.addEventListener('abort', () => signal?.removeEventListener('abort', abort), { once: true });
    if (seconds !== undefined || bookmarks) void this.#keepTime(watcher, seconds, bookmarks);
    return this.#reading(watcher);
  }

  /** Ends all open watches: cleanly, or as a broken connection when there is an error. */
  cut(error?: Error): void {
    for (const watcher of this.#watchers) this.#close(watcher, error);
  }

  /** Ends the watches of a resource that is no longer served. */
  endOf(table: string): void {
    for (const watcher of this.#watchers) if (watcher.resource.table === table) this.#close(watcher);
  }

  /** Sends everybody a bookmark now. */
  bookmark(): void {
    for (const watcher of this.#watchers) this.#bookmark(watcher);
  }

  /** What happened before the watch began; false: that is forgotten, and the watch is over. */
  #catchUp(watcher: Watcher, initial: string | undefined): boolean {
    const { lines, resource, namespace } = watcher;
    if (isTrue(initial) || (watcher.revision === 0 && initial === undefined)) {
      for (const stored of this.#store.list(resource.table, namespace)) {
        const object = resource.read(stored);
        if (watcher.isMatch(object)) send(watcher, 'ADDED', object);
      }
      watcher.revision = this.#store.revision;
    } else if (watcher.revision === 0) {
      watcher.revision = this.#store.revision;
    } else if (watcher.revision < this.#store.compacted) {
      const why = `too old resource version: ${watcher.revision} (${this.#store.compacted})`;
      lines.push(JSON.stringify({ type: 'ERROR', object: expired(why).status }));
      lines.end();
      return false;
    } else for (const revision of this.#store.since(watcher.revision)) tell(watcher, revision);
    return true;
  }

  async *#reading(watcher: Watcher): AsyncGenerator<string> {
    try {
      yield* watcher.lines;
    } finally {
      this.#close(watcher);
    }
  }

  async #keepTime(watcher: Watcher, seconds: number | undefined, bookmarks: boolean): Promise<void> {
    const end = seconds === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonic() + seconds * 1000;
    while (!watcher.stop.signal.aborted) {
      const left = end - this.#clock.monotonic();
      await this.#clock.wait(bookmarks ? Math.min(left, BOOKMARK_MS) : left, watcher.stop.signal);
      if (watcher.stop.signal.aborted) return;
      if (bookmarks) this.#bookmark(watcher);
      if (this.#clock.monotonic() >= end) this.#close(watcher);
    }
  }

  #bookmark(watcher: Watcher, annotations?: Record<string, string>): void {
    const { apiVersion, kind } = watcher.resource;
    watcher.revision = Math.max(watcher.revision, this.#store.revision);
    const metadata = { resourceVersion: String(watcher.revision), ...(annotations && { annotations }) };
    watcher.lines.push(JSON.stringify({ type: 'BOOKMARK', object: { kind, apiVersion, metadata } }));
  }

  #close(watcher: Watcher, error?: unknown): void {
    this.#watchers.delete(watcher);
    watcher.lines.end(error);
    watcher.stop.abort();
  }
}

function tell(watcher: Watcher, { revision, verb, table, object, previous }: Revision): void {
  const { resource, namespace } = watcher;
  if (table !== resource.table || revision <= watcher.revision) return;
  if (namespace !== undefined && object.metadata.namespace !== namespace) return;
  const now = resource.read(object);
  const isIn = verb !== 'delete' && watcher.isMatch(now);
  const wasIn = previous !== undefined && watcher.isMatch(resource.read(previous));
  watcher.revision = revision;
  if (isIn) send(watcher, wasIn ? 'MODIFIED' : 'ADDED', now);
  // an object that no longer matches leaves as it last matched, with the revision of the change
  else if (wasIn && previous) send(watcher, 'DELETED', lastSeen(resource.read(previous), revision));
}

function lastSeen(previous: KubeObject, revision: number): KubeObject {
  return { ...previous, metadata: withMember(previous.metadata, 'resourceVersion', String(revision)) };
}

function send(watcher: Watcher, type: EventType, object: KubeObject): void {
  watcher.lines.push(JSON.stringify({ type, object: watcher.encode(object) }));
}
