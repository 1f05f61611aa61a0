/** Looking at a cluster from outside: waiting for what an object becomes, and recording everything that happens. */
import type { Transport } from '../../src/cluster/transport.ts';
import { waitFor } from './waiting.ts';

export interface Seen {
  apiVersion?: string;
  kind?: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    creationTimestamp: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
}

export interface Happened {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: Seen;
}

/** The object at `path`; undefined where there is none. */
export async function read<T = Seen>(api: Transport, path: string): Promise<T | undefined> {
  const { status, body } = await api.call({ method: 'GET', path });
  if (status === 404) return undefined;
  if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${JSON.stringify(body)}`);
  return body as T;
}

/** All objects of a collection. */
export async function readAll<T = Seen>(api: Transport, path: string): Promise<T[]> {
  return (await read<{ items: T[] }>(api, path))?.items ?? [];
}

/**
 * Waits until the object at `path` is as wanted, and returns it. Every version of the object is looked at (a watch
 * from the version that was read), so a state that lasts a millisecond is not missed.
 */
export async function waitForObject<T = Seen>(
  api: Transport,
  path: string,
  wanted: (object: T) => boolean,
  description: string,
  timeoutMs: number,
): Promise<T> {
  let last: T | undefined;
  const look = async (signal: AbortSignal): Promise<T | undefined> => {
    last = await read<T>(api, path);
    if (last === undefined || wanted(last)) return last;
    const from = (last as Seen).metadata.resourceVersion;
    for await (const { type, object } of watch(api, path, from, signal)) {
      if (type === 'DELETED') return undefined;
      last = object as T;
      if (wanted(last)) return last;
    }
    return undefined;
  };
  try {
    return await waitFor(look, description, timeoutMs);
  } catch (cause) {
    throw new Error(`waited ${timeoutMs} ms for ${description}; last seen: ${shown(last)}`, { cause });
  }
}

/** Who manages which field is of no use to somebody who reads why a test failed. */
function shown(object: unknown): string {
  return JSON.stringify(object, (key, value: unknown) => (key === 'managedFields' ? undefined : value));
}

/** Waits until there is no object at `path`. */
export async function waitForGone(api: Transport, path: string, timeoutMs: number): Promise<void> {
  await waitFor(async () => (await read(api, path)) === undefined, `${path} to be gone`, timeoutMs);
}

export interface Recording {
  /** What happened since the recording began, in the order of versions. */
  readonly events: readonly Happened[];
  /** Ends the recording; throws when it has a gap. */
  stop(): Promise<readonly Happened[]>;
}

/** Records every change of a collection from now on; what is there already comes first, as ADDED. */
export async function record(api: Transport, collection: string): Promise<Recording> {
  const list = await read<{ metadata: { resourceVersion: string }; items: Seen[] }>(api, collection);
  if (list === undefined) throw new Error(`nothing serves ${collection}`);
  const events: Happened[] = list.items.map(object => ({ type: 'ADDED', object }));
  const stopping = new AbortController();
  let broken: unknown;
  const reading = (async () => {
    for await (const event of changes(api, collection, {}, list.metadata.resourceVersion, stopping.signal)) {
      events.push(event);
    }
    throw new Error(`the watch on ${collection} ended`);
  })().catch((error: unknown) => {
    if (!stopping.signal.aborted) broken = error;
  });
  return {
    events,
    async stop() {
      stopping.abort();
      await reading;
      if (broken !== undefined) throw new Error(`the recording of ${collection} has a gap`, { cause: broken });
      return events;
    },
  };
}

function watch(api: Transport, path: string, from: string, signal: AbortSignal): AsyncIterable<Happened> {
  const cut = path.lastIndexOf('/');
  return changes(api, path.slice(0, cut), { fieldSelector: `metadata.name=${path.slice(cut + 1)}` }, from, signal);
}

async function* changes(
  api: Transport,
  collection: string,
  query: Record<string, string>,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncGenerator<Happened> {
  const watching = { ...query, watch: 'true', resourceVersion };
  const stream = await api.stream({ method: 'GET', path: collection, query: watching, signal });
  for await (const line of stream.lines) {
    const event = JSON.parse(line) as { type: string; object: Seen };
    if (stream.status !== 200 || event.type === 'ERROR') throw new Error(`watch of ${collection}: ${line}`);
    if (event.type !== 'BOOKMARK') yield event as Happened;
  }
}
