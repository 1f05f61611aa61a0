import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Series } from '../../src/probes/probe.ts';
import { PrometheusError } from '../../src/probes/prometheus.ts';
import { judgeDrop, trafficDrop } from '../../src/probes/trafficDrop.ts';
import type { Flow } from '../../src/probes/traffic.ts';
import { edge, look, metrics, MINUTE, NOW, pod, SECOND } from './scene.ts';

const OPTIONS = { window: '5m', maxPercent: 50, minRequests: 20 };
const STARTED = NOW - 60 * MINUTE;

function mesh(before: Series[], after: Series[]) {
  return metrics((query, time) => {
    if (!query.includes('istio_requests_total')) return [];
    return time === NOW ? after : before;
  });
}

const soak = (ageMs: number) => look([pod()], { startedAt: STARTED, changedAt: NOW - ageMs });
const probe = (sight: ReturnType<typeof mesh>) => trafficDrop('traffic', OPTIONS, sight, 'istio');
const traffic = (source: string | undefined, requests: number, tcp = { connections: 0, bytes: 0 }): Flow => ({
  namespace: 'cart',
  workload: 'cartservice',
  source,
  requests,
  ...tcp,
});

describe('trafficDrop', () => {
  it('takes part in soak only', () => assert.deepEqual(probe(mesh([], [])).rounds, ['Soak']));

  it('names the client that fell silent, although others more than make up for it', async () => {
    const sight = mesh(
      [edge('legacy/reporting', 'cart/cartservice', 42), edge('shop/frontend', 'cart/cartservice', 900)],
      [edge('shop/frontend', 'cart/cartservice', 1800)],
    );
    const seen = await probe(sight).observe(soak(10 * MINUTE));
    assert.deepEqual([seen.verdict, seen.value, seen.samples], ['Unhealthy', '1 of 2 pairs fell', 942]);
    assert.match(seen.message, /^legacy\/reporting → cart\/cartservice fell from 42 to 0 \(/);
    assert.deepEqual(
      new Set(sight.asked.map(({ time }) => time)),
      new Set([NOW - 10 * MINUTE, NOW]),
      'right before the switch, and now',
    );
    assert.ok(sight.asked.every(({ query }) => query.includes('[300s]')));
  });

  it('has NoData when Prometheus was away, since what it did not read looks as if nobody had called', async () => {
    for (const [before, after, verdict] of [
      [20, 0, 'NoData'],
      [20, 10, 'NoData'],
      [2, 1, 'NoData'],
      // other proxies, at another moment of the scrape interval, were read only once then
      [3, 2, 'NoData'],
      [4, 3, 'Unhealthy'],
      [20, 19, 'Unhealthy'],
      [2, 2, 'Unhealthy'],
    ] as const) {
      const read = metrics((query, time) => {
        if (query.includes('count_over_time')) return [{ labels: {}, value: time === NOW ? after : before }];
        if (!query.includes('istio_requests_total') || time === NOW) return [];
        return [edge('shop/frontend', 'cart/cartservice', 900)];
      });
      const seen = await probe(read).observe(soak(10 * MINUTE));
      assert.equal(seen.verdict, verdict, `${before} and ${after} readings: ${seen.message}`);
    }
  });

  it('is Healthy while traffic holds up', async () => {
    const sight = mesh(
      [edge('shop/frontend', 'cart/cartservice', 900)],
      [edge('shop/frontend', 'cart/cartservice', 700)],
    );
    const seen = await probe(sight).observe(soak(10 * MINUTE));
    assert.deepEqual([seen.verdict, seen.value], ['Healthy', '1 pair, worst -22%']);
  });

  it('compares spans that are both as long as the change is old', async () => {
    const sight = mesh([edge('a/b', 'cart/cartservice', 90)], [edge('a/b', 'cart/cartservice', 90)]);
    await probe(sight).observe(soak(45 * SECOND));
    assert.ok(sight.asked.length > 0 && sight.asked.every(({ query }) => query.includes('[45s]')));
  });

  it('waits until two spans can be compared at all', async () => {
    const sight = mesh([], []);
    const seen = await probe(sight).observe(soak(29 * SECOND));
    assert.deepEqual([seen.verdict, sight.asked.length], ['NoData', 0]);
  });

  it('has NoData when Prometheus knows nothing of the scope, and Healthy when the mesh has no pod there', async () => {
    assert.equal((await probe(mesh([], [])).observe(soak(10 * MINUTE))).verdict, 'NoData');
    const empty = { ...soak(10 * MINUTE), pods: () => Promise.resolve([]) };
    assert.equal((await probe(mesh([], [])).observe(empty)).verdict, 'Healthy');
  });

  it('is an Error when Prometheus fails', async () => {
    const down = metrics(() => new PrometheusError('Refused', 'Prometheus at prom:9090 answered with status 503'));
    const seen = await trafficDrop('traffic', OPTIONS, down, 'istio').observe(soak(10 * MINUTE));
    assert.deepEqual(
      [seen.verdict, seen.message],
      ['Error', 'could not look: Prometheus at prom:9090 answered with status 503'],
    );
  });

  const judged = (before: Flow[], after: Flow[], windowMs = 5 * MINUTE) =>
    judgeDrop(before, after, OPTIONS, windowMs, 5 * MINUTE).verdict;

  it('judges by counts', () => {
    const cases: [string, number, number, number, string][] = [
      ['silence from the minimum on', 20, 0, 5, 'Unhealthy'],
      ['silence of too few', 19, 0, 5, 'Healthy'],
      ['too few, while the span still grows', 19, 0, 2, 'NoData'],
      ['half gone, but that few vary so by chance', 20, 9, 5, 'Healthy'],
      ['half gone of many', 400, 190, 5, 'Unhealthy'],
      ['not yet half gone of many', 400, 210, 5, 'Healthy'],
      ['grown', 400, 900, 5, 'Healthy'],
      ['no traffic before', 0, 900, 5, 'Healthy'],
    ];
    for (const [title, before, after, minutes, expected] of cases) {
      assert.equal(judged([traffic('a/b', before)], [traffic('a/b', after)], minutes * MINUTE), expected, title);
    }
  });

  it('sees silence even when every drop is allowed', () => {
    const options = { maxPercent: 100, minRequests: 20 };
    const verdict = (after: number) =>
      judgeDrop([traffic('a/b', 100)], [traffic('a/b', after)], options, MINUTE, MINUTE).verdict;
    assert.deepEqual([verdict(0), verdict(3)], ['Unhealthy', 'Healthy']);
  });

  it('takes a name that is new for the unknown source that it was, but not one that was there before', () => {
    const unknown = traffic(undefined, 100);
    assert.equal(judged([unknown], [traffic('shop/frontend', 95)]), 'Healthy');
    assert.equal(judged([unknown, traffic('shop/frontend', 95)], [traffic('shop/frontend', 195)]), 'Unhealthy');
    assert.equal(judged([unknown], [traffic('shop/frontend', 5)]), 'Unhealthy');
  });

  it('takes connections that were opened before the switch and still carry as much for no loss', () => {
    const pool = (source: string | undefined, connections: number, bytes: number, requests = 0) =>
      traffic(source, requests, { connections, bytes });
    const cases: [string, Flow, Flow, string][] = [
      ['they go on', pool('a/b', 50, 9000), pool('a/b', 0, 8000), 'Healthy'],
      ['most of what they carried is gone', pool('a/b', 50, 9000), pool('a/b', 0, 4000), 'Unhealthy'],
      ['silent', pool('a/b', 50, 9000), pool('a/b', 0, 0), 'Unhealthy'],
      ['nobody counts bytes', pool('a/b', 50, 0), pool('a/b', 0, 0), 'Unhealthy'],
      ['they do not hide lost requests', pool('a/b', 50, 9000, 900), pool('a/b', 0, 9000, 0), 'Unhealthy'],
      ['of an unknown source that has a name now', pool(undefined, 50, 9000), pool('a/b', 0, 9000), 'Healthy'],
    ];
    for (const [title, before, after, expected] of cases) assert.equal(judged([before], [after]), expected, title);
    const silent = judgeDrop([pool('a/b', 50, 9000)], [pool('a/b', 0, 0)], { ...OPTIONS, maxPercent: 100 }, 1, 1);
    assert.equal(silent.verdict, 'Unhealthy', 'silence even when every drop is allowed');
  });

  it('adds up what connections carried in both directions, by source', async () => {
    const pair = edge('shop/frontend', 'cart/cartservice', 1);
    const at = (value: number) => [{ ...pair, value }];
    const sight = metrics((query, time) => {
      if (/^sum by .*\(increase\(istio_tcp_(received|sent)_bytes_total/.test(query)) return at(500);
      return query.includes('istio_tcp_connections_opened_total') ? at(time === NOW ? 0 : 50) : [];
    });
    const seen = await probe(sight).observe(soak(10 * MINUTE));
    assert.deepEqual([seen.verdict, seen.value], ['Healthy', '1 pair, worst +0%']);
  });

  it('never gets better when less arrives', () => {
    const order = ['Healthy', 'Unhealthy'];
    const count = fc.nat({ max: 2000 });
    fc.assert(
      fc.property(count, count, count, (before, after, less) => {
        const verdict = (n: number) => order.indexOf(judged([traffic('a/b', before)], [traffic('a/b', n)]));
        assert.ok(verdict(Math.max(0, after - less)) >= verdict(after));
      }),
    );
  });
});
