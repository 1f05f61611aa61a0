/** The embedded API server as a process of its own, which does what its parent orders. Started by serverProcess.ts. */
import { systemClock } from '../../src/cluster/clock.ts';
import { buildCrd } from '../../src/api/crd.ts';
import { EmbeddedCluster } from '../../src/sim/server/server.ts';
import { namespace, namespaceName, pod, rollout, ROOT, SYSTEM } from './manifests.ts';
import type { Order } from './serverProcess.ts';

type Kind = readonly [apiVersion: string, kind: string];
const ROLLOUTS: Kind = ['mtlsrollout.io/v1alpha1', 'MtlsRollout'];
const POLICIES: Kind = ['security.istio.io/v1beta1', 'PeerAuthentication'];

const cluster = new EmbeddedCluster({ clock: systemClock, crds: [buildCrd()] });
for (const name of [ROOT, SYSTEM]) cluster.put(namespace(name));

function carryOut(order: Order): unknown {
  if (order.kind === 'Phases') return phases();
  if (order.kind === 'Clear') return [ROLLOUTS, POLICIES].forEach(removeAll);
  for (let index = 0; index < order.count; index++) {
    const name = namespaceName(index);
    if (order.kind === 'Namespaces') cluster.put(namespace(name));
    else if (order.kind === 'Pods') putPods(name, order.each);
    else cluster.put({ ...rollout(name, 'move', order.spec), ...statusOf(name) });
  }
  return undefined;
}

function putPods(name: string, count: number): void {
  const at = new Date().toISOString();
  for (let number = 0; number < count; number++) cluster.put(pod(name, number, at));
}

function removeAll(kind: Kind): void {
  for (const { metadata } of cluster.list(...kind)) cluster.remove(...kind, metadata.namespace ?? '', metadata.name);
}

function phases(): Record<string, number> {
  const groups = Object.groupBy(cluster.list(...ROLLOUTS), phaseOf);
  return Object.fromEntries(Object.entries(groups).map(([phase, all]) => [phase, all?.length ?? 0]));
}

/** The status stays when an order changes the spec. */
function statusOf(name: string): object {
  const known = cluster.get(...ROLLOUTS, name, 'move');
  return known?.status === undefined ? {} : { status: known.status };
}

function phaseOf(object: object): string {
  return (object as { status?: { phase?: string } }).status?.phase ?? 'none';
}

const { url } = await cluster.listen();
process.on('message', (order: Order) => process.send!({ answer: carryOut(order) ?? null }));
process.on('disconnect', () => process.exit());
process.send!({ answer: url });
