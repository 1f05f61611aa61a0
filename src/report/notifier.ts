/**
 * Sends what was decided to chats and webhooks. It tells, it does not decide: nothing here is ever waited for, what waits
 * is bounded, and what cannot be sent is given up and counted.
 */
import type { Transition } from '../rollout/world.ts';
import { bodyOf, type MessageKind } from './message.ts';
import type { Listener, Report } from './reporter.ts';

export interface Target {
  /** In logs and metrics; the address is a secret. */
  name: string;
  kind: MessageKind;
  /** Asked before each try, since mounted secrets are renewed. */
  address: () => Promise<string>;
  /** Reasons and severities to be told; empty: everything. */
  events: readonly string[];
}

/** Sends one message. Rejects where no answer came; the error must not name the address. */
export type Post = (
  url: string,
  body: string,
  signal: AbortSignal,
) => Promise<{ status: number; retryAfterMs?: number }>;

export interface NotifierOptions {
  targets: readonly Target[];
  post: Post;
  clock: { now(): number; wait(ms: number, signal?: AbortSignal): Promise<void> };
  log: { warn(message: string, fields: Record<string, unknown>): unknown };
}

type Outcome = 'sent' | 'failed' | 'dropped';

/** Messages of one target that wait; a new one drives the oldest out. */
const MOST_WAITING = 100;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** After so long a message is no news any more, and those behind it have waited enough. */
const GIVE_UP_MS = 10 * 60_000;
/** What a process that ends allows for what still waits. */
const LAST_CHANCE_MS = 3_000;

export class Notifier {
  readonly #lanes: Lane[];
  readonly #stopping = new AbortController();
  readonly #clock: NotifierOptions['clock'];

  constructor(options: NotifierOptions) {
    this.#clock = options.clock;
    this.#lanes = options.targets.map(target => new Lane(target, options, this.#stopping.signal));
  }

  readonly listener: Listener = report => {
    for (const lane of this.#lanes) if (wants(lane.target, report)) lane.add(report);
  };

  /** What became of the messages: `ops sent`. */
  get outcomes(): ReadonlyMap<string, number> {
    return new Map(
      this.#lanes.flatMap(({ target, outcomes }) => [...outcomes].map(([what, n]) => [`${target.name} ${what}`, n])),
    );
  }

  /** Sends what it still can in a short while, and counts the rest as dropped. */
  async stop(): Promise<void> {
    const done = new AbortController();
    const idle = Promise.all(this.#lanes.map(lane => lane.idle)).finally(() => done.abort());
    await Promise.race([idle, this.#clock.wait(LAST_CHANCE_MS, done.signal)]);
    this.#stopping.abort(new Error('the operator is stopping'));
    await idle;
  }
}

/** One target: its messages go out one after the other, in the order of what happened. */
class Lane {
  readonly target: Target;
  readonly outcomes = new Map<Outcome, number>((['sent', 'failed', 'dropped'] as const).map(each => [each, 0]));
  readonly #options: NotifierOptions;
  readonly #signal: AbortSignal;
  readonly #waiting: Report[] = [];
  #sending: Promise<void> | undefined;

  constructor(target: Target, options: NotifierOptions, signal: AbortSignal) {
    this.target = target;
    this.#options = options;
    this.#signal = signal;
  }

  get idle(): Promise<void> {
    return this.#sending ?? Promise.resolve();
  }

  add(report: Report): void {
    this.#waiting.push(report);
    if (this.#waiting.length > MOST_WAITING)
      this.#end('dropped', this.#waiting.shift(), `${MOST_WAITING} wait already`);
    this.#sending ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // whoever adds goes on first
    await Promise.resolve();
    for (let report = this.#waiting.shift(); report; report = this.#waiting.shift()) {
      const failure = this.#signal.aborted ? 'the operator is stopping' : await this.#send(report);
      if (failure === undefined) this.#count('sent');
      else this.#end(this.#signal.aborted ? 'dropped' : 'failed', report, failure);
    }
    this.#sending = undefined;
  }

  /** Resolves with why it was given up; undefined: it was sent. */
  async #send(report: Report): Promise<string | undefined> {
    const { clock } = this.#options;
    const until = clock.now() + GIVE_UP_MS;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const { failure, isFinal, retryAfterMs = 0 } = await this.#try(report);
      if (failure === undefined) return undefined;
      const next = Math.min(Math.max(pause, retryAfterMs), LONGEST_PAUSE_MS);
      if (isFinal || clock.now() + next > until || this.#signal.aborted) return failure;
      await clock.wait(next, this.#signal);
    }
  }

  async #try(report: Report): Promise<{ failure?: string; isFinal?: boolean; retryAfterMs?: number }> {
    const { post } = this.#options;
    let url: string;
    try {
      url = await this.target.address();
    } catch (error) {
      return { failure: error instanceof Error ? error.message : String(error) };
    }
    try {
      const { status, retryAfterMs } = await post(url, bodyOf(this.target.kind, report), this.#signal);
      if (status >= 200 && status < 300) return {};
      const failure = `answered with status ${status}`;
      if (status !== 408 && status !== 429 && status < 500) return { failure, isFinal: true };
      return { failure, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    } catch (error) {
      return { failure: error instanceof Error ? error.message : String(error) };
    }
  }

  #end(outcome: Outcome, report: Report | undefined, why: string): void {
    this.#count(outcome);
    const rollout = report && `${report.rollout.namespace}/${report.rollout.name}`;
    const fields = { target: this.target.name, rollout, reason: report?.reason, error: why };
    this.#options.log.warn('a notification is lost', fields);
  }

  #count(outcome: Outcome): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}

function wants({ events }: Target, { reason, severity }: Pick<Transition, 'reason' | 'severity'>): boolean {
  return events.length === 0 || events.includes(reason) || events.includes(severity);
}
