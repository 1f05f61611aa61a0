import assert from 'node:assert/strict';
import { clientErrors } from '../../src/probes/clientErrors.ts';
import type { Series } from '../../src/probes/probe.ts';
import { PrometheusError } from '../../src/probes/prometheus.ts';
import type { Scope } from '../../src/rollout/scope.ts';
import { cart, look, metrics, MINUTE, NOW, pod, SECOND, shop } from './scene.ts';

const CHANGED = NOW - 10 * MINUTE;

type Labels = Record<string, string>;

/** Calls of `shop/frontend` to `cart/cart`, unless other labels are given. */
function calls(value: number, result: string, labels: Labels = {}): Series {
  const [code, flags] = result.split(' ');
  const ends = {
    source_workload_namespace: 'shop',
    source_workload: 'frontend',
    destination_workload_namespace: 'cart',
    destination_workload: 'cartservice',
    destination_service_namespace: 'cart',
    destination_service_name: 'cart',
  };
  return { labels: { ...ends, response_code: code!, response_flags: flags ?? '-', ...labels }, value };
}

/** What the proxy of a client knows of a call that nobody answered. */
const NOBODY = { destination_workload: 'unknown', destination_workload_namespace: 'unknown' };

interface Told {
  before?: Series[];
  after?: Series[];
  opened?: Series[];
  closed?: Series[];
}

function mesh({ before = [], after = [], opened = [], closed = [] }: Told) {
  return metrics((query, time) => {
    assert.match(query, /reporter="source"/);
    if (query.startsWith('count(')) return [];
    if (query.includes('istio_requests_total')) return time === CHANGED ? before : after;
    if (time === CHANGED) return [];
    return query.includes('istio_tcp_connections_opened_total') ? opened : closed;
  });
}

const probe = (sight: ReturnType<typeof mesh>, options: object = {}) =>
  clientErrors('clients', { window: '2m', maxPercent: 1, minRequests: 20, ...options }, sight);
const soak = (given: object = {}) => look([pod()], { changedAt: CHANGED, ...given });
const seen = (told: Told, options: object = {}, given: object = {}) => probe(mesh(told), options).observe(soak(given));

describe('clientErrors', () => {
  it('is Healthy where calls go through, and says how many', async () => {
    const { verdict, value, samples, message } = await seen({ after: [calls(300, '200')] });
    assert.deepEqual([verdict, value, samples], ['Healthy', '0 of 300 failed', 300]);
    assert.equal(message, '0 of 300 calls of mesh clients failed in the last 2m, not more than before by more than 1%');
  });

  it('names client, Service and cause, worst first', async () => {
    const batch = { source_workload: 'batch' };
    const after = [calls(90, '200'), calls(10, '503 UC'), calls(5, '503 UF,URX', batch), calls(20, '0 UF', batch)];
    const { verdict, value, message } = await seen({ after });
    assert.deepEqual([verdict, value], ['Unhealthy', '35 of 125 failed']);
    assert.equal(
      message,
      'in the last 2m: 100% of 25 calls from shop/batch to cart/cart failed (0 UF, 503 UF,URX); 10% of 100 calls from ' +
        'shop/frontend to cart/cart failed (503 UC); UC, UF or URX say that a client and its server do not agree on ' +
        'TLS: look for DestinationRules of these clients',
    );
  });

  it('sees the one client that fails throughout beside a thousand calls that do not', async () => {
    const failing = calls(25, '503 UC', { source_workload: 'old' });
    assert.equal((await seen({ after: [calls(10_000, '200'), failing] })).verdict, 'Unhealthy');
  });

  it('judges clients with few calls together', async () => {
    const from = (n: number) => calls(10, '503 UC', { source_workload: `client-${n}` });
    assert.equal((await seen({ after: [from(1)] })).verdict, 'NoData');
    const { verdict, message } = await seen({ after: [from(1), from(2)] });
    assert.equal(verdict, 'Unhealthy');
    assert.match(message, /100% of 20 calls from several or unknown clients to cart\/cart failed/);
  });

  const RESULTS: [result: string, counts: boolean][] = [
    ['500', true],
    ['503 UC', true],
    ['503 UF,URX', true],
    ['503 NR', true],
    ['0', true],
    ['200 UF', true],
    ['0 DC', false],
    ['200 DPE', false],
    ['499', false],
    ['404', false],
    ['302', false],
    ['200 SI', false],
  ];
  for (const [result, counts] of RESULTS) {
    it(`${counts ? 'counts' : 'does not count'} an answer of ${result}`, async () => {
      const { verdict } = await seen({ after: [calls(50, '200'), calls(50, result)] });
      assert.equal(verdict, counts ? 'Unhealthy' : 'Healthy');
    });
  }

  describe('against the time before the change', () => {
    const HEALTHY: [string, Told['before'], number][] = [
      ['nothing failed before: n + 2√n of the 1% that is allowed', [calls(1000, '200')], 16],
      ['3% failed before', [calls(970, '200'), calls(30, '503 UC')], 52],
      ['everything failed before', [calls(1000, '503 UC')], 1000],
    ];
    for (const [title, before, most] of HEALTHY) {
      it(title, async () => {
        const after = (failed: number) => [calls(1000 - failed, '200'), calls(failed, '503 UC')];
        assert.equal((await seen({ before: before!, after: after(most) })).verdict, 'Healthy');
        if (most < 1000) assert.equal((await seen({ before: before!, after: after(most + 1) })).verdict, 'Unhealthy');
      });
    }

    it('says what it was before', async () => {
      const before = [calls(90, '200'), calls(10, '500')];
      const { message } = await seen({ before, after: [calls(50, '200'), calls(50, '500')] });
      assert.match(message, /^in the last 2m: 50% of 100 calls .* failed \(500\), 10% before the change; /);
    });

    it('takes one failure for too much where none is allowed and none was there', async () => {
      const after = [calls(999, '200'), calls(1, '503 UC')];
      assert.equal((await seen({ after }, { maxPercent: 0 })).verdict, 'Unhealthy');
      assert.equal((await seen({ after })).verdict, 'Healthy');
    });

    it('takes few calls before for little of an excuse', async () => {
      const { verdict } = await seen({ before: [calls(1, '503 UC')], after: [calls(50, '503 UC')] });
      assert.equal(verdict, 'Unhealthy');
    });
  });

  it('counts TCP connections that never stood, and none that was cut', async () => {
    const opened = [calls(40, '')];
    assert.equal((await seen({ opened, closed: [calls(40, ' UF')] })).verdict, 'Unhealthy');
    for (const flags of [' -', ' UC', ' DC', ' DT'])
      assert.equal((await seen({ opened, closed: [calls(40, flags)] })).verdict, 'Healthy', flags);
    const ztunnel = await seen({ opened, closed: [calls(40, ' TLS_FAILURE')] });
    assert.match(ztunnel.message, /100% of 40 calls from shop\/frontend to cart\/cart failed \(TLS_FAILURE\)/);
  });

  describe('of a call whose workload nobody knows', () => {
    const part: Scope = { kind: 'Workload', namespace: 'cart', name: 'cartservice', selector: {} };
    const failed = (labels: Labels = {}) => calls(50, '503 UF', { ...NOBODY, ...labels });
    const told = { before: [calls(50, '200')], after: [failed()] };

    it('knows the workloads by what they answered before', async () => {
      assert.equal((await seen(told, {}, { scopes: [part] })).verdict, 'Unhealthy');
      const other: Scope = { ...part, name: 'redis' };
      const redis = { pods: () => Promise.resolve([pod({ name: 'redis-0' })]) };
      assert.equal((await seen(told, {}, { scopes: [other], ...redis })).verdict, 'NoData');
    });

    it('takes the namespace of a Service that nobody ever answered, and no host outside', async () => {
      assert.equal((await seen({ after: [failed()] })).verdict, 'Unhealthy');
      const outside = [
        failed({ destination_service_name: 'api.example.com' }),
        failed({ destination_service_name: 'PassthroughCluster' }),
        failed({ destination_service_name: 'unknown' }),
        calls(50, '200', { destination_service_name: 'PassthroughCluster' }),
      ];
      assert.equal((await seen({ after: outside })).verdict, 'Healthy');
    });

    it('leaves out Services of a workload that is not governed', async () => {
      const exempt = () => 'All' as const;
      const pods = () => Promise.resolve([pod(), pod({ name: 'redis-0' })]);
      const spared = { pods, exempt: (_: Scope, { name }: { name: string }) => (name === 'redis-0' ? exempt() : []) };
      const redis = { destination_service_name: 'redis' };
      const before = [calls(50, '200', { ...redis, destination_workload: 'redis' })];
      const after = [failed(redis), calls(50, '200')];
      assert.equal((await seen({ before, after }, {}, spared)).verdict, 'Healthy');
    });
  });

  it('needs evidence for every scope', async () => {
    const pods = () => Promise.resolve([pod()]);
    const { verdict, message } = await seen({ after: [calls(300, '200')] }, {}, { scopes: [cart, shop], pods });
    assert.equal(verdict, 'NoData');
    assert.equal(message, 'too few calls of mesh clients in the last 2m: 0 to shop; 20 each are needed (minRequests)');
  });

  it('asks for no minimum where the author asks for none, as long as anybody counts', async () => {
    const none = { minRequests: 0 };
    assert.match((await seen({}, none)).message, /^Prometheus holds no counters of clients/);
    const other = calls(50, '200', { destination_workload: 'x', destination_workload_namespace: 'other' });
    assert.equal((await seen({ after: [other] }, none)).verdict, 'Healthy');
    assert.equal((await seen({ after: [calls(1, '503 UC')] }, none)).verdict, 'Unhealthy');
  });

  it('counts no old failures as new where Prometheus has forgotten the time before', async () => {
    const fresh = (told: Told) => {
      const sight = mesh(told);
      return probe(sight)
        .observe(soak())
        .then(() => sight.asked.filter(({ time }) => time === NOW).every(({ query }) => query.includes('unless')));
    };
    assert.equal(await fresh({ before: [calls(50, '200')] }), true);
    assert.equal(await fresh({}), false);
  });

  it('never looks back beyond the change, and compares with a full window before it', async () => {
    for (const [age, window] of [
      [10 * MINUTE, '[120s]'],
      [40 * SECOND, '[40s]'],
      [15 * SECOND, '[15s]'],
      [14 * SECOND, undefined],
      [-MINUTE, undefined],
    ] as const) {
      const sight = metrics(() => []);
      const { message } = await probe(sight).observe(look([pod()], { changedAt: NOW - age }));
      const windows = (time: number) =>
        new Set(sight.asked.filter(at => at.time === time).flatMap(({ query }) => query.match(/\[\d+s\]/g) ?? []));
      assert.deepEqual([...windows(NOW)], window === undefined ? [] : [window]);
      if (window === undefined) assert.match(message, /^too soon/);
      else assert.deepEqual([...windows(NOW - age)], ['[120s]']);
    }
  });

  it('judges the time before the change as it is, where it is asked to', async () => {
    const entry = (after: Series[]) => probe(mesh({ after })).observe(look([pod()]));
    assert.equal((await entry([calls(300, '200')])).verdict, 'Healthy');
    assert.equal((await entry([calls(300, '503 UC')])).verdict, 'Unhealthy');
  });

  it('passes where no pod is governed, and is an Error when Prometheus cannot be asked', async () => {
    assert.equal((await probe(mesh({})).observe(look([], { changedAt: CHANGED }))).verdict, 'Healthy');
    const down = metrics(() => new PrometheusError('Unreachable', 'Prometheus at prom:9090 cannot be reached'));
    const { verdict, message } = await probe(down).observe(soak());
    assert.deepEqual([verdict, message], ['Error', 'could not look: Prometheus at prom:9090 cannot be reached']);
  });
});
