/**
 * The requests the operator makes, typed, counted and with errors of few kinds. Reads are tried again a few times
 * when the server cannot answer; a write never is: only the caller can know whether it happened.
 */
import type { Clock } from './clock.ts';
import { errorOf, KubeError } from './errors.ts';
import { apiVersionOf, collectionPath, describeRef, objectPath, resourceName } from './resource.ts';
import type { KubeObject, Ref, Resource } from './resource.ts';
import { RequestCounts, type RequestVerb } from './requestCounts.ts';
import { ServedVersions } from './servedVersions.ts';
import type { KubeRequest, KubeStream, Transport } from './transport.ts';

/** Who wrote a field, in `managedFields` of everything the operator writes. */
const FIELD_MANAGER = 'mtls-rollout';

export interface ListOptions {
  /** All namespaces unless given. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Objects a page; 500 unless given. */
  limit?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface WatchOptions {
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Events after this version. */
  resourceVersion: string;
  /** How long the server may keep the watch open. */
  timeoutSeconds: number;
  signal: AbortSignal;
}

export interface Page<T> {
  items: T[];
  /** Version of the whole list; the same on every page. */
  resourceVersion: string;
}

const PAGE = 500;
/** Waits before the second and the third try of a read. */
const PAUSES_MS = [250, 1000];
/** A server that asks for a longer pause gets none: the caller decides whether to come back. */
const LONGEST_PAUSE_MS = 15_000;
const MERGE_PATCH = 'application/merge-patch+json';

export class KubeClient {
  readonly #transport: Transport;
  readonly #clock: Clock;
  /** Names whoever writes, in everything that is written. */
  readonly #author: { fieldManager: string };
  readonly requests = new RequestCounts();
  readonly #versions = new ServedVersions((resource, path, signal) =>
    this.#read('get', resource, path.slice('/apis/'.length), withSignal({ method: 'GET', path }, signal)),
  );

  constructor(transport: Transport, clock: Clock, fieldManager: string = FIELD_MANAGER) {
    this.#transport = transport;
    this.#clock = clock;
    this.#author = { fieldManager };
  }

  /** See `ServedVersions`. */
  served(resource: Resource, signal?: AbortSignal): Promise<Resource> {
    return this.#versions.served(resource, signal);
  }

  async get<T = KubeObject>(ref: Ref, signal?: AbortSignal): Promise<T> {
    const seen = await this.#servedRef(ref, signal);
    const request = withSignal({ method: 'GET', path: objectPath(seen) }, signal);
    return (await this.#read('get', seen.resource, describeRef(ref), request)) as T;
  }

  /** Every object of a collection, page by page as they are asked for. Throws Gone when the pages expire meanwhile. */
  async *list<T = KubeObject>(resource: Resource, options: ListOptions = {}): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages<T>(resource, options)) yield* page.items;
  }

  /** The pages of one consistent list of the newest state. */
  async *pages<T>(resource: Resource, options: ListOptions = {}): AsyncGenerator<Page<T>, void, undefined> {
    const { namespace, labelSelector, fieldSelector, limit = PAGE, signal } = options;
    const path = collectionPath(await this.served(resource, signal), namespace);
    const object = collection(resource, namespace);
    let version: string | undefined;
    let next: string | undefined;
    do {
      const query = { limit: String(limit), labelSelector, fieldSelector, continue: next };
      const body = await this.#read('list', resource, object, withSignal({ method: 'GET', path, query }, signal));
      const page = readPage<T>(body, object);
      version ??= page.resourceVersion;
      if (page.resourceVersion !== version)
        throw new KubeError('Gone', `list ${object}: its pages are of two versions`);
      yield { items: page.items, resourceVersion: version };
      next = page.next;
    } while (next !== undefined);
  }

  /** Lines of a watch with bookmarks. Not tried again: its reader knows what it has seen. */
  async watch(resource: Resource, options: WatchOptions): Promise<AsyncIterable<string>> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, signal } = options;
    const path = collectionPath(await this.served(resource, signal), namespace);
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      labelSelector,
      fieldSelector,
      timeoutSeconds: String(timeoutSeconds),
    };
    const asking = this.#transport.stream({ method: 'GET', path, query, signal });
    const answer = await this.requests.of('watch', resource, asking);
    if (answer.status === 200) return answer.lines;
    const asked = { verb: 'watch', object: collection(resource, namespace) };
    throw errorOf({ ...answer, body: await bodyOf(answer) }, asked, this.#clock.now());
  }

  async create<T = KubeObject>(
    resource: Resource,
    namespace: string | undefined,
    object: object,
    signal?: AbortSignal,
  ) {
    const path = collectionPath(resource, namespace);
    const name = nameIn(object);
    // the API server would refuse it as well, but a name is also part of messages and of later paths
    if (name !== undefined) objectPath(refOf(resource, namespace, name));
    const about = name === undefined ? collection(resource, namespace) : describeRef(refOf(resource, namespace, name));
    const request = withSignal({ method: 'POST', path, query: this.#author, body: object }, signal);
    return (await this.#once('create', resource, about, request)) as T;
  }

  /** JSON merge patch (RFC 7386). With `metadata.uid` and `metadata.resourceVersion` in it these are preconditions. */
  async mergePatch<T = KubeObject>(ref: Ref, patch: object, signal?: AbortSignal): Promise<T> {
    const path = objectPath(ref);
    const request: KubeRequest = { method: 'PATCH', path, query: this.#author, body: patch, contentType: MERGE_PATCH };
    return (await this.#once('patch', ref.resource, describeRef(ref), withSignal(request, signal))) as T;
  }

  /** Replaces the object if it is still of the resourceVersion in `object`. */
  async replace<T = KubeObject>(ref: Ref, object: object, signal?: AbortSignal): Promise<T> {
    return (await this.#put(ref, objectPath(ref), object, signal)) as T;
  }

  /** Replaces the status if the object is still of the resourceVersion in `object`. */
  async replaceStatus<T = KubeObject>(ref: Ref, object: object, signal?: AbortSignal): Promise<T> {
    return (await this.#put(ref, objectPath(ref, 'status'), object, signal)) as T;
  }

  /**
   * Deletes the object if it is still the one that was seen, in the version that was seen where one is given, and what
   * it owns after it. Resolves with the object where finalizers keep it, and with the Status otherwise.
   */
  async delete(ref: Ref, seen: { uid: string; resourceVersion?: string }, signal?: AbortSignal): Promise<unknown> {
    const preconditions = { uid: seen.uid, resourceVersion: seen.resourceVersion };
    // in the background: a Job would leave its pods behind
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions, propagationPolicy: 'Background' };
    const request: KubeRequest = { method: 'DELETE', path: objectPath(ref), body };
    return await this.#once('delete', ref.resource, describeRef(ref), withSignal(request, signal));
  }

  async #servedRef(ref: Ref, signal: AbortSignal | undefined): Promise<Ref> {
    return { ...ref, resource: await this.served(ref.resource, signal) };
  }

  #put(ref: Ref, path: string, object: object, signal: AbortSignal | undefined): Promise<unknown> {
    const body = { apiVersion: apiVersionOf(ref.resource), kind: ref.resource.kind, ...object };
    const request = withSignal({ method: 'PUT', path, query: this.#author, body }, signal);
    return this.#once('update', ref.resource, describeRef(ref), request);
  }

  async #read(verb: RequestVerb, resource: Resource, object: string, request: KubeRequest): Promise<unknown> {
    for (const pause of PAUSES_MS) {
      try {
        return await this.#once(verb, resource, object, request);
      } catch (error) {
        if (!(error instanceof KubeError) || (error.kind !== 'Unavailable' && error.kind !== 'Throttled')) throw error;
        if ((error.retryAfterMs ?? 0) > LONGEST_PAUSE_MS) throw error;
        await this.#clock.wait(Math.max(pause, error.retryAfterMs ?? 0), request.signal);
        request.signal?.throwIfAborted();
      }
    }
    return await this.#once(verb, resource, object, request);
  }

  async #once(verb: RequestVerb, resource: Resource, object: string, request: KubeRequest): Promise<unknown> {
    const answer = await this.requests.of(verb, resource, this.#transport.call(request));
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    if (answer.status === 404) this.#versions.forget(resource);
    throw errorOf(answer, { verb, object }, this.#clock.now());
  }
}

/** `peerauthentications.security.istio.io in shop`, for messages. */
function collection(resource: Resource, namespace: string | undefined): string {
  return namespace === undefined ? resourceName(resource) : `${resourceName(resource)} in ${namespace}`;
}

function refOf(resource: Resource, namespace: string | undefined, name: string): Ref {
  return namespace === undefined ? { resource, name } : { resource, namespace, name };
}

function nameIn(object: object): string | undefined {
  const { metadata } = object as { metadata?: { name?: unknown } };
  return typeof metadata?.name === 'string' ? metadata.name : undefined;
}

function withSignal(request: KubeRequest, signal: AbortSignal | undefined): KubeRequest {
  return signal === undefined ? request : { ...request, signal };
}

function readPage<T>(body: unknown, object: string): Page<T> & { next: string | undefined } {
  const { items, metadata } = (body ?? {}) as {
    items?: T[] | null;
    metadata?: { resourceVersion?: string; continue?: string };
  };
  const resourceVersion = metadata?.resourceVersion;
  if (typeof resourceVersion !== 'string' || (items !== null && !Array.isArray(items))) {
    throw new KubeError('Unavailable', `list ${object}: what was answered is not a list`);
  }
  return { items: items ?? [], resourceVersion, next: metadata?.continue || undefined };
}

/** The body of a refused watch; as much as a Status can be. */
async function bodyOf(answer: KubeStream): Promise<unknown> {
  let text = '';
  for await (const line of answer.lines) {
    text += line;
    if (text.length > 64 * 1024) break;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text; // not written by API machinery: the status code has to do
  }
}
