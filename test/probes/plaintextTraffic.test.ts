import assert from 'node:assert/strict';
import { minimumFor, plaintextTraffic } from '../../src/probes/plaintextTraffic.ts';
import { PrometheusError } from '../../src/probes/prometheus.ts';
import type { Series } from '../../src/probes/probe.ts';
import type { Scope } from '../../src/rollout/scope.ts';
import { cart, edge, HOUR, look, metrics, MINUTE, NOW, pod, SECOND, shop } from './scene.ts';

const OPTIONS = { window: '24h', minRequests: 100, source: 'Metrics' } as const;

interface Mesh {
  plainRequests?: Series[];
  plainConnections?: Series[];
  requests?: Series[];
  connections?: Series[];
  /** What the proxies of the scope sent themselves. */
  sent?: Series[];
  /** Sidecars that Prometheus reads. */
  read?: string[];
  labelled?: boolean;
}

const READ = ['cartservice-0', 'redis-0', 'redis-6f7c8d9b5-x2x4z', 'guard-0']
  .map(name => `cart/${name}`)
  .concat('shop/frontend-0');

/** Metrics of the mesh by the counter and by whether only plaintext is asked for. */
function mesh(given: Mesh) {
  const sight = metrics(query => {
    if (query.includes('istio_build')) return coverage(given, query);
    if (query.startsWith('count(')) return given.requests?.length ? [{ labels: {}, value: given.requests.length }] : [];
    if (query.includes('reporter="source"')) return (query.includes('istio_requests_total') && given.sent) || [];
    const plain = query.includes('connection_security_policy!="mutual_tls"');
    assert.match(query, /reporter="destination"/);
    if (query.includes('istio_requests_total')) return (plain ? given.plainRequests : given.requests) ?? [];
    assert.match(query, /istio_tcp_connections_opened_total/);
    return (plain ? given.plainConnections : given.connections) ?? [];
  });
  /** What is asked about traffic. */
  const counting = () => sight.asked.filter(({ query }) => !query.includes('istio_build'));
  return Object.defineProperty({ ...sight }, 'asked', { get: counting });
}

/** Sidecars that Prometheus reads, and whether it labels anything by pod. */
function coverage({ read = READ, labelled = true }: Mesh, query: string): Series[] {
  if (query.includes('pod!=""')) return labelled ? [{ labels: {}, value: 9 }] : [];
  return read.map(name => ({ labels: { namespace: name.split('/')[0]!, pod: name.split('/')[1]! }, value: 1 }));
}

const probe = (sight: ReturnType<typeof mesh>, options: object = {}) =>
  plaintextTraffic('no-plaintext', { ...OPTIONS, ...options }, sight, 'istio');

describe('plaintextTraffic', () => {
  it('takes part in entry and soak', () => assert.deepEqual(probe(mesh({})).rounds, ['Entry', 'Soak']));

  it('is Healthy on enough traffic without plaintext, and says how much', async () => {
    const sight = mesh({ requests: [edge('shop/frontend', 'cart/cartservice', 1200.4)] });
    const seen = await probe(sight).observe(look([pod()]));
    assert.deepEqual(
      [seen.name, seen.verdict, seen.value, seen.samples, seen.at],
      ['no-plaintext', 'Healthy', '0 plaintext of 1200', 1200, '2026-11-22T10:00:00.000Z'],
    );
    assert.equal(seen.message, 'none of 1200 requests and connections in the last 24h came without mutual TLS');
    assert.ok(sight.asked.every(({ query, time }) => query.includes('[86400s]') && time === NOW));
  });

  it('names the worst sources, with counts, worst first', async () => {
    const sight = mesh({
      plainRequests: [edge('legacy/reporting', 'cart/cartservice', 3.1), edge('a/b', 'cart/cartservice', 0.4)],
      plainConnections: [edge(undefined, 'cart/redis', 41.7)],
      requests: [edge('shop/frontend', 'cart/cartservice', 1200)],
    });
    const seen = await probe(sight).observe(look([pod()]));
    assert.equal(seen.verdict, 'Unhealthy');
    assert.equal(seen.value, '45 plaintext of 1200');
    assert.equal(
      seen.message,
      '42 connections from an unknown source to cart/redis without mutual TLS; 3 requests from legacy/reporting to ' +
        'cart/cartservice without mutual TLS in the last 24h; the access logs of the receiving proxies name the ' +
        'addresses of unknown sources',
    );
  });

  it('finds plaintext even where there is too little evidence for anything else', async () => {
    const sight = mesh({ plainRequests: [edge('legacy/reporting', 'cart/cartservice', 1)] });
    assert.equal((await probe(sight).observe(look([pod()]))).verdict, 'Unhealthy');
  });

  it('does not judge plaintext to a workload of which some ports stay open, and says so', async () => {
    const sight = mesh({
      plainRequests: [edge('legacy/hook', 'cart/guard', 120)],
      requests: [edge('shop/frontend', 'cart/cartservice', 500), edge('legacy/hook', 'cart/guard', 120)],
    });
    const given = look([pod(), pod({ name: 'guard-0', ports: [8080, 9443] })], {
      exempt: (_, { name }) => (name === 'guard-0' ? [9443] : []),
    });
    const seen = await probe(sight).observe(given);
    assert.deepEqual([seen.verdict, seen.value], ['Healthy', '0 plaintext of 620']);
    assert.equal(
      seen.message,
      'none of the other 500 requests and connections in the last 24h came without mutual TLS; plaintext to cart/guard ' +
        'is not judged (120): some ports stay open there, and metrics do not tell ports apart',
    );
  });

  it('judges plaintext to the others all the same', async () => {
    const sight = mesh({
      plainRequests: [edge('legacy/hook', 'cart/guard', 120), edge('legacy/reporting', 'cart/cartservice', 3)],
      requests: [edge('shop/frontend', 'cart/cartservice', 500)],
    });
    const given = look([pod(), pod({ name: 'guard-0' })], {
      exempt: (_, { name }) => (name === 'guard-0' ? [9443] : []),
    });
    const seen = await probe(sight).observe(given);
    assert.deepEqual([seen.verdict, seen.value], ['Unhealthy', '3 plaintext of 500']);
    assert.match(seen.message, /^3 requests from legacy\/reporting .*; plaintext to cart\/guard is not judged \(120\)/);
  });

  it('ignores counts that are no counts', async () => {
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, -5].map(n => edge('legacy/reporting', 'cart/cartservice', n));
    const sight = mesh({ plainRequests: odd, requests: [...odd, edge('shop/frontend', 'cart/cartservice', 100)] });
    const seen = await probe(sight).observe(look([pod()]));
    assert.deepEqual([seen.verdict, seen.samples], ['Healthy', 100]);
  });

  it('has NoData below the minimum, for each scope by itself', async () => {
    const pods = [pod(), pod({ namespace: 'shop', name: 'frontend-0' })];
    const sight = mesh({ requests: [edge('x/y', 'cart/cartservice', 5000), edge('x/y', 'shop/frontend', 12)] });
    const seen = await probe(sight).observe(look(pods, { scopes: [cart, shop] }));
    assert.equal(seen.verdict, 'NoData');
    assert.equal(
      seen.message,
      'too few requests and connections in the last 24h: 12 to shop; 100 each are needed (minRequests)',
    );
    assert.equal(sight.asked.length, 6, 'the number of queries does not grow with the number of scopes');
  });

  it('takes the calls that the proxies of an uncalled scope make for proof that they are counted', async () => {
    const from = (n: number) => [{ labels: { source_workload_namespace: 'cart', source_workload: 'load' }, value: n }];
    assert.equal((await probe(mesh({ sent: from(100) })).observe(look([pod()]))).verdict, 'Healthy');
    assert.equal((await probe(mesh({ sent: from(99) })).observe(look([pod()]))).verdict, 'NoData');
    const plainRequests = [edge('legacy/reporting', 'cart/cartservice', 1)];
    assert.equal((await probe(mesh({ sent: from(9999), plainRequests })).observe(look([pod()]))).verdict, 'Unhealthy');
  });

  it('is Healthy in words where the mesh has no pod, and asks nothing', async () => {
    const sight = mesh({});
    for (const pods of [
      [],
      [pod({ mesh: 'None' })],
      [pod({ finished: true })],
      [pod({ labels: { istio: 'ingressgateway' } })],
    ]) {
      const seen = await probe(sight).observe(look(pods));
      assert.deepEqual([seen.verdict, seen.samples], ['Healthy', 0]);
      assert.match(seen.message, /no pods in the mesh in scope/);
    }
    assert.equal(sight.asked.length, 0);
  });

  it('leaves out what reaches a gateway, which no policy governs', async () => {
    const gateway = pod({ name: 'gw-0', labels: { 'gateway.networking.k8s.io/gateway-name': 'gw' } });
    const sight = mesh({
      plainRequests: [edge(undefined, 'cart/gw', 900)],
      requests: [edge('shop/frontend', 'cart/cartservice', 100)],
    });
    assert.equal((await probe(sight).observe(look([gateway, pod()]))).verdict, 'Healthy');
  });

  it('never looks back beyond the change, and asks for less evidence there', async () => {
    const sight = mesh({ requests: [edge('shop/frontend', 'cart/cartservice', 1)] });
    const seen = await probe(sight).observe(look([pod()], { changedAt: NOW - 90 * SECOND }));
    assert.equal(seen.verdict, 'Healthy');
    assert.ok(sight.asked.every(({ query }) => query.includes('[90s]') && !query.includes('[86400s]')));
  });

  it('does not look at the time in which the change was still spreading', async () => {
    const sight = mesh({ requests: [edge('shop/frontend', 'cart/cartservice', 1)] });
    await probe(sight).observe(look([pod()], { changedAt: NOW - 90 * SECOND, inForceAt: NOW - 40 * SECOND }));
    assert.ok(sight.asked.length > 0 && sight.asked.every(({ query }) => query.includes('[40s]')));
  });

  it('takes a counter that is new for new traffic only before the change, where no rollback can follow', async () => {
    const fresh = async (changedAt: number | undefined) => {
      const sight = mesh({ requests: [edge('shop/frontend', 'cart/cartservice', 100)] });
      await probe(sight).observe(look([pod()], { changedAt }));
      return sight.asked.some(({ query }) => query.includes('min_over_time'));
    };
    assert.deepEqual([await fresh(undefined), await fresh(NOW - MINUTE)], [true, false]);
  });

  it('is too soon before one scrape can have come', async () => {
    const sight = mesh({});
    const seen = await probe(sight).observe(look([pod()], { changedAt: NOW - 14 * SECOND }));
    assert.deepEqual([seen.verdict, sight.asked.length], ['NoData', 0]);
    assert.match(seen.message, /too soon/);
  });

  it('scales the minimum with the window, but never to none', () => {
    const cases = [
      [100, 24 * HOUR, 100],
      [100, 12 * HOUR, 50],
      [100, MINUTE, 1],
      [1, SECOND, 1],
      [0, HOUR, 0],
    ] as const;
    for (const [asked, window, expected] of cases) assert.equal(minimumFor(asked, window, 24 * HOUR), expected);
  });

  it('with minRequests 0 tells a silent scope from a Prometheus that counts nothing', async () => {
    const silent = mesh({ requests: [edge('a/b', 'other/c', 5)] });
    assert.equal((await probe(silent, { minRequests: 0 }).observe(look([pod()]))).verdict, 'Healthy');
    const blind = await probe(mesh({}), { minRequests: 0 }).observe(look([pod()]));
    assert.equal(blind.verdict, 'NoData');
    assert.match(blind.message, /check that it scrapes the proxies/);
  });

  it('is an Error when Prometheus or the API server cannot be asked, with the reason', async () => {
    const down = metrics(() => new PrometheusError('Unreachable', 'Prometheus at prom:9090 cannot be reached'));
    const seen = await probe(down).observe(look([pod()]));
    assert.deepEqual(
      [seen.verdict, seen.message],
      ['Error', 'could not look: Prometheus at prom:9090 cannot be reached'],
    );
    const blind = { ...look([]), pods: () => Promise.reject(new Error('pods of cart: forbidden')) };
    assert.match((await probe(mesh({})).observe(blind)).message, /^could not look: pods of cart: forbidden$/);
  });

  it('counts a workload scope by the names of its pods, whatever the author called it', async () => {
    const scope: Scope = { kind: 'Workload', namespace: 'cart', name: 'store', selector: { app: 'redis' } };
    const redis = pod({ name: 'redis-6f7c8d9b5-x2x4z', labels: { 'pod-template-hash': '6f7c8d9b5' } });
    const sight = mesh({
      plainRequests: [edge('legacy/reporting', 'cart/other', 9)],
      requests: [edge('shop/frontend', 'cart/redis', 100), edge('shop/frontend', 'cart/other', 900)],
    });
    const seen = await probe(sight).observe(look([redis], { scopes: [scope] }));
    assert.deepEqual([seen.verdict, seen.samples], ['Healthy', 100]);
    assert.ok(sight.asked.every(({ query }) => query.includes('destination_workload="redis"')));
  });

  it('fits into status whatever the names are', async () => {
    const long = `${'x'.repeat(5000)}\n\u0000`;
    const sight = mesh({ plainRequests: [1, 2, 3, 4, 5].map(n => edge(`l${n}/${long}`, `cart/${long}`, n)) });
    const seen = await probe(sight).observe(look([pod()]));
    assert.equal(seen.message.length, 1024);
    assert.doesNotMatch(seen.message, /[\n\0]/);
  });

  describe('where Prometheus does not read every sidecar', () => {
    const requests = [edge('shop/frontend', 'cart/cartservice', 1200)];
    const seen = (given: Mesh, pods = [pod(), pod({ name: 'redis-0' })]) =>
      probe(mesh({ requests, ...given })).observe(look(pods));

    it('has NoData, and names those that it does not', async () => {
      const { verdict, value, message } = await seen({ read: ['cart/cartservice-0', 'cart/other-0'] });
      assert.deepEqual([verdict, value], ['NoData', '0 plaintext of 1200']);
      assert.equal(
        message,
        'Prometheus does not read the sidecars of 1 of 2 pods (cart/redis-0), so what reaches them is not counted: ' +
          'check its scrape configuration',
      );
      assert.match((await seen({ read: [] })).message, /^Prometheus does not read the sidecars of 2 of 2 pods/);
    });

    it('objects to plaintext all the same', async () => {
      const { verdict } = await seen({ read: [], plainRequests: [edge('a/b', 'cart/redis', 3)] });
      assert.equal(verdict, 'Unhealthy');
    });

    it('says so where labels do not tell, and does not wait for it', async () => {
      const { verdict, message } = await seen({ read: [], labelled: false });
      assert.equal(verdict, 'Healthy');
      assert.match(message, /; whether Prometheus reads every proxy is not known \(it has no istio_build/);
    });

    it('waits for no pod that is young, not ready, behind ztunnel or outside the mesh', async () => {
      const others = [
        pod({ name: 'young-0', readySince: NOW - 59 * SECOND }),
        pod({ name: 'ill-0', ready: false }),
        pod({ name: 'ambient-0', mesh: 'Ambient' }),
        pod({ name: 'bare-0', mesh: 'None' }),
      ];
      const read = ['cart/cartservice-0'];
      assert.equal((await seen({ read }, [pod(), ...others])).verdict, 'Healthy');
      const grown = pod({ name: 'young-0', readySince: NOW - 60 * SECOND });
      assert.equal((await seen({ read }, [pod(), grown])).verdict, 'NoData');
    });

    it('takes counters of Envoy for it, with that preset', async () => {
      const counted = (names: string[]) =>
        metrics(query =>
          query.startsWith('count by') || query.includes(' and sum by')
            ? names.map(name => ({ labels: { namespace: 'cart', pod: name }, value: 500 }))
            : [],
        );
      const observe = (names: string[]) =>
        plaintextTraffic('p', { ...OPTIONS }, counted(names), 'envoy').observe(look([pod(), pod({ name: 'redis-0' })]));
      assert.equal((await observe(['cartservice-0', 'redis-0'])).verdict, 'Healthy');
      assert.match((await observe(['cartservice-0'])).message, /1 of 2 pods \(cart\/redis-0\)/);
    });
  });
});
