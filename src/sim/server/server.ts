/**
 * A small Kubernetes API server in this process: what the demo, `simulate` and the tests run the operator
 * against, and what a real kubectl can talk to.
 */
import type { Clock } from '../../cluster/clock.ts';
import type { KubeRequest, KubeResponse, KubeStream, Transport } from '../../cluster/transport.ts';
import { parseRollout } from '../../api/validate.ts';
import { type Allow, allowAll } from './accessReview.ts';
import { Api, type ApiRequest } from './api.ts';
import { builtinResources } from './builtins.ts';
import { DEFINITIONS, resourcesOf } from './customResources.ts';
import { Front } from './front.ts';
import { listen, type Listening } from './http.ts';
import { identity } from './identity.ts';
import { istioDefinitions, istioValidators } from './istioCrds.ts';
import { sweepNamespaces } from './namespaces.ts';
import { ResourceTable, type Validator } from './resource.ts';
import { type Revision, Store } from './store.ts';
import { type KubeObject, overTheWire } from './value.ts';
import { Watches } from './watches.ts';
import { Writes } from './writes.ts';

/** Stands between client and server: may fail before or after, wait, or answer something else. */
export type Intercept = (request: KubeRequest, proceed: () => Promise<KubeResponse>) => Promise<KubeResponse>;
export type InterceptStream = (request: KubeRequest, proceed: () => Promise<KubeStream>) => Promise<KubeStream>;

export interface EmbeddedClusterOptions {
  clock: Clock;
  /** CustomResourceDefinitions that are there from the start, besides Istio's two. */
  crds?: readonly object[];
  /** Rules that the schema cannot say (CEL in a real cluster), by `plural.group`; each problem `path: what is wrong`. */
  validators?: Readonly<Record<string, Validator>>;
  /** Every call, of every front door. */
  intercept?: Intercept;
  /** Every watch, of every front door. */
  interceptStream?: InterceptStream;
  /** Revisions that are kept for watches to resume from; 20,000 unless given. */
  historyLimit?: number;
  /** What a SelfSubjectAccessReview answers; everything is allowed unless given. Nothing else asks it. */
  allow?: Allow;
  /** Numbers from 0 to below 1 for uids and generated names. */
  random?: () => number;
}

/** What CEL checks in a real cluster; a rollout's rules are those of its own parser. */
const ROLLOUT_VALIDATORS: Readonly<Record<string, Validator>> = {
  'mtlsrollouts.mtlsrollout.io': object => {
    const parsed = parseRollout(object);
    return 'problems' in parsed ? parsed.problems : [];
  },
};

export class EmbeddedCluster {
  readonly #store: Store;
  readonly #resources = new ResourceTable(builtinResources());
  readonly #writes: Writes;
  readonly #watches: Watches;
  readonly #front: Front;
  readonly #options: EmbeddedClusterOptions;

  constructor(options: EmbeddedClusterOptions) {
    this.#options = options;
    this.#store = new Store(options.historyLimit ?? 20_000);
    this.#writes = new Writes(this.#store, identity(options.clock, options.random ?? Math.random));
    this.#watches = new Watches(this.#store, options.clock);
    this.#front = new Front({
      api: new Api(this.#store, this.#resources, this.#writes),
      resources: this.#resources,
      watches: this.#watches,
      allow: options.allow ?? allowAll,
      now: () => options.clock.now(),
    });
    this.#serveDefinitions({ ...istioValidators, ...ROLLOUT_VALIDATORS, ...options.validators });
    sweepNamespaces(this.#store, this.#resources, this.#writes);
    for (const name of ['default', 'kube-system'])
      this.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    for (const definition of [...istioDefinitions(), ...(options.crds ?? [])]) this.put(definition);
  }

  /** The newest revision; every write makes the next. */
  get revision(): number {
    return this.#store.revision;
  }

  /** The revisions that are still known, oldest first. */
  get history(): readonly Revision[] {
    return this.#store.history;
  }

  /** How many watches are open. */
  get watching(): number {
    return this.#watches.open;
  }

  /** Called with every revision, inside the write that makes it. Returns how to stop that. */
  subscribe(listener: (revision: Revision) => void): () => void {
    return this.#store.subscribe(listener);
  }

  /** The in-process front door. Answers share the server's own frozen objects. */
  transport(userAgent = 'embedded'): Transport {
    return {
      call: request => this.call({ ...request, body: overTheWire(request.body), userAgent }),
      stream: request => this.stream({ ...request, userAgent }),
    };
  }

  /** The front door for kubectl; loopback only unless told otherwise. */
  listen({ host = '127.0.0.1', port = 0 }: { host?: string; port?: number } = {}): Promise<Listening> {
    return listen(this, host, port);
  }

  /** One request, through the interceptor. Rejects only when that or the caller's signal does. */
  async call(request: ApiRequest): Promise<KubeResponse> {
    request.signal?.throwIfAborted();
    const proceed = async () => this.#front.respond(request);
    return this.#options.intercept ? this.#options.intercept(request, proceed) : proceed();
  }

  async stream(request: ApiRequest): Promise<KubeStream> {
    request.signal?.throwIfAborted();
    const proceed = async () => this.#front.open(request);
    return this.#options.interceptStream ? this.#options.interceptStream(request, proceed) : proceed();
  }

  /** Creates or replaces the object, with its status; the way scenarios are set up. Throws ApiFailure. */
  put(object: object, manager = ''): KubeObject {
    const body = overTheWire(object) as KubeObject;
    const resource = this.#resources.ofKind(body.apiVersion, body.kind);
    if (!resource) throw new Error(`nothing serves ${body.kind} in ${body.apiVersion}`);
    const namespace = resource.namespaced ? (body.metadata.namespace ?? 'default') : '';
    const target = { resource, namespace, name: body.metadata.name };
    const options = { dryRun: false, manager, fieldValidation: 'Ignore' as const, warnings: [] };
    const versioned = (current: KubeObject) => ({
      ...body,
      metadata: { ...body.metadata, uid: current.metadata.uid, resourceVersion: current.metadata.resourceVersion },
    });
    const isThere = this.#store.get(resource.table, namespace, target.name) !== undefined;
    const written = isThere
      ? this.#writes.update(target, { kind: 'put', propose: versioned }, options)
      : this.#writes.create(target, body, options);
    if (!resource.hasStatus || body.status === undefined) return written;
    return this.#writes.update({ ...target, subresource: 'status' }, { kind: 'put', propose: versioned }, options);
  }

  /** Takes the object away without asking finalizers; false when it was not there. */
  remove(apiVersion: string, kind: string, namespace: string, name: string): boolean {
    const resource = this.#resources.ofKind(apiVersion, kind);
    return resource !== undefined && this.#store.delete(resource.table, namespace, name) !== undefined;
  }

  get(apiVersion: string, kind: string, namespace: string, name: string): KubeObject | undefined {
    const resource = this.#resources.ofKind(apiVersion, kind);
    const stored = resource && this.#store.get(resource.table, namespace, name);
    return stored && resource.read(stored);
  }

  /** Objects of a kind, of one namespace or of all. */
  list(apiVersion: string, kind: string, namespace?: string): KubeObject[] {
    const resource = this.#resources.ofKind(apiVersion, kind);
    return resource ? [...this.#store.list(resource.table, namespace)].map(stored => resource.read(stored)) : [];
  }

  /** Forgets the past up to a revision (all of it unless given): watches and pages from before get 410. */
  compact(revision?: number): void {
    this.#store.compact(revision);
  }

  /** Ends every open watch, cleanly or with an error as when a connection breaks. */
  cutWatches(error?: Error): void {
    this.#watches.cut(error);
  }

  /** Sends a bookmark on every open watch. */
  bookmark(): void {
    this.#watches.bookmark();
  }

  /** Serves what the stored definitions define, from their first revision to their last. */
  #serveDefinitions(validators: Readonly<Record<string, Validator>>): void {
    this.#store.subscribe(({ table, verb, object, previous }) => {
      if (table !== DEFINITIONS) return;
      const before = previous ? resourcesOf(previous, validators) : [];
      for (const { group, plural } of before) this.#resources.remove(group, plural);
      if (verb !== 'delete') return this.#resources.add(resourcesOf(object, validators));
      for (const { table: gone } of before.slice(0, 1)) {
        this.#watches.endOf(gone);
        for (const { metadata } of Array.from(this.#store.list(gone)))
          this.#store.delete(gone, metadata.namespace ?? '', metadata.name);
      }
    });
  }
}
