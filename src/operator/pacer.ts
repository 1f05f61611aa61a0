/** Spreads writes so that the API server never sees more than so many a second; a full second's worth may come at once. */
import type { Clock } from '../cluster/clock.ts';

export class Pacer {
  readonly #clock: Clock;
  readonly #perSecond: number;
  /** Monotonic time up to which turns are given away. */
  #booked = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, perSecond: number) {
    if (!(perSecond > 0)) throw new RangeError(`perSecond must be greater than 0, not ${perSecond}`);
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Resolves when it is the caller's turn. */
  async turn(signal?: AbortSignal): Promise<void> {
    const now = this.#clock.monotonic();
    this.#booked = Math.max(this.#booked, now - 1000) + 1000 / this.#perSecond;
    const wait = this.#booked - now;
    if (wait > 0) await this.#clock.wait(wait, signal);
    signal?.throwIfAborted();
  }
}
