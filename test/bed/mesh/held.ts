/** Connections that stay open until somebody ends them: what their owners notice of a switch. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { MeshPod } from './pods.ts';
import { figure, spread } from './suite.ts';
import type { Connection, SaidOver } from './workload.ts';
import type { Closed } from './workloadAnswers.ts';

/** Istio's default. */
const DRAIN_MS = 45_000;
/** From the write of a policy to the last proxy that has it, and what a busy machine adds. */
const SPREAD_MS = 3_000;
/** After so long the proxy cuts a client that goes on over a connection whose end was announced. */
const IGNORED_MS = 8_000;
/** Between two round trips over one connection. */
const PAUSE_MS = 500;

export interface HeldSpec {
  /** `ip:port`. */
  address: string;
  kind: keyof SaidOver;
  /** Goes on talking, unless false: then it has carried one round trip, and more only when it is told to. */
  talks?: boolean;
}

export class Held {
  /** Unix milliseconds of the newest answer. */
  answeredAt = 0;
  /** When the peer first announced the end (HTTP `connection: close`), which this client does not obey. */
  announcedAt: number | undefined;
  ended: Closed | undefined;
  /** Its end, whoever ended it; rejects where the process of the workloads dies. */
  readonly closed: Promise<Closed>;
  readonly #connection: Connection<keyof SaidOver>;
  readonly #text: string;

  private constructor(connection: Connection<keyof SaidOver>, kind: keyof SaidOver) {
    this.#connection = connection;
    this.#text = kind === 'tcp' ? 'still there?\n' : '/';
    this.closed = connection.closed.then(closed => (this.ended = closed));
  }

  /** So many connections, each of which has carried a round trip. */
  static open(from: MeshPod, count: number, spec: HeldSpec): Promise<Held[]> {
    return Promise.all(Array.from({ length: count }, () => Held.#open(from, spec)));
  }

  static async #open(from: MeshPod, { address, kind, talks = true }: HeldSpec): Promise<Held> {
    const held = new Held(await from.dial({ address, kind }), kind);
    if (!(await held.say())) throw new Error(`no answer over a new connection to ${address}`);
    if (talks) held.talk();
    return held;
  }

  /** One round trip; false where there was no answer any more. */
  async say(): Promise<boolean> {
    const answer = await this.#connection.say(this.#text);
    if (answer.failed !== undefined) return false;
    this.answeredAt = Date.now();
    if ('close' in answer && answer.close) this.announcedAt ??= this.answeredAt;
    return true;
  }

  /** Round trips from now on, as long as there are answers. */
  talk(): void {
    const goOn = async () => {
      while (await this.say()) await Promise.race([this.closed, delay(PAUSE_MS)]);
    };
    // where the process of the workloads dies, whoever waits for the end of a connection hears of it
    goOn().catch(() => {});
  }
}

export function untilEnded(held: readonly Held[]): Promise<unknown> {
  return Promise.all(held.map(({ closed }) => closed));
}

function report(what: string, held: readonly Held[], switchedAt: number): void {
  const hows = [...new Set(held.map(({ ended }) => ended!.how))].join(', ');
  const times = spread(held.map(({ ended }) => ended!.at - switchedAt));
  figure(`${what}, switch to cut (least / median / most)`, `${times}, ${held.length} cut (${hows})`);
}

/** Ended by the proxy, at the end of the drain, and of use until then. */
export function cutWithTheDrain(what: string, held: readonly Held[], switchedAt: number, talks = true): void {
  report(what, held, switchedAt);
  for (const { ended, answeredAt } of held) {
    assert.match(ended!.how, /^(eof|reset)$/);
    const after = ended!.at - switchedAt;
    assert.ok(after > DRAIN_MS - 1_000 && after < DRAIN_MS + SPREAD_MS, `${what}: cut after ${after} ms`);
    if (talks) assert.ok(ended!.at - answeredAt < 2_000, `${what}: no answer in the last 2 s of the drain`);
  }
}

/** Cut soon after its end was announced, since this client goes on all the same. */
export function cutWhenIgnored(what: string, held: readonly Held[], switchedAt: number): void {
  report(what, held, switchedAt);
  for (const { announcedAt, ended } of held) {
    assert.ok(announcedAt! - switchedAt < SPREAD_MS, 'announced with the first answer');
    assert.ok(ended!.at - switchedAt < IGNORED_MS, 'and soon enforced');
  }
}

/** Open, and of use. */
export function unharmed(held: readonly Held[]): void {
  for (const { ended, answeredAt } of held) {
    assert.equal(ended, undefined);
    assert.ok(Date.now() - answeredAt < 2_000, 'no answer in the last 2 s');
  }
}
