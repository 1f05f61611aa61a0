/**
 * Keeps a cache of one resource true to the API server: lists, watches, and begins again after whatever goes wrong.
 * It tells listeners which keys changed; what they are now is in the cache.
 */
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { KubeError } from './errors.ts';
import type { Log } from './log.ts';
import { pauseAfter } from './pause.ts';
import { type KubeObject, type ObjectKey, type Resource, resourceName } from './resource.ts';
import { parseVersion, type Version } from './resourceVersion.ts';
import { type Cache, type Change, type Entry, Store } from './store.ts';
import { guard } from './watchdog.ts';
import { type Identified, identify, readWatchLine, type WatchEvent } from './watchEvent.ts';

export interface ReflectorOptions<T> {
  client: KubeClient;
  resource: Resource;
  /** All namespaces unless given. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** What to keep of an object. An object for which it throws is left out and logged. */
  project: (raw: KubeObject) => T;
  clock: Clock;
  /** Uniform in [0, 1). */
  random: () => number;
  log: Log;
  /** Without a line (bookmarks count, and come about once a minute) for so long the watch is taken for dead. 5 min. */
  idleMs?: number;
}

export interface ReflectorState {
  /** Synced: listed, and watching. Listing: a list is under way. Waiting: something failed, and is tried again soon. */
  kind: 'Synced' | 'Listing' | 'Waiting';
  /** What went wrong last, while it is not yet mended. */
  problem?: string;
}

/** Called after the cache has changed; one of the two values is undefined for an object that came or went. */
export type ChangeListener<T> = (key: ObjectKey, before: T | undefined, after: T | undefined) => void;

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A watch that lived so long ends in order, and wipes out the failures before it. */
const HEALTHY_MS = 10_000;
/** The server ends a watch after this and up to a minute more, so that not all watches end together. */
const WATCH_SECONDS = 240;

export class Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  readonly #about: string;
  readonly #idleMs: number;
  readonly #store = new Store<T>();
  readonly #listeners: ChangeListener<T>[] = [];
  readonly #synced = Promise.withResolvers<void>();
  #state: ReflectorState = { kind: 'Listing' };
  #isSynced = false;
  #blindSince: number | undefined;
  #watchOpened = 0;

  constructor(options: ReflectorOptions<T>) {
    const { idleMs = 300_000, clock, namespace, resource } = options;
    if (!(idleMs > 0)) throw new RangeError(`idleMs must be greater than 0, not ${idleMs}`);
    this.#options = options;
    this.#idleMs = idleMs;
    this.#about = namespace === undefined ? resourceName(resource) : `${resourceName(resource)} in ${namespace}`;
    this.#blindSince = clock.monotonic();
    // nobody need wait for it
    this.#synced.promise.catch(() => undefined);
  }

  get cache(): Cache<T> {
    return this.#store;
  }

  get resource(): Resource {
    return this.#options.resource;
  }

  get state(): ReflectorState {
    return this.#state;
  }

  /** Whether the cache holds a complete list; false again when the resource itself is no longer served. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Resolves after the first complete list; rejects when the reflector is stopped before. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** For how long there has been no open watch, milliseconds; 0 while there is one. */
  get blindMs(): number {
    return this.#blindSince === undefined ? 0 : this.#options.clock.monotonic() - this.#blindSince;
  }

  onChange(listener: ChangeListener<T>): void {
    this.#listeners.push(listener);
  }

  /** Runs until the signal fires; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    let listed = false;
    while (!signal.aborted) {
      this.#watchOpened = Number.POSITIVE_INFINITY;
      let problem: unknown;
      try {
        if (!listed) await this.#list(signal);
        listed = true;
        await this.#watch(signal);
        if (this.#watchLived() >= HEALTHY_MS) {
          failures = 0;
          continue;
        }
        problem = new KubeError('Unavailable', `watch ${this.#about}: the API server ended it at once`);
      } catch (error) {
        problem = error;
      }
      if (signal.aborted) break;
      if (this.#watchLived() >= HEALTHY_MS) failures = 0;
      listed &&= !isLost(problem);
      this.#fail(problem);
      const share = 0.5 + this.#options.random() / 2;
      await this.#options.clock.wait(pauseAfter(failures++, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, problem, share), signal);
    }
    this.#synced.reject(signal.reason);
  }

  async #list(signal: AbortSignal): Promise<void> {
    this.#state = { ...this.#state, kind: 'Listing' };
    const { client, resource, namespace, labelSelector, fieldSelector } = this.#options;
    const listed: [ObjectKey, Entry<T>][] = [];
    let version: Version | undefined;
    for await (const page of client.pages(resource, { namespace, labelSelector, fieldSelector, signal })) {
      version = parseVersion(page.resourceVersion);
      for (const object of page.items) {
        const of = identify(object, this.#about);
        const entry = this.#project(of);
        if (entry !== undefined) listed.push([of.key, entry]);
      }
    }
    if (version === undefined) throw new KubeError('Unavailable', `list ${this.#about}: it has no version`);
    const newest = this.#store.version;
    if (newest !== undefined && version < newest) {
      const advice = 'if its database was restored from a backup, restart the operator';
      throw new KubeError('Unavailable', `list ${this.#about}: the API server has gone back in time; ${advice}`);
    }
    const changes = this.#store.replace(listed);
    this.#store.advance(version);
    this.#isSynced = true;
    this.#synced.resolve();
    this.#notify(changes);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, resource, namespace, labelSelector, fieldSelector, clock, random } = this.#options;
    const attempt = new AbortController();
    let heard = clock.monotonic();
    this.#watchOpened = heard;
    const watchdog = guard(attempt, clock, () => heard, this.#idleMs, `watch ${this.#about}`);
    try {
      const lines = await client.watch(resource, {
        namespace,
        labelSelector,
        fieldSelector,
        resourceVersion: this.#store.resourceVersion!,
        timeoutSeconds: WATCH_SECONDS + Math.floor(random() * 60),
        signal: AbortSignal.any([signal, attempt.signal]),
      });
      if (this.#state.problem !== undefined)
        this.#options.log.info('resource in sight again', { resource: this.#about });
      this.#state = { kind: 'Synced' };
      this.#blindSince = undefined;
      for await (const line of lines) {
        heard = clock.monotonic();
        if (line !== '') this.#apply(readWatchLine(line, this.#about, clock.now()));
      }
    } finally {
      this.#blindSince ??= clock.monotonic();
      attempt.abort();
      await watchdog;
    }
  }

  #apply(event: WatchEvent): void {
    if (event.type === 'Bookmark') return this.#store.advance(event.version);
    const { key, uid, version } = event.of;
    const known = this.#store.entry(key);
    const newest = this.#store.version ?? 0n;
    if (version <= newest) {
      // a repetition, or an old copy of what is known newer: nothing to learn
      if (version === newest || (known?.uid === uid && known.version >= version)) return;
      throw new KubeError('Gone', `watch ${this.#about}: events came out of order: listing again`);
    }
    const entry = event.type === 'Deleted' ? undefined : this.#project(event.of);
    const changes = entry === undefined ? this.#store.remove(key) : this.#store.put(key, entry);
    this.#store.advance(version);
    this.#notify(changes);
  }

  #project({ key, uid, version, object }: Identified): Entry<T> | undefined {
    try {
      return { uid, version, value: this.#options.project(object) };
    } catch (error) {
      this.#options.log.error('an object cannot be read and is left out', { ...this.#fields(error), ...key });
      return undefined;
    }
  }

  #notify(changes: Change<T>[]): void {
    for (const { key, before, after } of changes) {
      for (const listener of this.#listeners) {
        try {
          listener(key, before, after);
        } catch (error) {
          this.#options.log.error('a listener failed', { ...this.#fields(error), ...key });
        }
      }
    }
  }

  #watchLived(): number {
    return this.#options.clock.monotonic() - this.#watchOpened;
  }

  #fail(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    // a resource that is not served (any more) has no objects, and what is cached says nothing
    if (error instanceof KubeError && error.kind === 'NotFound') this.#isSynced = false;
    // once for each problem, not for each try
    if (problem !== this.#state.problem) this.#options.log.warn('lost sight of a resource', this.#fields(error));
    this.#state = { kind: 'Waiting', problem };
  }

  #fields(error: unknown): Record<string, unknown> {
    return { resource: this.#about, error: error instanceof Error ? error.message : String(error) };
  }
}

/** Whether the version to watch from is of no use any more. */
function isLost(error: unknown): boolean {
  return error instanceof KubeError && (error.kind === 'Gone' || error.kind === 'NotFound');
}
