/** What the cluster as a whole says about tightening, read right before a decision: what came up meanwhile counts. */
import type { Clock } from '../cluster/clock.ts';
import type { FreezeSight } from '../rollout/gates/freeze.ts';
import type { Outside } from '../rollout/gates/outside.ts';
import type { Input } from '../rollout/world.ts';
import type { AlertWatch } from './alertWatch.ts';
import { isBlind } from './blindness.ts';
import type { Caches } from './caches.ts';

interface OutsideOptions {
  caches: Pick<Caches, 'freeze'>;
  /** Absent: no alerts are configured. */
  alerts: AlertWatch | undefined;
  clock: Clock;
}

export class OutsideWatch {
  readonly #options: OutsideOptions;

  constructor(options: OutsideOptions) {
    this.#options = options;
  }

  /** The input of a decision that is made in this moment. */
  seen(input: Input): Input {
    const { caches, alerts, clock } = this.#options;
    const outside: Outside = { freeze: freezeIn(caches.freeze), ...(alerts ? { alerts: alerts.last } : {}) };
    return { ...input, now: clock.now(), outside };
  }

  /** Asks for what a decision has found missing. */
  async ask(signal: AbortSignal): Promise<void> {
    await this.#options.alerts?.look(signal);
  }
}

function freezeIn(reflector: Caches['freeze']): FreezeSight {
  if (isBlind(reflector)) return { unseen: reflector.state.problem ?? 'ConfigMaps are being listed' };
  return { freeze: reflector.cache.list()[0] };
}
