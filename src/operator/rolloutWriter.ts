/** Writes to a rollout itself: its status, and the finalizer that lets a deletion wait. */
import type { ResourceMeta } from '@dot-i/k8s-operator';
import { GROUP, KIND, type MtlsRollout, PLURAL, VERSION } from '../api/resource.ts';
import type { Status } from '../api/status.ts';
import type { Clock } from '../cluster/clock.ts';
import { KubeError } from '../cluster/errors.ts';
import type { OwnWrites } from '../cluster/ownWrites.ts';
import { NotLeading } from '../cluster/writer.ts';
import type { Reporter } from '../report/reporter.ts';
import { finalizersWith } from '../rollout/finalizer.ts';
import { bounded, timestamp } from '../rollout/text.ts';
import type { Decision } from '../rollout/world.ts';
import type { RolloutEntry } from './caches.ts';
import { isLasting, isOutdated, type Outcome, sameStatus, troubleOf } from './carryOut.ts';
import { Echoes } from './echoes.ts';

export interface RolloutWriterOptions {
  reporter: Reporter;
  clock: Clock;
  /** Whether this process leads, asked right before each write. */
  allowed: () => boolean;
  /** Replaces the status of the version in `meta`; rejects with KubeError Conflict when there is a newer one. */
  storeStatus: (meta: ResourceMeta, status: Status) => Promise<ResourceMeta>;
  /** Likewise its finalizers. */
  storeFinalizers: (meta: ResourceMeta, finalizers: string[]) => Promise<ResourceMeta>;
}

/** Status, log and an event say already what went wrong; it only has to be tried again later. */
export class Reported extends KubeError {}

export class RolloutWriter {
  readonly #echoes = new Echoes();
  readonly #options: RolloutWriterOptions;
  /** By rollout: why its status could not be stored. */
  readonly #unstored = new Map<string, string>();

  constructor(options: RolloutWriterOptions) {
    this.#options = options;
  }

  /** Whether what the cache holds of a rollout is just what was written here. */
  isEcho(key: string, entry: RolloutEntry): boolean {
    return this.#echoes.isEcho(key, entry);
  }

  forget(key: string): void {
    this.#echoes.forget(key);
    this.#unstored.delete(key);
  }

  /**
   * Stores the status, then tells what is new in it: nobody hears of what could not be stored. Resolves with the version
   * that the rollout then has.
   */
  async publish(
    entry: RolloutEntry,
    own: OwnWrites,
    metadata: MtlsRollout['metadata'],
    { status, transitions }: Pick<Decision, 'status' | 'transitions'>,
  ): Promise<string> {
    const resourceVersion = await this.#storeStatus(entry, own, metadata, status);
    for (const transition of transitions) this.#options.reporter.report({ metadata }, transition);
    return resourceVersion;
  }

  async #storeStatus(
    entry: RolloutEntry,
    own: OwnWrites,
    metadata: MtlsRollout['metadata'],
    status: Status,
  ): Promise<string> {
    const { namespace, name } = metadata;
    this.#echoes.say(`${namespace}/${name}`, entry, status);
    if (sameStatus(entry.rawStatus, status)) return entry.resourceVersion;
    if (!this.#options.allowed()) throw new NotLeading(`status of MtlsRollout ${namespace}/${name}`);
    try {
      const stored = await this.#options.storeStatus(metaOf(metadata, entry.resourceVersion), status);
      own.wrote(KIND, stored.resourceVersion);
      this.#unstored.delete(`${namespace}/${name}`);
      return stored.resourceVersion;
    } catch (error) {
      if (!(error instanceof KubeError && isLasting(error))) throw error;
      throw this.#reportUnstored(metadata, error);
    }
  }

  /** The one record that no history holds: a status cannot say that it cannot be written. */
  #reportUnstored(metadata: MtlsRollout['metadata'], error: KubeError): Reported {
    const { reporter, clock } = this.#options;
    const key = `${metadata.namespace}/${metadata.name}`;
    const message = bounded(`cannot ${error.message}`);
    if (this.#unstored.get(key) !== message)
      reporter.report(
        { metadata },
        { reason: `Status${error.kind}`, message, severity: 'Warning', at: timestamp(clock.now()) },
      );
    this.#unstored.set(key, message);
    return new Reported(error.kind, message, { cause: error });
  }

  /** Bound to a version, so that an edit that came in between is looked at first. Resolves with what went wrong. */
  async changeFinalizer(
    own: OwnWrites,
    rollout: MtlsRollout,
    resourceVersion: string,
    change: NonNullable<Decision['finalizer']>,
  ): Promise<Outcome['trouble']> {
    const { metadata } = rollout;
    const what = `patch MtlsRollout ${metadata.namespace}/${metadata.name}`;
    if (!this.#options.allowed()) throw new NotLeading(what);
    try {
      const meta = metaOf(metadata, resourceVersion);
      const stored = await this.#options.storeFinalizers(meta, finalizersWith(rollout, change));
      // one that is deleted goes with its last finalizer, and no cache will hold this version of it
      if (metadata.deletionTimestamp === undefined) own.wrote(KIND, stored.resourceVersion);
      return undefined;
    } catch (error) {
      if (!(error instanceof KubeError) || isOutdated(error)) throw error;
      return { obstacle: troubleOf(what, error), cause: error };
    }
  }
}

function metaOf({ namespace, name }: MtlsRollout['metadata'], resourceVersion: string): ResourceMeta {
  const apiVersion = `${GROUP}/${VERSION}`;
  return { id: `${PLURAL}.${apiVersion}`, apiVersion, kind: KIND, namespace, name, resourceVersion };
}
