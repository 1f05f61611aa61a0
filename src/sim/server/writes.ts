/** The writing verbs. Each one either stores exactly one new revision, or none because nothing changes. */
import { decode, readEnvelope, refuseInvalid, refuseUnknown, type Strictness } from './admission.ts';
import { appliedTo, ownedByApply, refuseConflicts } from './apply.ts';
import { clientMetadata, sameContent, sameGeneration, serverMetadata } from './contents.ts';
import { alreadyExists, ApiFailure, conflict, forbidden, notFound } from './failure.ts';
import type { Identity } from './identity.ts';
import { type Author, managedAfterApply, managedAfterUpdate } from './managedFields.ts';
import { changeProblems, nameProblems } from './metadata.ts';
import { admitTo } from './namespaces.ts';
import { checkPreconditions, checkVersion } from './preconditions.ts';
import type { Resource } from './resource.ts';
import type { Store } from './store.ts';
import { type GivenObject, type JsonObject, type KubeObject, withMember } from './value.ts';

export interface Target {
  resource: Resource;
  /** Empty for cluster-scoped resources. */
  namespace: string;
  name: string;
  subresource?: 'status' | undefined;
}

export interface WriteOptions extends Strictness {
  dryRun: boolean;
  /** Field manager; empty: nobody is recorded. */
  manager: string;
}

/** A change of an object that is there, from what is current to what is wished. */
export interface Change {
  kind: 'put' | 'patch';
  propose(current: KubeObject): unknown;
}

const IMMORTAL = new Set(['default', 'kube-system', 'kube-public']);

export class Writes {
  readonly #store: Store;
  readonly #identity: Identity;

  constructor(store: Store, identity: Identity) {
    this.#store = store;
    this.#identity = identity;
  }

  create(target: Omit<Target, 'name'>, body: unknown, options: WriteOptions, applied?: JsonObject): KubeObject {
    const { resource, namespace } = target;
    const given = readEnvelope(resource, namespace, body, 'put');
    const name = given.metadata.name || this.#generated(given.metadata.generateName);
    admitTo(this.#store, namespace, resource, name);
    if (given.metadata.resourceVersion && given.metadata.resourceVersion !== '0') {
      throw new ApiFailure(500, '', 'resourceVersion should not be set on objects to be created');
    }
    const born = this.#born(resource, namespace, name, decode(resource, given, options, 'put'));
    refuseInvalid(resource, born, undefined, nameProblems(resource, name));
    const existing = this.#store.get(resource.table, namespace, name);
    if (existing) throw alreadyExists(resource, name, existing.metadata.deletionTimestamp !== undefined);
    return this.#commit(resource, this.#signed(resource, born, undefined, options, undefined, applied), options);
  }

  update(target: Target, change: Change, options: WriteOptions): KubeObject {
    const { resource, namespace, name } = target;
    const stored = this.#store.get(resource.table, namespace, name);
    if (!stored) return this.#createInstead(target, change, options);
    const current = resource.read(stored);
    const given = readEnvelope(resource, namespace, change.propose(current), change.kind);
    const next = this.#next(target, change.kind, given, current, options);
    return this.#settle(resource, this.#signed(resource, next, current, options, target.subresource), current, options);
  }

  /** Server-side apply; creates what is not there. */
  apply(target: Target, body: unknown, force: boolean, options: WriteOptions): KubeObject {
    const { resource, namespace, name, subresource } = target;
    const given = readEnvelope(resource, namespace, body, 'patch');
    refuseUnknown(resource, given);
    const applied = ownedByApply(given);
    const stored = this.#store.get(resource.table, namespace, name);
    if (!stored) return this.#createByApply(target, given, options, applied);
    const current = resource.read(stored);
    const author = this.#author(resource, options, 'Apply', subresource);
    if (!force) refuseConflicts(applied, given, current, author);
    const merged = readEnvelope(resource, namespace, appliedTo(current, given, applied, author), 'patch');
    const next = this.#next(target, 'patch', merged, current, options);
    return this.#settle(
      resource,
      this.#signed(resource, next, current, options, subresource, applied),
      current,
      options,
    );
  }

  /** The last state when the object is gone, or the object on its way out when finalizers hold it. */
  delete(target: Target, preconditions: JsonObject, dryRun: boolean): { object: KubeObject; gone: boolean } {
    const { resource, namespace, name } = target;
    const stored = this.#store.get(resource.table, namespace, name);
    if (!stored) throw notFound(resource, name);
    const current = resource.read(stored);
    checkPreconditions(resource, current, preconditions);
    const isNamespace = resource.table === 'namespaces';
    if (isNamespace && IMMORTAL.has(name)) throw forbidden(resource, name, 'this namespace may not be deleted');
    if (!isNamespace && (current.metadata.finalizers ?? []).length === 0) {
      if (!dryRun) this.#store.delete(resource.table, namespace, name);
      return { object: current, gone: true };
    }
    if (current.metadata.deletionTimestamp) return { object: current, gone: false };
    const leaving = isNamespace ? this.#terminating(current) : this.#leaving(resource, current);
    return { object: this.#commit(resource, leaving, { dryRun }), gone: false };
  }

  #terminating(namespace: KubeObject): KubeObject {
    const metadata = { ...namespace.metadata, deletionTimestamp: this.#identity.now() };
    return { ...namespace, metadata, status: { ...(namespace.status as JsonObject), phase: 'Terminating' } };
  }

  #leaving(resource: Resource, object: KubeObject): KubeObject {
    const { generation = 0 } = object.metadata;
    const times = { deletionTimestamp: this.#identity.now(), deletionGracePeriodSeconds: 0 };
    const counted = resource.hasGeneration ? { generation: generation + 1 } : {};
    return { ...object, metadata: { ...object.metadata, ...times, ...counted } };
  }

  #createInstead(target: Target, change: Change, options: WriteOptions): KubeObject {
    const { resource, namespace, name } = target;
    if (change.kind === 'patch' || !resource.createOnUpdate || target.subresource) throw notFound(resource, name);
    const nothing = { apiVersion: resource.apiVersion, kind: resource.kind, metadata: { name } } as KubeObject;
    const given = readEnvelope(resource, namespace, change.propose(nothing), 'put');
    return this.create(
      target,
      { ...given, metadata: withMember(given.metadata, 'resourceVersion', undefined) },
      options,
    );
  }

  #createByApply(target: Target, given: GivenObject, options: WriteOptions, applied: JsonObject): KubeObject {
    const { resource, name, subresource } = target;
    if (subresource) throw notFound(resource, name);
    const { uid } = given.metadata;
    if (uid) {
      const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
      throw conflict(resource, name, why);
    }
    const metadata = withMember({ ...given.metadata, name }, 'resourceVersion', undefined);
    return this.create(target, { ...given, metadata }, options, applied);
  }

  #born(resource: Resource, namespace: string, name: string, decoded: GivenObject): KubeObject {
    const { generateName } = decoded.metadata;
    const object: KubeObject = {
      ...(resource.hasStatus ? withMember(decoded, 'status', undefined) : decoded),
      metadata: {
        name,
        ...(generateName && { generateName }),
        ...(resource.namespaced && { namespace }),
        uid: this.#identity.uid(),
        resourceVersion: '',
        ...(resource.hasGeneration && { generation: 1 }),
        creationTimestamp: this.#identity.now(),
        ...clientMetadata(decoded.metadata),
      },
    };
    return resource.prepare?.(object) ?? object;
  }

  /** The object as it will be, with everything restored that this kind of write may not touch. */
  #next(
    { resource, subresource }: Target,
    kind: Change['kind'],
    given: GivenObject,
    current: KubeObject,
    strictness: Strictness,
  ): KubeObject {
    const decoded = decode(resource, given, strictness, kind);
    checkVersion(resource, kind, given, current);
    if (subresource === 'status') {
      const next = withMember(current, 'status', decoded.status);
      refuseInvalid(resource, next, current, [], subresource);
      return next;
    }
    const { uid = current.metadata.uid } = decoded.metadata;
    const metadata = { ...serverMetadata(current.metadata), uid, ...clientMetadata(decoded.metadata) };
    let next: KubeObject = { ...decoded, metadata };
    if (resource.hasStatus) next = withMember(next, 'status', current.status);
    next = resource.prepare?.(next, current) ?? next;
    if (!sameGeneration(next, current, resource)) {
      next = { ...next, metadata: { ...next.metadata, generation: (current.metadata.generation ?? 0) + 1 } };
    }
    const problems = changeProblems(next.metadata, current.metadata);
    // a custom resource passes the check of metadata twice, and says so twice
    refuseInvalid(resource, next, current, resource.schema ? problems.flatMap(cause => [cause, cause]) : problems);
    return next;
  }

  /** With the author's name on the fields that are the author's now; `applied` for server-side apply. */
  #signed(
    resource: Resource,
    next: KubeObject,
    old: KubeObject | undefined,
    options: WriteOptions,
    subresource: string | undefined,
    applied?: JsonObject,
  ): KubeObject {
    if (options.manager === '') return next;
    const managed = applied
      ? managedAfterApply(next, old, applied, this.#author(resource, options, 'Apply', subresource))
      : managedAfterUpdate(next, old, this.#author(resource, options, 'Update', subresource));
    const entries = managed.length > 0 ? managed : undefined;
    return { ...next, metadata: withMember(next.metadata, 'managedFields', entries) };
  }

  /** Stores the change; nothing when there is none; takes the object out when its last finalizer went. */
  #settle(resource: Resource, next: KubeObject, current: KubeObject, options: WriteOptions): KubeObject {
    if (sameContent(next, current)) return current;
    const isLeaving = next.metadata.deletionTimestamp !== undefined && resource.table !== 'namespaces';
    if (!isLeaving || (next.metadata.finalizers ?? []).length > 0) return this.#commit(resource, next, options);
    if (!options.dryRun) this.#store.delete(resource.table, next.metadata.namespace ?? '', next.metadata.name);
    return next;
  }

  #commit(resource: Resource, next: KubeObject, { dryRun }: { dryRun: boolean }): KubeObject {
    if (!dryRun) return resource.read(this.#store.set(resource.table, resource.stored(next)));
    if (next.metadata.resourceVersion !== '') return next;
    return { ...next, metadata: withMember(next.metadata, 'resourceVersion', undefined) };
  }

  #generated(prefix: string | undefined): string {
    return prefix ? `${prefix.slice(0, 58)}${this.#identity.suffix()}` : '';
  }

  #author(
    resource: Resource,
    { manager }: WriteOptions,
    operation: Author['operation'],
    subresource: string | undefined,
  ): Author {
    return {
      manager,
      operation,
      apiVersion: resource.apiVersion,
      subresource,
      time: this.#identity.now(),
      marks: resource.schema ? 'all' : 'maps',
      unowned: {
        ...(resource.hasStatus && subresource === undefined && { 'f:status': {} }),
        // its finalizers are the server's
        ...(resource.table === 'namespaces' && { 'f:spec': {} }),
      },
    };
  }
}
