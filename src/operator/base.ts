/**
 * The operator base of @dot-i/k8s-operator with its contract kept and its I/O replaced: watches that survive whatever
 * happens to them, writes that are bound to a version and fail loudly, and a stop that ends what is under way.
 */
import dotI, {
  type OperatorLogger,
  type ResourceEvent,
  ResourceEventType,
  type ResourceMeta,
} from '@dot-i/k8s-operator';
import { GROUP, PLURAL, VERSION } from '../api/resource.ts';
import type { KubeClient } from '../cluster/client.ts';
import { KubeError } from '../cluster/errors.ts';
import type { Log } from '../cluster/log.ts';
import type { Reflector } from '../cluster/reflector.ts';
import { apiVersionOf, collectionPath, type ObjectKey, type Resource } from '../cluster/resource.ts';
import { ROLLOUTS } from '../cluster/resources.ts';

const DEFINITIONS: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

export interface BaseParts {
  client: KubeClient;
  log: Log & OperatorLogger;
  /** The caches behind `watchResource`. */
  reflectors: readonly Reflector<unknown>[];
}

export abstract class BaseOperator extends dotI.default {
  readonly client: KubeClient;
  protected readonly log: Log & OperatorLogger;
  /** Fires when everything must end. */
  protected readonly stopping = new AbortController();
  readonly #reflectors: readonly Reflector<unknown>[];
  readonly #running: Promise<void>[] = [];

  constructor({ client, log, reflectors }: BaseParts) {
    super(log);
    this.client = client;
    this.log = log;
    this.#reflectors = reflectors;
  }

  /** Ends every watch and resolves when nothing runs any more; the base only ever calls it without waiting. */
  // oxlint-disable-next-line typescript/no-misused-promises
  override async stop(): Promise<void> {
    this.stopping.abort(new Error('the operator is stopping'));
    await Promise.all(this.#running);
  }

  /** The definition is installed by whoever installs the operator; this only looks whether it is served, and says so. */
  protected override async registerCustomResourceDefinition(): ReturnType<
    InstanceType<typeof dotI.default>['registerCustomResourceDefinition']
  > {
    const name = `${PLURAL}.${GROUP}`;
    try {
      const found = await this.client.get({ resource: DEFINITIONS, name }, this.stopping.signal);
      const { conditions = [] } = (found['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
      const established = conditions.some(({ type, status }) => type === 'Established' && status === 'True');
      if (!established) this.log.warn(`CustomResourceDefinition ${name} is not established yet; waiting for it`);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      const advice = error.kind === 'NotFound' ? '; install the definition with "kubectl apply -k config/crd"' : '';
      this.log.warn(`${error.message}${advice}`);
    }
    return { group: GROUP, versions: [{ name: VERSION, served: true, storage: true }], plural: PLURAL };
  }

  /** Keeps a cache of the resource and tells of every change in it; events carry what identifies the object. */
  protected override async watchResource(
    group: string,
    version: string,
    plural: string,
    onEvent: (event: ResourceEvent) => Promise<void>,
  ): Promise<void> {
    const wanted = apiVersionOf({ group, version } as Resource);
    const reflector = this.#reflectors.find(
      ({ resource }) => resource.plural === plural && apiVersionOf(resource) === wanted,
    );
    if (!reflector) throw new TypeError(`${plural} of ${wanted} has no cache`);
    reflector.onChange((key, before, after) => {
      const came = before === undefined ? ResourceEventType.Added : ResourceEventType.Modified;
      const event = eventOf(reflector.resource, key, after === undefined ? ResourceEventType.Deleted : came);
      onEvent(event).catch((error: unknown) => this.log.error(`event of ${plural} was lost: ${String(error)}`));
    });
    this.#running.push(reflector.run(this.stopping.signal));
  }

  protected override getCustomResourceApiUri(group: string, version: string, plural: string, namespace?: string) {
    return collectionPath({ group, version, plural, kind: plural, namespaced: true }, namespace);
  }

  /** Replaces the status of the version in `meta`; rejects when the object is of another version by now. */
  protected override async setResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta> {
    const { name, namespace = '', resourceVersion } = meta;
    const object = { metadata: { name, namespace, resourceVersion }, status };
    const ref = { resource: ROLLOUTS, namespace, name };
    const stored = await this.client.replaceStatus(ref, object, this.stopping.signal);
    return { ...meta, resourceVersion: stored.metadata.resourceVersion };
  }

  /** A status is one value: whoever changes a part of it says the whole. */
  protected override patchResourceStatus(): Promise<never> {
    return Promise.reject(new TypeError('the status of a rollout is replaced as a whole: use setResourceStatus'));
  }

  protected override async setResourceFinalizers(meta: ResourceMeta, finalizers: string[]): Promise<void> {
    await this.patchFinalizers(meta, finalizers);
  }

  /** Sets the finalizers of the version in `meta`; rejects when the object is of another version by now. */
  protected async patchFinalizers(meta: ResourceMeta, finalizers: string[]): Promise<ResourceMeta> {
    const { name, namespace = '', resourceVersion } = meta;
    const patch = { metadata: { resourceVersion, finalizers } };
    const ref = { resource: ROLLOUTS, namespace, name };
    const stored = await this.client.mergePatch(ref, patch, this.stopping.signal);
    return { ...meta, resourceVersion: stored.metadata.resourceVersion };
  }
}

function eventOf(resource: Resource, { namespace, name }: ObjectKey, type: ResourceEventType): ResourceEvent {
  const apiVersion = apiVersionOf(resource);
  const { kind, plural } = resource;
  const meta = { id: `${plural}.${apiVersion}`, name, namespace, resourceVersion: '', apiVersion, kind };
  return { meta, type, object: { apiVersion, kind, metadata: { name, namespace } } };
}
