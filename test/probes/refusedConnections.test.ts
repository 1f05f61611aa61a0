import assert from 'node:assert/strict';
import type { Pod } from '../../src/istio/objects.ts';
import { PrometheusError } from '../../src/probes/prometheus.ts';
import type { Scope } from '../../src/rollout/scope.ts';
import { ambient, mesh, probe, redis, soak, verdictOf } from './refusalScene.ts';
import { cart, look, metrics, MINUTE, NOW, pod, SECOND, shop } from './scene.ts';

describe('refusedConnections behind sidecars', () => {
  it('takes part in soak only', () => assert.deepEqual(probe(mesh({})).rounds, ['Soak']));

  it('is Healthy where every sidecar counts and none refused anything', async () => {
    const sight = mesh({ sidecars: { 'cart/cartservice-0': 0, 'cart/redis-0': 0 } });
    const seen = await probe(sight).observe(soak([pod(), redis]));
    assert.deepEqual(
      [seen.name, seen.verdict, seen.value, seen.samples],
      ['refused', 'Healthy', '0 refused, 2/2 pods count', 2],
    );
    assert.equal(seen.message, 'no plaintext connection was refused in the last 2m, counted at 2 pods');
    assert.ok(sight.asked.every(({ time }) => time === NOW));
    assert.equal(sight.asked.length, 2, 'nobody asks for ztunnel where there is none');
  });

  it('names the targets, worst first, and where the addresses of the sources stand', async () => {
    const pods = [pod(), pod({ name: 'cartservice-1' }), redis];
    const sidecars = { 'cart/cartservice-0': 2, 'cart/cartservice-1': 1, 'cart/redis-0': 40 };
    const seen = await probe(mesh({ sidecars })).observe(soak(pods));
    assert.deepEqual([seen.verdict, seen.value], ['Unhealthy', '43 refused, 3/3 pods count']);
    assert.equal(
      seen.message,
      'refused in the last 2m: 40 plaintext connections from unknown sources to cart/redis; 3 plaintext connections ' +
        'from unknown sources to cart/cartservice; the addresses of unknown sources stand in the lines with ' +
        '"NR filter_chain_not_found" in the access logs of the receiving proxies',
    );
  });

  it('leaves out pods that export the counter but are not governed', async () => {
    const gateway = pod({ name: 'gw-0', labels: { istio: 'ingressgateway' } });
    const spared = pod({ name: 'old-0' });
    const sidecars = {
      'cart/cartservice-0': 0,
      'cart/gw-0': 9,
      'cart/old-0': 9,
      'cart/gone-0': 9,
      'x/cartservice-0': 9,
    };
    const exempt = (_: Scope, { name }: Pod) => (name === 'old-0' ? ('All' as const) : []);
    const seen = await probe(mesh({ sidecars })).observe(soak([pod(), gateway, spared], { exempt }));
    assert.deepEqual([seen.verdict, seen.value], ['Healthy', '0 refused, 1/1 pods count']);
  });

  it('allows as many as the author does', async () => {
    const sidecars = { 'cart/cartservice-0': 3 };
    const seen = async (maxConnections: number) => probe(mesh({ sidecars }), { maxConnections }).observe(soak([pod()]));
    assert.equal((await seen(2)).verdict, 'Unhealthy');
    assert.deepEqual(
      [(await seen(3)).verdict, (await seen(3)).message],
      ['Healthy', '3 plaintext connections refused in the last 2m, counted at 1 pod; 3 are allowed (maxConnections)'],
    );
  });

  it('has NoData where sidecars do not export the counter: how many, which, and what to do', async () => {
    const seen = await probe(mesh({ sidecars: { 'cart/cartservice-0': 0 } })).observe(soak([pod(), redis]));
    assert.deepEqual([seen.verdict, seen.value, seen.samples], ['NoData', '0 refused, 1/2 pods count', 1]);
    assert.equal(
      seen.message,
      'the sidecars of 1 of 2 pods (cart/redis-0) do not export envoy_listener_no_filter_chain_match: add ' +
        "listener.0.0.0.0_15006.no_filter_chain_match to the mesh's proxyStatsMatcher.inclusionRegexps (or to the " +
        "pods' annotation sidecar.istio.io/statsInclusionRegexps) and restart the pods; where they do export it, " +
        'check that Prometheus scrapes them, with the labels namespace and pod',
    );
  });

  it('takes one reading for too few and not for none', async () => {
    const seen = await probe(mesh({ sidecars: { 'cart/cartservice-0': undefined } })).observe(soak([pod()]));
    assert.equal(seen.verdict, 'NoData');
    assert.match(seen.message, /^too soon: the counters of 1 of 1 pod \(cart\/cartservice-0\) were not read twice/);
  });

  it('gives Prometheus time to find a pod that has just become ready', async () => {
    const aged = (ms: number) => pod({ name: 'new-0', readySince: NOW - ms });
    const said = async (ms: number) =>
      (await probe(mesh({ sidecars: { 'cart/cartservice-0': 0 } })).observe(soak([pod(), aged(ms)]))).message;
    assert.match(await said(59 * SECOND), /^too soon: /);
    assert.match(await said(60 * SECOND), /do not export/);
  });

  it('waits for pods that are not ready only where no other is, but counts what they refuse', async () => {
    const pending = pod({ name: 'pending-0', ready: false, ip: undefined });
    assert.equal(await verdictOf({ sidecars: { 'cart/cartservice-0': 0 } }, [pod(), pending]), 'Healthy');
    assert.equal(await verdictOf({}, [pending]), 'NoData');
    const sidecars = { 'cart/cartservice-0': 0, 'cart/pending-0': 1 };
    assert.equal(await verdictOf({ sidecars }, [pod(), pending]), 'Unhealthy');
  });

  it('objects to what was refused even where others do not count', async () => {
    assert.equal(await verdictOf({ sidecars: { 'cart/cartservice-0': 1 } }, [pod(), redis]), 'Unhealthy');
  });

  it('never looks back beyond the moment in which STRICT was seen in force', async () => {
    const cases: [string, { changedAt: number; inForceAt?: number }, string | undefined][] = [
      ['the window, where STRICT is older', { changedAt: 10 * MINUTE, inForceAt: 9 * MINUTE }, '[120s]'],
      ['not the time in which it spread', { changedAt: 5 * MINUTE, inForceAt: 41 * SECOND }, '[40s]'],
      ['the change, where nobody saw it in force', { changedAt: 31 * SECOND }, '[30s]'],
      ['rounded towards the present', { changedAt: MINUTE, inForceAt: 41_999 }, '[40s]'],
      ['one scrape interval', { changedAt: MINUTE, inForceAt: 16 * SECOND }, '[15s]'],
      ['less than that', { changedAt: MINUTE, inForceAt: 15_999 }, undefined],
      ['a clock that went back', { changedAt: -MINUTE, inForceAt: -MINUTE }, undefined],
    ];
    for (const [title, { changedAt, inForceAt }, window] of cases) {
      const sight = mesh({ sidecars: { 'cart/cartservice-0': 0 } });
      const times = { changedAt: NOW - changedAt, inForceAt: inForceAt === undefined ? undefined : NOW - inForceAt };
      const seen = await probe(sight).observe(look([pod()], times));
      assert.equal(seen.verdict, window === undefined ? 'NoData' : 'Healthy', title);
      const windows = new Set(sight.asked.flatMap(({ query }) => query.match(/\[\d+s\]/g) ?? []));
      assert.deepEqual([...windows], window === undefined ? [] : [window], title);
      if (window === undefined) assert.match(seen.message, /^too soon after the change/);
    }
  });

  it('is Healthy in words where no pod is governed, and asks nothing', async () => {
    const sight = mesh({});
    for (const pods of [[], [pod({ mesh: 'None' })], [pod({ gateway: true })], [pod({ finished: true })]]) {
      const seen = await probe(sight).observe(soak(pods));
      assert.deepEqual(
        [seen.verdict, seen.message],
        ['Healthy', 'no pods in the mesh in scope: nothing that could refuse'],
      );
    }
    assert.equal(sight.asked.length, 0);
  });

  it('is an Error when Prometheus or the API server cannot be asked, with the reason', async () => {
    const down = metrics(() => new PrometheusError('Unreachable', 'Prometheus at prom:9090 cannot be reached'));
    const seen = await probe(down).observe(soak([pod(), { ...ambient, name: 'other-0' }]));
    assert.deepEqual(
      [seen.verdict, seen.message],
      ['Error', 'could not look: Prometheus at prom:9090 cannot be reached'],
    );
    const blind = { ...soak([]), pods: () => Promise.reject(new Error('pods of cart: forbidden')) };
    assert.match((await probe(mesh({})).observe(blind)).message, /^could not look: pods of cart: forbidden$/);
  });

  it('asks once for all scopes, and counts a pod of two scopes once', async () => {
    const part: Scope = { kind: 'Workload', namespace: 'cart', name: 'cartservice', selector: {} };
    const sight = mesh({ sidecars: { 'cart/cartservice-0': 5, 'shop/frontend-0': 0 } });
    const pods = [pod(), pod({ namespace: 'shop', name: 'frontend-0' })];
    const seen = await probe(sight).observe(soak(pods, { scopes: [cart, part, shop] }));
    assert.equal(seen.value, '5 refused, 2/2 pods count');
    assert.ok(sight.asked.length === 2 && sight.asked.every(({ query }) => query.includes('namespace=~"cart|shop"')));
  });
});
