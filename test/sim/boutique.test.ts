import assert from 'node:assert/strict';
import { Boutique } from '../../src/sim/boutique/boutique.ts';
import { SHOP_NAMESPACES, shopCalls } from '../../src/sim/boutique/shop.ts';
import { VirtualClock } from '../../src/sim/clock.ts';
import { follow } from '../../src/sim/mesh/follow.ts';
import { SimulatedMesh } from '../../src/sim/mesh/mesh.ts';
import { EmbeddedCluster } from '../../src/sim/server/server.ts';
import { SimulatedSight } from '../../src/sim/sight.ts';
import { policy, START } from './scene.ts';

const MINUTE = 60_000;
const LOG = { info: () => undefined, warn: () => undefined, error: assert.fail };

async function opened() {
  const clock = new VirtualClock(START);
  const cluster = new EmbeddedCluster({ clock });
  const mesh = new SimulatedMesh(clock);
  const boutique = new Boutique(cluster, mesh, clock);
  boutique.deploy();
  const stop = new AbortController();
  const following = follow(mesh, { transport: cluster.transport(), clock, log: LOG, signal: stop.signal });
  await clock.settle();
  const { stopped } = await following;
  boutique.open();
  const sight = new SimulatedSight(mesh, clock);
  const sum = async (matchers: string, window: string, by = 'source_workload_namespace, source_workload') => {
    const promql = `sum by (${by}) (increase(istio_requests_total{reporter="destination",${matchers}}[${window}]))`;
    const series = await sight.query(promql, clock.now(), stop.signal);
    return Object.fromEntries(
      series.map(({ labels, value }) => [Object.values(labels).sort().join('/'), Math.round(value)]),
    );
  };
  const close = async () => {
    stop.abort();
    await clock.settle();
    await stopped;
  };
  const strict = (namespace: string) => cluster.put(policy('default', 'STRICT', { namespace }));
  return { clock, cluster, mesh, boutique, sum, close, strict, stop };
}

describe('Boutique', () => {
  it('stands in the cluster: eleven namespaces, and every pod is in the mesh but the forgotten one', async () => {
    const { cluster, mesh, close } = await opened();
    const shop = cluster.list('v1', 'Namespace').filter(({ metadata }) => metadata.labels?.['shop'] === 'boutique');
    assert.deepEqual(
      shop.map(({ metadata }) => metadata.name),
      [...SHOP_NAMESPACES],
    );
    const pods = cluster
      .list('v1', 'Pod')
      .map(({ metadata }) => mesh.topology.pod(`${metadata.namespace}/${metadata.name}`)!);
    assert.equal(pods.length, 19);
    assert.ok(pods.every(pod => pod.ready && pod.ip !== undefined));
    assert.deepEqual(
      pods.filter(pod => !pod.sidecar).map(pod => `${pod.namespace}/${pod.workload}`),
      ['legacy/stock-report'],
    );
    await close();
  });

  it('has traffic with a past, secured but for the forgotten client', async () => {
    const { sum, close } = await opened();
    assert.deepEqual(await sum('connection_security_policy!="mutual_tls"', '24h'), {
      'legacy/stock-report': 0.05 * 86_400,
    });
    const all = await sum('connection_security_policy="mutual_tls"', '1m', 'destination_workload_namespace');
    // nobody calls the load generator, and the database is called over TCP
    assert.deepEqual(
      Object.keys(all).sort(),
      [...SHOP_NAMESPACES, 'gateway'].filter(name => name !== 'loadgenerator').sort(),
    );
    assert.equal(all['shipping'], 38 * 60);
    await close();
  });

  it('goes to STRICT without loss, but for the two clients that cannot follow', async () => {
    const { clock, mesh, strict, boutique, close, stop } = await opened();
    const late = boutique.lateClient(stop.signal);
    for (const namespace of SHOP_NAMESPACES) strict(namespace);
    await clock.advance(10 * MINUTE);
    await late;
    const lost = mesh
      .reports(START, clock.now())
      .filter(({ refused, failed }) => refused + failed > 0)
      .map(({ call }) => call.name);
    assert.deepEqual(lost, ['order-sync → shippingservice', 'stock-report → cartservice']);
    await close();
  });

  it('lets the late client fall silent after the switch, seen by nothing but its absence', async () => {
    const { clock, strict, boutique, sum, close, stop } = await opened();
    const late = boutique.lateClient(stop.signal);
    await clock.advance(10 * MINUTE);
    const toShipping = 'destination_workload_namespace="shipping"';
    const before = await sum(toShipping, '1m');
    assert.equal(before['order-sync/partner'], 1800);
    strict('shipping');
    await clock.advance(MINUTE);
    await late;
    await clock.advance(MINUTE);
    assert.deepEqual(await sum(toShipping, '1m'), { ...before, 'order-sync/partner': 0 });
    assert.deepEqual(await sum(`${toShipping},connection_security_policy!="mutual_tls"`, '2m'), {});
    boutique.repairLate();
    await clock.advance(2 * MINUTE);
    assert.deepEqual(await sum(toShipping, '1m'), before);
    await close();
  });

  it('shows the late client as plaintext once STRICT is taken back', async () => {
    const { clock, cluster, strict, boutique, sum, close, stop } = await opened();
    const late = boutique.lateClient(stop.signal);
    strict('shipping');
    await clock.advance(MINUTE);
    await late;
    cluster.remove('security.istio.io/v1', 'PeerAuthentication', 'shipping', 'default');
    await clock.advance(2 * MINUTE);
    assert.deepEqual(await sum('destination_workload_namespace="shipping",connection_security_policy="none"', '1m'), {
      'order-sync/partner': 1800,
    });
    await close();
  });

  it('takes the forgotten client into the mesh', async () => {
    const { clock, boutique, sum, close } = await opened();
    boutique.repairForgotten();
    await clock.advance(5 * MINUTE);
    assert.deepEqual(await sum('connection_security_policy!="mutual_tls"', '4m'), { 'legacy/stock-report': 0 });
    assert.deepEqual(await sum('source_workload="stock-report"', '4m'), { 'legacy/stock-report': 12 });
    await close();
  });

  it('shows a pod that fails and restarts, and the traffic that goes to the others', async () => {
    const { clock, cluster, boutique, mesh, close } = await opened();
    boutique.disturb('currencyservice', 0, { ready: false, restarts: 3 });
    boutique.disturb('adservice', 0, { ready: false, restarts: 1 });
    await clock.advance(MINUTE);
    const [first] = cluster
      .list('v1', 'Pod', 'currency')
      .filter(({ status }) => JSON.stringify(status).includes('"restartCount":3'));
    assert.ok(first);
    const failed = mesh.reports(START, clock.now()).filter(report => report.failed > 0);
    assert.deepEqual(
      failed.map(({ call }) => call.name),
      ['frontend → adservice'],
    );
    assert.throws(() => boutique.disturb('adservice', 1, { ready: true, restarts: 0 }), /no pod 1 of adservice/);
    await close();
  });

  it('names every call once', () => {
    const names = shopCalls(START).map(call => call.name);
    assert.equal(new Set(names).size, names.length);
  });
});
