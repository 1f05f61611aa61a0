/**
 * Clocks of the embedded cluster: one that only moves when it is told to, for tests that must give the same result
 * every time, and one that runs faster than real time, for the demo.
 */
import { type Clock, systemClock } from '../cluster/clock.ts';

interface Timer {
  at: number;
  fire: () => void;
}

/** Rounds of the event loop without any call to the clock after which all work is taken to rest. */
const QUIET_ROUNDS = 8;
/** A program that never rests (a loop over setImmediate) is an error, not a reason to hang. */
const MOST_ROUNDS = 100_000;

/**
 * Virtual time. It stands still while anything runs; timers fire in the order of their times, and in the order they
 * were set where those are equal. Whatever runs on it must do no real I/O: what waits for a socket looks like rest.
 */
export class VirtualClock implements Clock {
  #now: number;
  readonly #start: number;
  #timers: Timer[] = [];
  #calls = 0;

  /** @param start wall time at the beginning, milliseconds since the epoch */
  constructor(start: number) {
    if (!Number.isFinite(start)) throw new RangeError(`a clock cannot start at ${start}`);
    this.#now = start;
    this.#start = start;
  }

  now(): number {
    this.#calls++;
    return this.#now;
  }

  monotonic(): number {
    this.#calls++;
    return this.#now - this.#start;
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    this.#calls++;
    return new Promise(resolve => {
      if (signal?.aborted) return resolve();
      const timer: Timer = { at: this.#now + Math.max(0, ms), fire: () => done() };
      const done = () => {
        this.#remove(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#insert(timer);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  /** How many waits have not ended. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Lets everything run that can run without time passing. */
  async settle(): Promise<void> {
    let quiet = 0;
    for (let round = 0; quiet < QUIET_ROUNDS; round++) {
      if (round === MOST_ROUNDS) throw new Error(`work did not come to rest within ${MOST_ROUNDS} rounds`);
      const before = this.#calls;
      await new Promise<void>(resolve => setImmediate(resolve));
      quiet = this.#calls === before ? quiet + 1 : 0;
    }
  }

  /** Moves time forward, firing every timer on the way and letting its work come to rest before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    while (this.#timers[0] !== undefined && this.#timers[0].at <= end) await this.#step();
    this.#now = Math.max(this.#now, end);
  }

  /**
   * Jumps from timer to timer until the condition holds. Rejects when `limitMs` of virtual time have passed, or at
   * once when nothing is left that could change anything.
   */
  async runUntil(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
    const end = this.#now + limitMs;
    for (;;) {
      await this.settle();
      if (await condition()) return;
      const next = this.#timers[0];
      if (next === undefined) throw new Error('the condition does not hold and nothing is waiting for time to pass');
      if (next.at > end) {
        this.#now = end;
        throw new Error(`the condition does not hold after ${limitMs} ms of virtual time`);
      }
      await this.#step();
    }
  }

  async #step(): Promise<void> {
    const timer = this.#timers[0]!;
    this.#now = Math.max(this.#now, timer.at);
    timer.fire();
    await this.settle();
  }

  #insert(timer: Timer): void {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      // equal times keep the order in which they were set
      if (this.#timers[middle]!.at <= timer.at) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, timer);
  }

  #remove(timer: Timer): void {
    const at = this.#timers.indexOf(timer);
    if (at >= 0) this.#timers.splice(at, 1);
  }
}

/** Real time, `speed` times as fast, from a given wall time on. */
export class ScaledClock implements Clock {
  readonly #start: number;
  readonly #speed: number;
  readonly #real: Clock;
  readonly #origin: number;

  constructor(start: number, speed: number, real: Clock = systemClock) {
    if (!(speed > 0 && Number.isFinite(speed))) throw new RangeError(`the speed of a clock cannot be ${speed}`);
    this.#start = start;
    this.#speed = speed;
    this.#real = real;
    this.#origin = real.monotonic();
  }

  now(): number {
    return this.#start + this.monotonic();
  }

  monotonic(): number {
    return (this.#real.monotonic() - this.#origin) * this.#speed;
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#real.wait(ms / this.#speed, signal);
  }
}
