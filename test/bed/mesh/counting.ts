/** Calls in known numbers, and what the operator's probes say of them through the real Prometheus. */
import assert from 'node:assert/strict';
import type { Observation } from '../../../src/api/status.ts';
import { eachOf } from '../../../src/probes/eachOf.ts';
import { enforcement } from '../../../src/probes/enforcement.ts';
import { plaintextTraffic } from '../../../src/probes/plaintextTraffic.ts';
import type { Look, MetricsPreset, Probe } from '../../../src/probes/probe.ts';
import { refusedConnections } from '../../../src/probes/refusedConnections.ts';
import { trafficDrop } from '../../../src/probes/trafficDrop.ts';
import { waitFor } from '../waiting.ts';
import { observe, podsIn, sightOf } from './looks.ts';
import type { Mesh } from './mesh.ts';
import { call, type Got, PORT_KINDS, type PortKind } from './portKinds.ts';
import { SCRAPE_SECONDS } from './prometheus.ts';
import { figure } from './suite.ts';

const SCRAPE_MS = SCRAPE_SECONDS * 1000;
const AT_ONCE = 8;

export interface Calls {
  http: number;
  tcp: number;
}

export const sum = (...calls: Calls[]) => calls.reduce((all, { http, tcp }) => all + http + tcp, 0);

export class Counting {
  static readonly ports: readonly PortKind[] = PORT_KINDS.filter(({ name }) => /^(http-web|tcp-echo)$/.test(name));
  readonly #mesh: Mesh;
  readonly #sight: ReturnType<typeof sightOf>;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
    this.#sight = sightOf(mesh);
  }

  /** Each over a connection of its own, which must end as expected. */
  async calls(from: string, namespace: string, { http, tcp }: Calls, expected: Got = 'served'): Promise<void> {
    const pod = this.#mesh.pod(from);
    const jobs: { address: string; kind: PortKind }[] = [];
    for (const [kind, times] of Counting.ports.map((each, i) => [each, [http, tcp][i]!] as const)) {
      const address = await pod.addressOf(`${namespace}/server`, kind.port);
      for (let i = 0; i < times; i++) jobs.push({ address, kind });
    }
    await eachOf(jobs, AT_ONCE, async ({ address, kind }) => assert.equal(await call(pod, address, kind), expected));
  }

  /** So many hellos to each port, as the enforcement probe sends them under STRICT. */
  async hellos(namespace: string, times: number): Promise<void> {
    const probe = enforcement('enforced', { samples: 1 }, this.#sight);
    const pods = await podsIn(this.#mesh, namespace);
    await eachOf(Array.from({ length: times }), AT_ONCE, async () => {
      assert.equal((await observe(probe, namespace, pods, { changedAt: 1 })).verdict, 'Healthy');
    });
  }

  /** Until Prometheus holds this number of requests and TCP connections that reached a namespace: not one more or less. */
  async counted(namespace: string, expected: number): Promise<void> {
    const labels = `reporter="destination",destination_workload_namespace="${namespace}"`;
    const counters = ['istio_requests_total', 'istio_tcp_connections_opened_total'].map(name => `${name}{${labels}}`);
    let seen = 0;
    const all = async () => {
      const values = await Promise.all(counters.map(counter => this.#mesh.prometheus.value(counter)));
      seen = values.reduce<number>((total, value) => total + (value ?? 0), 0);
      return seen === expected;
    };
    await waitFor(all, `${expected} counted calls to ${namespace}`, 10 * SCRAPE_MS).catch((cause: unknown) => {
      throw new Error(`Prometheus has counted ${seen} calls to ${namespace}, and ${expected} were made`, { cause });
    });
  }

  plaintext(preset: MetricsPreset, windowMs: number): Probe {
    const options = { window: seconds(windowMs), minRequests: 1, source: 'Metrics' as const };
    return plaintextTraffic('no-plaintext', options, this.#sight, preset);
  }

  drop(preset: MetricsPreset, windowMs: number): Probe {
    return trafficDrop('traffic', { window: seconds(windowMs), maxPercent: 50, minRequests: 20 }, this.#sight, preset);
  }

  refused(windowMs: number): Probe {
    return refusedConnections('refused', { window: seconds(windowMs), maxConnections: 0 }, this.#sight);
  }

  async look(namespace: string, probe: Probe, given: Partial<Look> = {}): Promise<Observation> {
    return observe(probe, namespace, await podsIn(this.#mesh, namespace), given);
  }

  close(): Promise<void> {
    return this.#sight.close();
  }
}

const seconds = (ms: number) => `${Math.ceil(ms / 1000)}s`;

/** The numbers in a text, in order. */
export function numbersIn(text: string): number[] {
  return [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}

/**
 * `increase` stretches what the readings in a window show over the whole window. Up to a scrape interval is missing at
 * each end, and one more where a scrape was late: never too little, and at most so much too much.
 */
export function isAbout(what: string, counted: number, sent: number, windowMs: number): void {
  const most = Math.ceil((sent * windowMs) / (windowMs - 3 * SCRAPE_MS));
  figure(`${what}: sent, counted, at most`, `${sent}, ${counted}, ${most}`);
  assert.ok(counted >= sent && counted <= most, `${what}: counted ${counted} of ${sent}`);
}
