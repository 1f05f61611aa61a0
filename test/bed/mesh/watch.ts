/** The probes of the operator over one mesh: what each looks at, and the load that should make none of them cry. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type ProbeSpec, specSchema, type SpecInput } from '../../../src/api/schema.ts';
import type { Observation } from '../../../src/api/status.ts';
import { KubeClient } from '../../../src/cluster/client.ts';
import { systemClock } from '../../../src/cluster/clock.ts';
import { clusterSight } from '../../../src/operator/clusterSight.ts';
import type { Look, Probe } from '../../../src/probes/probe.ts';
import { buildProbes } from '../../../src/probes/registry.ts';
import { observe, podsIn, sightOf } from './looks.ts';
import type { Mesh } from './mesh.ts';
import type { Load } from './workload.ts';

/** With windows that fit a mesh which is scraped every two seconds. */
const WINDOW = '30s';
/** In the world of the mesh, where no other process is. */
const RECEIVER = 9800;
const SPECS: SpecInput['probes'] = [
  { name: 'no-plaintext', plaintextTraffic: { window: WINDOW, minRequests: 20 } },
  { name: 'enforced', enforcement: {} },
  { name: 'ready', workloadReadiness: {} },
  { name: 'traffic', trafficDrop: { window: WINDOW, minRequests: 20 } },
  { name: 'refused', refusedConnections: { window: WINDOW } },
  { name: 'clients', clientErrors: { window: WINDOW } },
  { name: 'api', kubernetesApi: {} },
  { name: 'istiod', controlPlane: { window: WINDOW } },
  { name: 'busy', prometheus: { query: 'calls', window: WINDOW, max: 1000 } },
  { name: 'gate', webhook: { name: 'gate' } },
];

/** Calls that reached a namespace. */
const QUERY = {
  name: 'calls',
  expr: 'sum(increase(istio_requests_total{reporter="destination",destination_workload_namespace="${namespace}"}[${window}]))',
  parameters: [],
};

export const PROBES: readonly ProbeSpec[] = specSchema.shape.probes.parse(SPECS);

export class Watch {
  readonly #mesh: Mesh;
  readonly #sight: ReturnType<typeof sightOf>;
  readonly #probes: Map<string, Probe>;
  readonly #loads = new Map<string, Load>();
  /** Whom the webhook probe asks. */
  readonly #receiver = createServer((_, response) => response.writeHead(this.receiverAnswers).end());
  receiverAnswers = 200;
  #change: Partial<Look> = {};

  static async open(mesh: Mesh): Promise<Watch> {
    const watch = new Watch(mesh);
    watch.#receiver.listen(RECEIVER, '127.0.0.1');
    await once(watch.#receiver, 'listening');
    return watch;
  }

  private constructor(mesh: Mesh) {
    this.#mesh = mesh;
    this.#sight = sightOf(mesh);
    const cluster = clusterSight(new KubeClient(mesh.api, systemClock), systemClock, () => false);
    const author = { namespace: 'sealed', name: 'trial', uid: 'trial' };
    const gate = { name: 'gate', url: `http://127.0.0.1:${RECEIVER}/`, timeoutMs: 5_000, namespaces: ['*'] };
    const configured = { author, isRoot: false, queries: [QUERY], plan: '', receivers: [gate] };
    const around = { sight: this.#sight, preset: 'istio', metrics: true, cluster, ...configured } as const;
    const probes = buildProbes(PROBES, around).filter(probe => 'observe' in probe);
    this.#probes = new Map(probes.map(probe => [probe.name, probe]));
  }

  /** When `sealed` went STRICT, and when that was seen in force; unix milliseconds. */
  switchedAt(changedAt: number, inForceAt?: number): void {
    this.#change = { round: 'Soak', changedAt, startedAt: changedAt, inForceAt };
  }

  /**
   * One look: at what is about to move (`open`) where the probe gives entry evidence, at what the API server calls
   * (`hooks`), else at what has moved (`sealed`).
   */
  async look(name: string): Promise<Observation> {
    const probe = this.#probes.get(name)!;
    const isEntry = probe.rounds.includes('Entry');
    const namespace = isEntry ? 'open' : name === 'api' ? 'hooks' : 'sealed';
    return observe(probe, namespace, await podsIn(this.#mesh, namespace), isEntry ? {} : this.#change);
  }

  /** Steady calls to the server of a namespace, each over a connection of its own, until `rest`. */
  async load(from: string, to: string, perSecond: number): Promise<void> {
    const pod = this.#mesh.pod(from);
    const address = await pod.addressOf(`${to}/server`, 8080);
    const load = await pod.load({ kind: 'http', address, perSecond, fresh: true, timeoutMs: 3000 });
    this.#loads.set(`${from} ${to}`, load);
  }

  async rest(from: string, to: string): Promise<void> {
    const load = this.#loads.get(`${from} ${to}`);
    this.#loads.delete(`${from} ${to}`);
    await load?.stop();
  }

  /** Calls that failed, of the loads that run. */
  async lostCalls(): Promise<number> {
    const counts = await Promise.all([...this.#loads.values()].map(load => load.counts()));
    return counts.reduce((sum, { failed }) => sum + failed, 0);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#loads.values()].map(load => load.stop()));
    this.#receiver.close();
    await this.#sight.close();
  }
}
