/** Takes away the policies in dry run of rollouts that are gone: nobody else would. */
import type { KubeClient } from '../cluster/client.ts';
import { KubeError } from '../cluster/errors.ts';
import type { Log } from '../cluster/log.ts';
import { OwnWrites } from '../cluster/ownWrites.ts';
import { listShadows } from '../cluster/shadows.ts';
import { Writer } from '../cluster/writer.ts';
import { type Shadow, shadowOf, unshadow } from '../rollout/shadows.ts';
import { nameOf } from '../rollout/text.ts';
import type { Caches } from './caches.ts';
import type { Pacer } from './pacer.ts';

export interface ShadowSweepOptions {
  client: KubeClient;
  caches: Caches;
  pacer: Pacer;
  /** Whether this process leads. */
  allowed: () => boolean;
  log: Log;
  signal: AbortSignal;
}

export class ShadowSweep {
  readonly #options: ShadowSweepOptions;

  constructor(options: ShadowSweepOptions) {
    this.#options = options;
  }

  /** Looks in a namespace, or everywhere. What cannot be done is said in the log, and tried at the next occasion. */
  async sweep(namespace?: string): Promise<void> {
    try {
      await this.#remove(await this.#orphans(namespace));
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      const { log } = this.#options;
      log.warn('policies in dry run of rollouts that are gone may be left', { error: error.message });
    }
  }

  /** None where they may not be listed: nobody gave this operator the right to make one. */
  async #orphans(namespace: string | undefined): Promise<Shadow[]> {
    const { client, signal } = this.#options;
    const policies = await listShadows(client, namespace, signal).catch((error: unknown) => {
      if (error instanceof KubeError && error.kind === 'Forbidden') return [];
      throw error;
    });
    return policies.flatMap(policy => shadowOf(policy) ?? []).filter(shadow => this.#isOrphan(shadow));
  }

  async #remove(orphans: readonly Shadow[]): Promise<void> {
    const { client, allowed, pacer, log, signal } = this.#options;
    const writer = new Writer({ client, own: new OwnWrites(), allowed });
    for (const orphan of orphans)
      for (const write of unshadow([orphan])) {
        await pacer.turn(signal);
        await writer.perform(write, signal);
        log.info('removed a policy in dry run whose rollout is gone', { policy: nameOf(orphan.policy) });
      }
  }

  #isOrphan({ rollout }: Shadow): boolean {
    const uids = this.#options.caches.rollouts.cache
      .list()
      .map(({ parsed }) => ('rollout' in parsed ? parsed.rollout.metadata.uid : parsed.metadata?.uid));
    return !uids.includes(rollout);
  }
}
