/**
 * Keys that wait to be worked on, with the semantics of client-go's queue: a key never runs twice at once, what is
 * added while it waits coalesces, and what is added while it runs makes it run once more.
 */
import type { Clock } from './clock.ts';
import { pauseAfter } from './pause.ts';

export interface WorkQueueOptions {
  /** Works on one key. Resolves with the milliseconds after which to look again, if at all; a rejection backs off. */
  work: (key: string) => Promise<number | undefined>;
  clock: Clock;
  /** Most keys worked on at once. */
  concurrency: number;
  /** Told of every rejection, with the pause before the next try. */
  onError: (key: string, error: unknown, pauseMs: number) => void;
  /** Pause after the first failure; doubles with each further one. 500 ms unless given. */
  firstPauseMs?: number;
  /** 5 minutes unless given. */
  longestPauseMs?: number;
}

interface Delay {
  at: number;
  cancel: AbortController;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #firstPauseMs: number;
  readonly #longestPauseMs: number;
  /** To be run, in the order of arrival. */
  readonly #waiting = new Set<string>();
  readonly #running = new Set<string>();
  /** Added while they ran. */
  readonly #again = new Set<string>();
  readonly #delays = new Map<string, Delay>();
  readonly #failures = new Map<string, number>();
  #state: 'Held' | 'Open' | 'Stopped' = 'Held';
  #drained = Promise.withResolvers<void>();

  constructor(options: WorkQueueOptions) {
    const { concurrency, firstPauseMs = 500, longestPauseMs = 300_000 } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new RangeError(`concurrency must be a whole number from 1, not ${concurrency}`);
    }
    if (!(firstPauseMs > 0 && longestPauseMs >= firstPauseMs)) {
      throw new RangeError(`pauses must be greater than 0 and in order, not ${firstPauseMs} and ${longestPauseMs}`);
    }
    this.#options = options;
    this.#firstPauseMs = firstPauseMs;
    this.#longestPauseMs = longestPauseMs;
  }

  /** Keys that wait to be run now; those with a delay do not count. */
  get waiting(): number {
    return this.#waiting.size + this.#again.size;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Keys may be added before; nothing runs until then. */
  start(): void {
    if (this.#state !== 'Held') throw new Error('a work queue starts once');
    this.#state = 'Open';
    this.#pump();
  }

  add(key: string): void {
    if (this.#state === 'Stopped') return;
    if (this.#running.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#pump();
  }

  /** Adds the key when the time has come. Of several delays of one key the earliest wins. */
  addAfter(key: string, ms: number): void {
    if (this.#state === 'Stopped') return;
    if (!(ms > 0)) return this.add(key);
    const at = this.#options.clock.monotonic() + ms;
    const known = this.#delays.get(key);
    if (known !== undefined && known.at <= at) return;
    known?.cancel.abort();
    const delay: Delay = { at, cancel: new AbortController() };
    this.#delays.set(key, delay);
    void this.#options.clock.wait(ms, delay.cancel.signal).then(() => {
      if (delay.cancel.signal.aborted) return;
      this.#delays.delete(key);
      this.add(key);
    });
  }

  /** Forgets failures and delays of a key that is no more; a run that waits or is under way stays. */
  forget(key: string): void {
    this.#failures.delete(key);
    this.#dropDelay(key);
  }

  /** Begins nothing new; resolves when what runs has ended. */
  async stop(): Promise<void> {
    this.#state = 'Stopped';
    this.#waiting.clear();
    this.#again.clear();
    for (const { cancel } of this.#delays.values()) cancel.abort();
    this.#delays.clear();
    if (this.#running.size > 0) await this.#drained.promise;
  }

  #dropDelay(key: string): void {
    this.#delays.get(key)?.cancel.abort();
    this.#delays.delete(key);
  }

  #pump(): void {
    if (this.#state !== 'Open') return;
    for (const key of this.#waiting) {
      if (this.#running.size >= this.#options.concurrency) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      // a run says itself when to look again: what an earlier one said would hurry its pause
      this.#dropDelay(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    // whoever adds a key must not find itself inside its work
    await Promise.resolve();
    try {
      const again = await this.#options.work(key);
      this.#failures.delete(key);
      if (again !== undefined) this.addAfter(key, again);
    } catch (error) {
      const pause = this.#pauseAfter(key, error);
      this.#options.onError(key, error, pause);
      this.addAfter(key, pause);
    }
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#waiting.add(key);
    if (this.#state === 'Stopped' && this.#running.size === 0) this.#drained.resolve();
    this.#pump();
  }

  #pauseAfter(key: string, error: unknown): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    return pauseAfter(failures, this.#firstPauseMs, this.#longestPauseMs, error);
  }
}
