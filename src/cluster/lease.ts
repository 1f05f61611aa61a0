/**
 * Leader election by a Lease, with client-go's rules: a silent holder is replaced only when its record has not been
 * *seen* to change for the whole lease on our own monotonic clock, and a leader that could not renew in time stops
 * leading by itself, before anybody else may begin.
 */
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { KubeError } from './errors.ts';
import { fingerprintOf, heldSpec, holderOf, type Lease, LEASES } from './leaseRecord.ts';
import { patienceOf, releasedSpec, transitionsOf } from './leaseRecord.ts';
import type { Log } from './log.ts';

export interface ElectionOptions {
  client: KubeClient;
  clock: Clock;
  /** Uniform in [0, 1): spreads the tries of those who wait. */
  random: () => number;
  log: Log;
  namespace: string;
  name: string;
  /** Of this process alone: not the name of a pod that a later process may bear too. */
  identity: string;
  /** How long others wait for a sign of life. 15 s. */
  leaseMs?: number;
  /** How long this leader leads without a successful renewal. 10 s. */
  renewMs?: number;
  /** Between two tries. 2 s. */
  retryMs?: number;
}

/** One candidacy: waits, leads, ends. A process that lost begins anew as a new process. */
export class Election {
  readonly #options: Required<ElectionOptions>;
  readonly #gained = Promise.withResolvers<number>();
  readonly #lost = Promise.withResolvers<string>();
  readonly #ended = new AbortController();
  /** The lease as last read or written, and when it was first seen so (monotonic). */
  #seen: { lease: Lease; at: number } | undefined;
  #term = 0;
  #acquired = 0;
  /** Monotonic; leading ends then unless it is renewed. */
  #leadsUntil = Number.NEGATIVE_INFINITY;
  #leading = false;
  /** What went wrong with the newest try; empty where nothing did. */
  #problem = '';

  constructor(options: ElectionOptions) {
    const { leaseMs = 15_000, renewMs = 10_000, retryMs = 2000, identity } = options;
    if (!(leaseMs > renewMs && renewMs > retryMs && retryMs > 0)) {
      throw new RangeError(`needed: leaseMs > renewMs > retryMs > 0, not ${leaseMs}, ${renewMs}, ${retryMs}`);
    }
    if (identity === '') throw new RangeError('identity must not be empty: an empty holder means that nobody leads');
    this.#options = { ...options, leaseMs, renewMs, retryMs };
  }

  /** Whether this process leads now. Turns false by itself when the time is over, whatever else hangs. */
  isLeader(): boolean {
    return this.#leading && this.#options.clock.monotonic() < this.#leadsUntil;
  }

  /** Grows with every new leader, from 1; 0 before this process leads. */
  get term(): number {
    return this.#term;
  }

  /** Resolves with the term as soon as this process leads; never, if it never does. */
  get gained(): Promise<number> {
    return this.#gained.promise;
  }

  /** Resolves with the reason when this process stops leading otherwise than by `stop`. */
  get lost(): Promise<string> {
    return this.#lost.promise;
  }

  /** Takes part until leadership is lost or `stop` is called. Never rejects. */
  async run(): Promise<void> {
    const { clock, retryMs, random } = this.#options;
    while (!this.#ended.signal.aborted && !(await this.#attempt())) {
      // client-go's jitter: up to 2.2 times the pause
      await clock.wait(retryMs * (1 + 1.2 * random()), this.#ended.signal);
    }
    if (this.#ended.signal.aborted) return;
    this.#leading = true;
    this.#options.log.info('leading', { term: this.#term });
    this.#gained.resolve(this.#term);
    await this.#keep();
  }

  /** Goes on leading until the work in flight has ended, then lets go of the lease so that nobody has to wait. */
  async stop(inFlight: Promise<unknown> = Promise.resolve()): Promise<void> {
    // how the work ended is its owner's business; here only that it ended
    await inFlight.then(
      () => undefined,
      () => undefined,
    );
    this.#ended.abort();
    this.#leading = false;
    if (this.#term > 0) await this.#release();
  }

  /** Renews until it cannot. */
  async #keep(): Promise<void> {
    const { clock, retryMs } = this.#options;
    const { signal } = this.#ended;
    for (;;) {
      await clock.wait(Math.min(retryMs, this.#leadsUntil - clock.monotonic()), signal);
      if (signal.aborted) return;
      if (!this.isLeader()) return this.#lose('the lease could not be renewed in time');
      await this.#attempt();
      if (signal.aborted) return;
      const holder = this.#seen === undefined ? '' : holderOf(this.#seen.lease);
      if (holder !== this.#options.identity) return this.#lose(`the lease is held by "${holder}"`);
    }
  }

  #lose(reason: string): void {
    this.#leading = false;
    this.#options.log.warn('not leading any more', { reason, term: this.#term });
    this.#lost.resolve(reason);
  }

  /** One try to take or renew the lease, ended in time for the next. */
  async #attempt(): Promise<boolean> {
    const { clock, renewMs, log, identity } = this.#options;
    const timeout = new AbortController();
    const began = clock.monotonic();
    // half of the time at most: a request that hangs must leave time for another
    const until = Math.min(began + renewMs / 2, this.#leading ? this.#leadsUntil : Number.POSITIVE_INFINITY);
    const timer = new AbortController();
    void clock.wait(until - began, timer.signal).then(() => timeout.abort(new Error('no answer in time')));
    const signal = AbortSignal.any([timeout.signal, this.#ended.signal]);
    try {
      const held = await this.#takeOrRenew(signal);
      // counted from before the request: others count from when they see it, which is later
      if (held) this.#leadsUntil = began + renewMs;
      this.#problem = '';
      return held;
    } catch (error) {
      if (!this.#ended.signal.aborted) {
        const why = error instanceof Error ? error.message : String(error);
        // once for each problem, not for each try
        if (why !== this.#problem) log.warn('the lease could not be read or written', { error: why, identity });
        this.#problem = why;
      }
      return false;
    } finally {
      timer.abort();
    }
  }

  async #takeOrRenew(signal: AbortSignal): Promise<boolean> {
    const { identity } = this.#options;
    if (this.#leading) {
      // the usual case, one request: what we wrote last is what is there
      if (this.#seen !== undefined && (await this.#write(this.#seen.lease, this.#term - 1, signal))) return true;
      const lease = await this.#read(signal);
      return lease !== undefined && holderOf(lease) === identity && this.#write(lease, this.#term - 1, signal);
    }
    const before = this.#seen?.lease;
    const lease = await this.#read(signal);
    // somebody removed the lease: the term must grow all the same, as far as we know it
    if (lease === undefined) return this.#create(before === undefined ? 0 : transitionsOf(before) + 1, signal);
    const holder = holderOf(lease);
    // held by ourselves without leading: we took it and the answer was lost
    const free = holder === '' || holder === identity || this.#expired(lease);
    return free && this.#write(lease, transitionsOf(lease) + 1, signal);
  }

  #expired(lease: Lease): boolean {
    const { clock, leaseMs } = this.#options;
    return this.#seen !== undefined && clock.monotonic() >= this.#seen.at + patienceOf(lease, leaseMs);
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      const lease = await this.#options.client.get<Lease>(this.#ref(), signal);
      const known = this.#seen;
      const same = known !== undefined && fingerprintOf(known.lease) === fingerprintOf(lease);
      this.#seen = { lease, at: same ? known.at : this.#options.clock.monotonic() };
      return lease;
    } catch (error) {
      if (error instanceof KubeError && error.kind === 'NotFound') return undefined;
      throw error;
    }
  }

  async #create(transitions: number, signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name } = this.#options;
    const object = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace } };
    const spec = this.#spec(transitions);
    return this.#won(transitions, () => client.create<Lease>(LEASES, namespace, { ...object, spec }, signal));
  }

  /** Replaces the lease if it is still as given. */
  async #write(lease: Lease, transitions: number, signal: AbortSignal): Promise<boolean> {
    const spec = { ...lease.spec, ...this.#spec(transitions) };
    return this.#won(transitions, () => this.#options.client.replace<Lease>(this.#ref(), { ...lease, spec }, signal));
  }

  async #won(transitions: number, write: () => Promise<Lease>): Promise<boolean> {
    try {
      this.#seen = { lease: await write(), at: this.#options.clock.monotonic() };
      this.#term = transitions + 1;
      return true;
    } catch (error) {
      // somebody else was faster
      if (error instanceof KubeError && (error.kind === 'Conflict' || error.kind === 'AlreadyExists')) return false;
      throw error;
    }
  }

  #spec(transitions: number) {
    const { identity, leaseMs, clock } = this.#options;
    const now = clock.now();
    if (!this.#leading) this.#acquired = now;
    return heldSpec(identity, leaseMs, this.#acquired, now, transitions);
  }

  async #release(): Promise<void> {
    const { client, clock, identity, retryMs, log } = this.#options;
    const timeout = new AbortController();
    const done = new AbortController();
    void clock.wait(retryMs, done.signal).then(() => timeout.abort(new Error('no answer in time')));
    try {
      // read anew: a renewal may have been on its way
      const lease = await this.#read(timeout.signal);
      if (lease === undefined || holderOf(lease) !== identity) return;
      const spec = { ...lease.spec, ...releasedSpec(transitionsOf(lease), clock.now()) };
      await client.replace(this.#ref(), { ...lease, spec }, timeout.signal);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      log.warn('the lease was not released: the next leader has to wait for it to run out', { error: why });
    } finally {
      done.abort();
    }
  }

  #ref() {
    return { resource: LEASES, namespace: this.#options.namespace, name: this.#options.name };
  }
}
