/** Asks for alerts that fire when a decision needs to know, and at most once in a while for all rollouts together. */
import type { Clock } from '../cluster/clock.ts';
import { type Alert, type Alerts, ALERTS_FRESH_MS, type AlertSight } from '../rollout/gates/alerts.ts';

/** Resolves with the alerts that fire; rejects with an error whose message is fit for status. */
export type AlertSource = (signal: AbortSignal) => Promise<readonly Alert[]>;

export class AlertWatch {
  readonly #source: AlertSource;
  readonly #clock: Clock;
  #last: AlertSight | undefined;
  #asking: Promise<void> | undefined;

  constructor(source: AlertSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  get last(): Alerts {
    return this.#last ?? 'Unasked';
  }

  /** Resolves when the last answer is as fresh as it may be; failures count as answers, so that nothing is pressed. */
  async look(signal: AbortSignal): Promise<void> {
    if (this.#last && this.#clock.now() < this.#last.at + ALERTS_FRESH_MS) return;
    this.#asking ??= this.#ask(signal).finally(() => (this.#asking = undefined));
    await this.#asking;
  }

  async #ask(signal: AbortSignal): Promise<void> {
    // an answer is as old as its question
    const at = this.#clock.now();
    try {
      this.#last = { at, firing: await this.#source(signal) };
    } catch (error) {
      this.#last = { at, unseen: error instanceof Error ? error.message : String(error) };
    }
  }
}
