/** What the cluster as a whole says about tightening, read right before a decision: what came up meanwhile counts. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Clock } from '../cluster/clock.ts';
import type { FreezeSight } from '../rollout/gates/freeze.ts';
import type { Outside } from '../rollout/gates/outside.ts';
import type { Decision, Input } from '../rollout/world.ts';
import type { AlertWatch } from './alertWatch.ts';
import { isBlind } from './blindness.ts';
import type { BudgetBook } from './budgetBook.ts';
import type { Caches } from './caches.ts';

interface OutsideOptions {
  caches: Pick<Caches, 'freeze'>;
  /** Absent: no alerts are configured. */
  alerts: AlertWatch | undefined;
  /** Absent: there are no limits. */
  budget: BudgetBook | undefined;
  clock: Clock;
}

export class OutsideWatch {
  readonly #options: OutsideOptions;

  constructor(options: OutsideOptions) {
    this.#options = options;
  }

  /** The input of a decision that is made in this moment. */
  seen(input: Input): Input {
    const { caches, alerts, budget, clock } = this.#options;
    const outside: Outside = {
      freeze: freezeIn(caches.freeze),
      ...(alerts ? { alerts: alerts.last } : {}),
      ...(budget ? { budget: budget.of(input.rollout) } : {}),
    };
    return { ...input, now: clock.now(), outside };
  }

  /** Notes a decision in the same turn in which it was made on what was seen. */
  note(rollout: MtlsRollout, { status }: Decision): void {
    this.#options.budget?.note(rollout, status);
  }

  /** For a rollout that is gone. */
  forget(key: string): void {
    this.#options.budget?.forget(key);
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
