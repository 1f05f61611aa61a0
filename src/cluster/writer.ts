/**
 * The one place where policies are written. Every write is bound to the object that was seen (uid and
 * resourceVersion), is made only while this process leads, and is never repeated by itself.
 */
import type { MergePatch, PolicyObject, Write, WriteTarget } from '../rollout/writes.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import type { OwnWrites } from './ownWrites.ts';
import { type PolicyKind, policyResource } from './policyResources.ts';
import { apiVersionOf, describeRef, type Ref, type Resource } from './resource.ts';
import { AUTHORIZATION_POLICIES, DESTINATION_RULES, PEER_AUTHENTICATIONS } from './resources.ts';

export interface WriterOptions {
  client: KubeClient;
  /** Where to note what was written, for read-your-writes. */
  own: OwnWrites;
  /** Asked right before each write: whether this process still leads. */
  allowed: () => boolean;
}

/** This process does not lead (any more): another one may be at work. */
export class NotLeading extends Error {
  constructor(what: string) {
    super(`${what}: not written, since this process does not lead`);
    this.name = 'NotLeading';
  }
}

export class Writer {
  readonly #options: WriterOptions;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /**
   * Makes the write. Rejects with KubeError Conflict or NotFound when the object is not the one that was seen,
   * AlreadyExists when something is where it would be created, NotLeading without having sent anything, and
   * Unavailable when no answer came: then the write may have happened, and only a look at the object tells.
   */
  async perform(write: Write, signal?: AbortSignal): Promise<{ resourceVersion?: string }> {
    if (write.verb === 'create') return await this.#create(write.object, signal);
    if (write.verb === 'patch') return await this.#patch(write.target, write.patch, signal);
    return await this.#delete(write.target, signal);
  }

  async #create(object: PolicyObject, signal: AbortSignal | undefined) {
    const { apiVersion, kind, metadata } = object;
    const { client } = this.#options;
    const what = `create ${kind} ${metadata.namespace}/${metadata.name}`;
    this.#check(what, signal);
    const resource = await client.served(creatable(policyResource(apiVersion, kind)), signal);
    // to ask may have taken a while
    this.#check(what, signal);
    const body = { ...object, apiVersion: apiVersionOf(resource) };
    return this.#note(kind, await client.create(resource, metadata.namespace, body, signal));
  }

  async #patch(target: WriteTarget, patch: MergePatch, signal: AbortSignal | undefined) {
    const ref = seenRef(target);
    this.#check(`patch ${describeRef(ref)}`, signal);
    try {
      return this.#note(target.kind, await this.#options.client.mergePatch(ref, bound(patch, target), signal));
    } catch (error) {
      throw isOtherObject(error) ? new KubeError('Conflict', error.message, error) : error;
    }
  }

  async #delete(target: WriteTarget, signal: AbortSignal | undefined) {
    const { kind, namespace, name, uid, resourceVersion } = target;
    const ref = seenRef(target);
    this.#check(`delete ${describeRef(ref)}`, signal);
    const answer = await this.#options.client.delete(ref, { uid, resourceVersion }, signal);
    // finalizers keep it: it was changed, not removed
    if (hasFinalizers(answer)) return this.#note(kind, answer);
    this.#options.own.deleted(kind, { namespace, name }, uid, resourceVersion);
    return {};
  }

  #check(what: string, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (!this.#options.allowed()) throw new NotLeading(what);
  }

  #note(kind: string, answer: unknown): { resourceVersion?: string } {
    const { metadata } = (answer ?? {}) as { metadata?: { resourceVersion?: unknown } };
    const version = metadata?.resourceVersion;
    if (typeof version !== 'string' || version === '') return {};
    this.#options.own.wrote(kind, version);
    return { resourceVersion: version };
  }
}

/** What is new is written in the version that is best for this cluster; what is there, in the version it was read in. */
function creatable({ kind }: { kind: PolicyKind }): Resource {
  return CREATABLE[kind];
}

const CREATABLE: Readonly<Record<PolicyKind, Resource>> = {
  PeerAuthentication: PEER_AUTHENTICATIONS,
  DestinationRule: DESTINATION_RULES,
  AuthorizationPolicy: AUTHORIZATION_POLICIES,
};

/** The API server checks the version first (409); another uid it takes for an attempt to change the uid (422). */
function isOtherObject(error: unknown): error is KubeError {
  return (
    error instanceof KubeError && error.kind === 'Invalid' && error.message.includes('metadata.uid: Invalid value')
  );
}

function hasFinalizers(answer: unknown): boolean {
  const { metadata } = (answer ?? {}) as { metadata?: { finalizers?: unknown } };
  return Array.isArray(metadata?.finalizers) && metadata.finalizers.length > 0;
}

/** A merge patch that the API server applies to this very version of this very object or refuses with 409. */
function bound(patch: MergePatch, { uid, resourceVersion }: WriteTarget): MergePatch {
  return { ...patch, metadata: { ...(patch['metadata'] as object | undefined), uid, resourceVersion } };
}

function seenRef({ apiVersion, kind, namespace, name, uid, resourceVersion }: WriteTarget): Ref {
  if (uid === '' || resourceVersion === '') {
    throw new KubeError('Invalid', `${kind} ${namespace}/${name}: a write needs the uid and version that were seen`);
  }
  return { resource: policyResource(apiVersion, kind), namespace, name };
}
