/** One call in motion: which pods it joins, what comes of it now, and the counters that run because of it. */
import type { Mode } from '../../istio/objects.ts';
import type { Call, CallReport } from './call.ts';
import { Counter } from './counter.ts';
import { carriedSamples, closedSamples, type Naming, type Pair, type Sample, trafficSamples } from './metrics.ts';
import type { Outcome } from './outcome.ts';
import type { MeshPod, PortProtocol } from './pod.ts';
import type { SeriesStore } from './series.ts';
import { isShadowed, type ShadowPolicies } from './shadows.ts';
import { Tallies } from './tallies.ts';

/** What a flow asks of the mesh around it, always for one point in time. */
export interface Surroundings {
  clients(call: Call): MeshPod[];
  servers(call: Call): { pod: MeshPod; port: number; protocol: PortProtocol }[];
  outcome(call: Call, client: MeshPod, server: MeshPod, port: number, at: number): Outcome;
  mode(server: MeshPod, port: number, at: number): Mode;
  isThere(pod: string): boolean;
  /** By which its sidecar counts. */
  shadows(server: MeshPod, at: number): ShadowPolicies;
  /** Calls back when the connections that were open at `changedAt` have been drained. */
  afterDrain(changedAt: number, cut: (at: number) => void): void;
}

/** Connections that one client pod holds to one server pod; not open while the server refuses them. */
interface Held {
  pair: Pair;
  count: number;
  open: boolean;
  openedAt: number;
}

/** A client whose connection was refused tries again after this long. */
const RETRY_SECONDS = 5;
/** A held connection is used. */
const ROUND_TRIPS_PER_SECOND = 1;

const REPORTED = ['mutualTls', 'plaintext', 'refused', 'failed', 'cut'] as const;
type Reported = (typeof REPORTED)[number];

const REPORTED_AS: Record<Outcome, Reported> = {
  MutualTls: 'mutualTls',
  Plaintext: 'plaintext',
  Refused: 'refused',
  Failed: 'failed',
};

export class Flow {
  readonly call: Call;
  readonly #mesh: Surroundings;
  readonly #naming: Naming;
  readonly #tallies: Tallies;
  readonly #report: Record<Reported, Counter>;
  readonly #held = new Map<string, Held>();
  readonly #chains = new Map<string, string>();
  #ended = false;

  constructor(call: Call, mesh: Surroundings, series: SeriesStore, naming: Naming) {
    this.call = call;
    this.#mesh = mesh;
    this.#tallies = new Tallies(series);
    this.#naming = naming;
    const counter = () => new Counter(call.since);
    this.#report = {
      mutualTls: counter(),
      plaintext: counter(),
      refused: counter(),
      failed: counter(),
      cut: counter(),
    };
  }

  /** Looks again at both ends and lets every counter run as fast as it should from `at` on. */
  refresh(at: number): void {
    if (this.#ended) return;
    const active = at >= this.call.since && (this.call.until === undefined || at < this.call.until);
    const pairs = active ? this.#pairs(at) : [];
    this.#hold(pairs, at);
    const samples: Sample[] = [];
    const reported: Record<Reported, number> = { mutualTls: 0, plaintext: 0, refused: 0, failed: 0, cut: 0 };
    const run = (pair: Pair, perSecond: number) => {
      reported[REPORTED_AS[pair.outcome]] += perSecond;
      samples.push(...trafficSamples(pair, perSecond, this.#naming));
    };
    for (const pair of pairs) run(pair, this.call.perSecond / pairs.length);
    for (const { pair, count, open } of this.#held.values()) {
      if (open) samples.push(...carriedSamples(pair, count * ROUND_TRIPS_PER_SECOND, this.#naming));
      else run(pair, count / RETRY_SECONDS);
    }
    if (active && pairs.length === 0) reported.failed = this.#lonely();
    for (const name of REPORTED) this.#report[name].setRate(at, reported[name]);
    this.#tallies.run(at, samples, pod => this.#mesh.isThere(pod));
  }

  /** What the client met in the span (from, to]. */
  report(from: number, to: number): CallReport {
    const { mutualTls, plaintext, refused, failed, cut } = this.#report;
    return {
      call: this.call,
      mutualTls: mutualTls.increase(from, to),
      plaintext: plaintext.increase(from, to),
      refused: refused.increase(from, to),
      failed: failed.increase(from, to),
      cut: cut.increase(from, to),
    };
  }

  forgetBefore(time: number): void {
    for (const name of REPORTED) this.#report[name].forgetBefore(time);
  }

  end(at: number): void {
    this.#ended = true;
    this.#tallies.endGone(at, () => false);
  }

  /** A client without anybody to call fails; without a client there is no traffic at all. */
  #lonely(): number {
    return this.#mesh.clients(this.call).length > 0 ? this.call.perSecond : 0;
  }

  #pairs(at: number): Pair[] {
    const { call } = this;
    const servers = this.#mesh.servers(call);
    this.#watchChains(servers, at);
    return this.#mesh.clients(call).flatMap(client =>
      servers.map(({ pod: server, port, protocol }) => {
        const outcome = this.#mesh.outcome(call, client, server, port, at);
        return { call, client, server, port, protocol, outcome, shadows: this.#mesh.shadows(server, at) };
      }),
    );
  }

  /** A change of a port's mode, or of whether it counts, drains the connections that are open at that moment. */
  #watchChains(servers: { pod: MeshPod; port: number }[], at: number): void {
    if (this.call.held === undefined) return;
    for (const { pod, port } of servers) {
      const chain = `${this.#mesh.mode(pod, port, at)} ${isShadowed(this.#mesh.shadows(pod, at), pod)}`;
      const before = this.#chains.get(pod.key);
      this.#chains.set(pod.key, chain);
      if (before !== undefined && before !== chain) this.#mesh.afterDrain(at, now => this.#cut(pod.key, at, now));
    }
  }

  #cut(server: string, changedAt: number, at: number): void {
    if (this.#ended) return;
    for (const held of this.#held.values()) {
      if (held.pair.server.key !== server || !held.open || held.openedAt >= changedAt) continue;
      held.open = false;
      // between two requests the sidecar of an HTTP client replaces its connections unnoticed
      if (held.pair.client.sidecar && this.call.kind !== 'tcp') continue;
      this.#report.cut.add(at, held.count);
      this.#tallies.add(at, closedSamples(held.pair, held.count, this.#naming));
    }
    this.refresh(at);
  }

  /** Opens what is not open and can be, and lets go of what has lost one of its ends. */
  #hold(pairs: Pair[], at: number): void {
    if (this.call.held === undefined) return;
    const now = new Map(pairs.map(pair => [`${pair.client.key} ${pair.server.key}`, pair]));
    for (const key of this.#held.keys()) if (!now.has(key)) this.#held.delete(key);
    for (const [key, pair] of now) {
      const clients = new Set(pairs.map(each => each.client.key)).size;
      const count = (this.call.held * clients) / pairs.length;
      const held = this.#held.get(key) ?? { pair, count, open: false, openedAt: at };
      this.#held.set(key, held);
      held.count = count;
      if (held.open) continue;
      held.pair = pair;
      if (pair.outcome !== 'MutualTls' && pair.outcome !== 'Plaintext') continue;
      held.open = true;
      held.openedAt = at;
      this.#report[REPORTED_AS[pair.outcome]].add(at, count);
      this.#tallies.add(at, trafficSamples(pair, count, this.#naming));
    }
  }
}
