/**
 * The Online Boutique goes STRICT on a real mesh, under load, with the operator as a process: what a stranger gets, what
 * members of the mesh get, and how many of their requests a switch costs.
 */
import assert from 'node:assert/strict';
import { SHOP } from '../boutique.ts';
import type { OperatorProcess } from '../operatorProcess.ts';
import { create, rolloutPath, untilPhase, untilStatus } from '../rollouts.ts';
import { checkFloor } from '../floor.ts';
import { record, type Recording } from '../observe.ts';
import { POLICIES } from '../rollouts.ts';
import { readAll } from '../observe.ts';
import type { Mesh } from './mesh.ts';
import type { MeshPod } from './pods.ts';
import { BRISK, PATIENCE } from './rollouts.ts';
import { openShop, servicePort, type Shop } from './shop.ts';
import { figure, meshFor } from './suite.ts';
import type { Load } from './workload.ts';

const PATH = rolloutPath('online-boutique');
const WAVES = [
  {
    name: 'leaf',
    names: ['ad', 'email', 'currency', 'payment', 'shipping', 'product-catalog'],
    maxConcurrent: 3,
    soak: '5s',
  },
  { name: 'core', names: ['cart', 'recommendation', 'checkout'], maxConcurrent: 2, soak: '5s' },
  { name: 'door', names: ['frontend', 'loadgenerator'], maxConcurrent: 2, soak: '5s' },
];

describe('the Online Boutique on a real mesh', () => {
  let mesh: Mesh;
  let shop: Shop;
  let stranger: MeshPod;
  let operator: OperatorProcess;
  let recording: Recording;
  const loads: Record<'shoppers' | 'gateway' | 'fresh' | 'tcp', Load | undefined> = {
    shoppers: undefined,
    gateway: undefined,
    fresh: undefined,
    tcp: undefined,
  };

  before(async function () {
    mesh = await meshFor(this);
    const began = Date.now();
    shop = await openShop(mesh);
    [stranger] = (await mesh.add({
      namespace: 'elsewhere',
      name: 'stranger',
      ports: [],
      meshed: false,
      service: false,
    })) as [MeshPod];
    figure(
      'pods of the shop up in',
      `${((Date.now() - began) / 1000).toFixed(1)} s (${shop.pods.length} with sidecar)`,
    );
    operator = await mesh.startOperator();
    recording = await record(mesh.api, POLICIES);
  });
  after(() => mesh?.stop());

  it('lets a stranger in everywhere before', async () => {
    for (const each of SHOP) assert.equal(await answerTo(stranger, each), 'let in', each.name);
    assert.equal(await throughGateway(), 200);
  });

  it('goes STRICT wave by wave while it sells', async function () {
    this.timeout(2 * PATIENCE);
    await startLoads();
    const spec = { target: { namespaces: { names: shop.namespaces } }, strategy: { waves: WAVES }, ...BRISK };
    const began = Date.now();
    await create(mesh.api, 'online-boutique', spec);
    // what the stranger sent before still stands in the window of the probe
    await untilStatus(
      mesh.api,
      PATH,
      ({ probes = [] }) => probes.some(({ name, verdict }) => name === 'no-plaintext' && verdict === 'Unhealthy'),
      'the plaintext of before to be seen',
    );
    const done = await untilPhase(mesh.api, PATH, 'Completed', PATIENCE);
    assert.deepEqual(done.status?.strict, { done: 11, total: 11 });
    figure('eleven namespaces STRICT in', `${Math.round((Date.now() - began) / 1000)} s, soak of 5 s a step`);
  });

  it('has cost members of the mesh nothing that the drain does not cost anyway', async () => {
    for (const name of ['shoppers', 'gateway', 'fresh'] as const) {
      const { sent, failed, skipped, failures } = await loads[name]!.stop();
      figure(`HTTP requests, ${name}`, `${sent} sent, ${failed} failed, ${skipped} skipped`);
      assert.equal(failed, 0, JSON.stringify(failures.slice(0, 5)));
      assert.ok(sent > 500, `${name} sent only ${sent}`);
    }
    const tcp = await loads.tcp!.stop();
    figure(
      'TCP round trips on four long-lived connections',
      `${tcp.sent} sent, ${tcp.failed} failed, ${tcp.cuts} cuts`,
    );
    // the switch of redis-cart cuts each of them once, and its PERMISSIVE before changed nothing
    assert.ok(tcp.failed <= tcp.cuts, JSON.stringify(tcp));
    assert.ok(tcp.cuts <= 4, `${tcp.cuts} cuts`);
  });

  it('refuses the stranger everywhere afterwards, and serves everybody else', async () => {
    for (const each of SHOP) assert.equal(await answerTo(stranger, each), 'refused', each.name);
    const url = `http://${await mesh.pod('loadgenerator/loadgenerator').addressOf('frontend/frontend', 80)}/`;
    assert.deepEqual(await mesh.pod('loadgenerator/loadgenerator').curl(url), { status: '200', exit: 0 });
    assert.equal(await throughGateway(), 200);
  });

  it('was at no moment weaker than before', async () => {
    const events = await recording.stop();
    const checked = checkFloor(events, 0, shop.pods);
    assert.ok(checked >= 22, `${checked} versions of policies`);
    figure('versions of policies, none weaker than before', checked);
    const policies = await readAll(mesh.api, POLICIES);
    assert.equal(policies.length, 11);
    assert.equal(operator.log.filter(({ level }) => level === 'error' || level === 'raw').length, 0);
  });

  /** As curl in a pod without sidecar sees it: 200, or no answer and a reset connection (exit code 56). */
  async function answerTo(pod: MeshPod, each: (typeof SHOP)[number]): Promise<'let in' | 'refused'> {
    const address = await pod.addressOf(`${each.namespace}/${each.name}`, servicePort(each));
    if (each.protocol === 'tcp') {
      const answer = await pod.talk({ address, send: 'PING\r\n', timeoutMs: 2000 });
      if (answer.failed !== undefined) assert.equal(answer.failed, 'reset', each.name);
      return answer.failed !== undefined ? 'refused' : 'let in';
    }
    const { status, exit } = await pod.curl(`http://${address}/`);
    if (status === '200') return 'let in';
    assert.deepEqual({ status, exit }, { status: '000', exit: 56 }, each.name);
    return 'refused';
  }

  async function throughGateway(): Promise<number> {
    const { status } = await stranger.curl(`http://${await stranger.addressOf('gateway/istio-ingressgateway', 8080)}/`);
    return Number(status);
  }

  async function startLoads(): Promise<void> {
    const shopper = mesh.pod('loadgenerator/loadgenerator');
    const cart = mesh.pod('cart/cartservice');
    const [front, edge, redis] = await Promise.all([
      shopper.addressOf('frontend/frontend', 80),
      stranger.addressOf('gateway/istio-ingressgateway', 8080),
      cart.addressOf('cart/redis-cart', 6379),
    ]);
    const http = { kind: 'http', timeoutMs: 5000 } as const;
    loads.shoppers = await shopper.load({ ...http, address: front, perSecond: 10, fresh: false });
    loads.fresh = await shopper.load({ ...http, address: front, perSecond: 5, fresh: true });
    loads.gateway = await stranger.load({ ...http, address: edge, perSecond: 5, fresh: true });
    const tcp = { kind: 'tcp', address: redis, perSecond: 20, fresh: false, connections: 4, timeoutMs: 5000 } as const;
    loads.tcp = await cart.load(tcp);
  }
});
