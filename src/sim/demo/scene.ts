/** The demo's stage: the embedded cluster with the Online Boutique in it, its mesh, and the real operator beside it. */
import { KubeConfig } from '@kubernetes/client-node';
import type { OperatorLogger } from '@dot-i/k8s-operator';
import { buildCrd } from '../../api/crd.ts';
import type { Log } from '../../cluster/log.ts';
import { HttpTransport } from '../../cluster/httpTransport.ts';
import { MtlsRolloutOperator } from '../../operator/operator.ts';
import { loadSettings } from '../../operator/settings.ts';
import { Prometheus } from '../../probes/prometheus.ts';
import { Boutique } from '../boutique/boutique.ts';
import type { Clock } from '../../cluster/clock.ts';
import { follow } from '../mesh/follow.ts';
import { SimulatedMesh } from '../mesh/mesh.ts';
import { SimulatedPrometheus } from '../prometheus.ts';
import { EmbeddedCluster } from '../server/server.ts';
import { SimulatedSight } from '../sight.ts';

export interface Scene {
  clock: Clock;
  cluster: EmbeddedCluster;
  mesh: SimulatedMesh;
  boutique: Boutique;
  /** Addresses on loopback. */
  server: string;
  prometheus: string;
  operator: MtlsRolloutOperator;
  /** Stops the operator and everything it talks to. */
  close(): Promise<void>;
}

export interface SceneOptions {
  /** The demo's own time, some times as fast as real time. */
  clock: Clock;
  /** Objects that are there before the operator starts. */
  objects: readonly object[];
  log: Log & OperatorLogger;
}

/** Everything runs when this resolves; the operator has not been told to do anything yet. */
export async function openScene({ clock, objects, log }: SceneOptions): Promise<Scene> {
  const cluster = new EmbeddedCluster({ clock, crds: [buildCrd()] });
  const mesh = new SimulatedMesh(clock);
  const boutique = new Boutique(cluster, mesh, clock);
  boutique.deploy();
  for (const object of objects) cluster.put(object, 'kubectl');
  const ending = new AbortController();
  const following = await follow(mesh, { transport: cluster.transport(), clock, log, signal: ending.signal });
  boutique.open();
  void boutique.lateClient(ending.signal);

  const api = await cluster.listen();
  const metrics = await new SimulatedPrometheus(mesh).serve();
  const source = new Prometheus({ url: metrics.url });
  const simulated = new SimulatedSight(mesh, clock);
  const operator = new MtlsRolloutOperator({
    settings: settingsFor(metrics.url),
    transport: new HttpTransport(configFor(api.url)),
    clock,
    // metrics over HTTP as in any cluster; only the addresses of the pods lead nowhere
    sight: {
      query: (promql, time, signal) => source.query(promql, time, signal),
      hello: (...asked) => simulated.hello(...asked),
      call: () => simulated.call(),
    },
    log,
    random: Math.random,
    identity: 'demo',
  });
  await operator.start();
  const close = async () => {
    await operator.stop();
    ending.abort(new Error('the demo is over'));
    await following.stopped;
    await Promise.all([source.close(), metrics.close(), api.close()]);
  };
  return { clock, cluster, mesh, boutique, server: api.url, prometheus: metrics.url, operator, close };
}

function configFor(server: string): KubeConfig {
  const config = new KubeConfig();
  // plain HTTP on loopback: client-node asks for this flag before it lets that pass
  config.loadFromClusterAndUser({ name: 'embedded', server, skipTLSVerify: true }, { name: 'demo' });
  return config;
}

/** No leader election: at many times real time, one late renewal would be the end of a lease. */
function settingsFor(url: string) {
  const loaded = loadSettings(
    JSON.stringify({ prometheus: { url }, leaderElection: { enabled: false }, apiRate: 1000 }),
    [],
  );
  if ('problems' in loaded) throw new Error(loaded.problems.join('; '));
  return loaded.settings;
}
