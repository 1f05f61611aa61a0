import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { increase, increaseWithNew, presence, readIncrease, unencryptedConnections } from '../../src/probes/promql.ts';
import type { Series } from '../../src/probes/probe.ts';
import { SeriesStore } from '../../src/sim/mesh/series.ts';
import { SimulatedPrometheus } from '../../src/sim/prometheus.ts';
import { evaluate } from '../../src/sim/promql/evaluate.ts';
import { parse } from '../../src/sim/promql/parse.ts';
import { PromqlError } from '../../src/sim/promql/syntax.ts';
import { ARRIVED, call, policy, scene, START } from './scene.ts';

const MINUTE = 60_000;

/** Counters whose rates are easy to add up: what each grows by in a second. */
function store(): SeriesStore {
  const series = new SeriesStore(3_600_000);
  const rows: [string, Record<string, string>, number][] = [
    ['requests', { to: 'cart', from: 'frontend', tls: 'mutual_tls' }, 3],
    ['requests', { to: 'cart', from: 'legacy', tls: 'none' }, 1],
    ['requests', { to: 'ad', from: 'frontend', tls: 'mutual_tls' }, 5],
    ['requests', { to: 'a.b', from: 'quo"te' }, 7],
    ['handshakes', { to: 'cart' }, 2],
  ];
  for (const [metric, labels, rate] of rows) series.tally(metric, labels, 0).setRate(0, rate);
  return series;
}

function ask(promql: string, time = 10 * MINUTE, series = store()): Series[] {
  const value = evaluate(parse(promql), series, time);
  assert.equal(value.kind, 'vector');
  return value.kind === 'vector' ? value.series.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : [];
}

const one = (promql: string, time?: number) => {
  const found = ask(promql, time);
  assert.ok(found.length <= 1, `${found.length} elements`);
  return found[0]?.value;
};

describe('PromQL of the embedded Prometheus', () => {
  const VALUES: [string, number | undefined][] = [
    ['sum(increase(requests[1m]))', 960],
    ['sum(increase(requests{to="cart"}[1m]))', 240],
    ['sum(increase(requests{to!="cart"}[1m]))', 720],
    ['sum(increase(requests{to=~"cart|ad"}[1m]))', 540],
    ['sum(increase(requests{to=~"car"}[1m]))', undefined],
    ['sum(increase(requests{to=~"a.b"}[1m]))', 420],
    ['sum(increase(requests{to=~"c.+",from!~"leg.*"}[1m]))', 180],
    ['sum(increase(requests{tls!="mutual_tls"}[1m]))', 480],
    ['sum(increase(requests{from="quo\\"te"}[1m]))', 420],
    ["sum(increase(requests{from='quo\"te',}[1m]))", 420],
    ['sum(increase(requests{nothing=""}[1m])) # all have no such label', 960],
    ['sum(increase(requests[1m] offset 1m))', 960],
    ['sum(increase(requests[1m] offset 15m))', undefined],
    ['sum(increase(requests[1h]))', 9600],
    ['sum(rate(requests{to="ad"}[30s]))', 5],
    ['sum(increase(requests{to="cart"}[1m])) - sum(increase(handshakes[1m]))', 120],
    ['(1 + 2) * sum(increase(handshakes[1m])) / 4 - 10', 80],
    ['-sum(increase(handshakes[1m]))', -120],
    ['count(requests{to="cart"})', 2],
    ['count(absent)', undefined],
    ['max(increase(requests[1m])) - min(increase(requests[1m]))', 360],
    ['avg(increase(requests{to="cart"}[1m]))', 120],
    ['sum(handshakes)', 1200],
    ['min_over_time(sum(increase(handshakes[1m]))[45s:15s])', 120],
    ['vector(3)', 3],
    ['sum(absent) or vector(0)', 0],
    ['sum(increase(handshakes[1m])) > 120', undefined],
    ['sum(increase(handshakes[1m])) >= 120', 120],
    ['sum(min_over_time(handshakes[1m])) == 1080', 1080],
    ['sum(handshakes unless present_over_time(handshakes[1h] offset 1m))', undefined],
  ];
  for (const [promql, expected] of VALUES) {
    it(`${promql} = ${expected ?? 'nothing'}`, () => {
      const value = one(promql);
      if (expected === undefined || value === undefined) assert.equal(value, expected);
      else assert.ok(Math.abs(value - expected) < 1e-6, `${value}`);
    });
  }

  it('groups by labels, or by all others', () => {
    assert.deepEqual(ask('sum by (to) (increase(requests{from="frontend"}[1m]))'), [
      { labels: { to: 'ad' }, value: 300 },
      { labels: { to: 'cart' }, value: 180 },
    ]);
    const without = ask('sum(increase(requests{to="cart"}[1m])) without (from, tls)');
    assert.deepEqual(without, [{ labels: { to: 'cart' }, value: 240 }]);
  });

  it('joins two vectors by equal labels and drops the rest', () => {
    assert.deepEqual(ask('sum by (to) (increase(requests[1m])) - sum by (to) (increase(handshakes[1m]))'), [
      { labels: { to: 'cart' }, value: 120 },
    ]);
  });

  const ERRORS: [string, RegExp][] = [
    ['', /no expression/],
    ['sum(', /unexpected end of input/],
    ['sum(increase(requests[5m])', /expected "\)"/],
    ['increase(requests)', /expected type range vector/],
    ['requests[5m]', /range vector/],
    ['requests[5]', /unexpected/],
    ['requests{to="cart}', /unterminated quoted string/],
    ['requests{to=~"("}', /regexp/],
    ['requests{to}', /unexpected "}"/],
    ['requests{to=cart}', /expected string/],
    ['histogram_quantile(0.9, requests)', /does not understand the function histogram_quantile/],
    ['increase(sum(requests)[5m:1m])', /does not understand increase of a subquery/],
    ['requests @ 1', /does not understand the modifier @/],
    ['a * on (to) b', /does not understand the modifier on/],
    ['{to="cart"}', /does not understand a selector without metric name/],
    ['sum(3)', /expected type instant vector/],
    ['1 > 2', /BOOL/],
    ['requests $', /unexpected character: "\$"/],
    ['requests requests', /unexpected "requests"/],
  ];
  for (const [promql, message] of ERRORS) {
    it(`refuses ${promql || 'an empty query'}`, () => {
      assert.throws(
        () => evaluate(parse(promql), store(), MINUTE),
        error => error instanceof PromqlError && message.test(error.message),
      );
    });
  }

  it('answers or refuses any text, and never breaks', () => {
    const piece = fc.constantFrom(
      'sum',
      'by',
      'increase',
      'requests',
      '(',
      ')',
      '{',
      '}',
      '[',
      ']',
      '5m',
      ':',
      ',',
      'to',
      '=',
      '=~',
      '"cart"',
      '-',
      'or',
      'unless',
      '3',
      'offset',
      ' ',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }).map(pieces => pieces.join('')),
        text => {
          try {
            evaluate(parse(text), store(), MINUTE);
          } catch (error) {
            if (!(error instanceof PromqlError)) throw error;
          }
        },
      ),
    );
  });

  it('has for any window the increase that the rates give', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 600, max: 3600 }), (seconds, now) => {
        const value = one(`sum(increase(requests{to="ad"}[${seconds}s]))`, now * 1000);
        assert.ok(Math.abs(value! - 5 * seconds) < 1e-6);
      }),
    );
  });
});

describe('SimulatedPrometheus', () => {
  const BY = ['source_workload', 'connection_security_policy'] as const;

  it('understands every query that the probes write', async () => {
    const { clock, mesh } = scene();
    const prometheus = new SimulatedPrometheus(mesh);
    mesh.addCall(call('legacy', 8080, { since: START - 3_600_000 }));
    await clock.advance(10_000);
    mesh.addCall(call('client', 8080, { since: clock.now() }));
    await clock.advance(10_000);
    const to = [
      { label: 'destination_workload_namespace', op: 'in', values: ['demo', 'x.y'] },
      { label: 'reporter', op: '=', value: 'destination' },
    ] as const;
    const expected = [
      { labels: { source_workload: 'client', connection_security_policy: 'mutual_tls' }, value: 10 },
      { labels: { source_workload: 'legacy', connection_security_policy: 'none' }, value: 20 },
    ];
    const sorted = (promql: string) =>
      prometheus
        .query(promql, clock.now())
        .sort((a, b) => (a.labels['source_workload']! < b.labels['source_workload']! ? -1 : 1));
    assert.deepEqual(sorted(increase('istio_requests_total', to, BY, 20_000)), expected);
    // a counter that is new in the window counts once, not twice
    assert.deepEqual(sorted(increaseWithNew('istio_requests_total', to, BY, 20_000)), expected);
    assert.deepEqual(sorted(readIncrease('istio_requests_total', to, BY, 20_000)), expected);
    assert.equal(prometheus.query(presence('istio_requests_total', to), clock.now())[0]?.value, 2);
    const present = expected.map(({ labels }) => ({ labels, value: 1 }));
    assert.deepEqual(sorted(presence('istio_requests_total', to, BY)), present);
    const listener = [{ label: 'listener_address', op: '=', value: '0.0.0.0_15006' }] as const;
    await clock.advance(60_000);
    const [plaintext] = prometheus.query(unencryptedConnections(listener, ['namespace', 'pod'], 30_000), clock.now());
    assert.deepEqual(plaintext, { labels: { namespace: 'demo', pod: 'server' }, value: 30 });
  });

  it('speaks the HTTP API on loopback', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('legacy', 8080));
    mesh.setPolicy('demo', 'p', policy('p', 'PERMISSIVE'));
    await clock.advance(ARRIVED + 10_000);
    const server = await new SimulatedPrometheus(mesh).serve();
    try {
      assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+$/);
      const get = async (query: string, init?: RequestInit) => {
        const response = await fetch(`${server.url}/api/v1/query${query}`, init);
        return { status: response.status, body: await response.json() };
      };
      const query = 'sum by (reporter) (increase(istio_requests_total[10s]))';
      const time = clock.now() / 1000;
      const expected = {
        status: 200,
        body: {
          status: 'success',
          data: { resultType: 'vector', result: [{ metric: { reporter: 'destination' }, value: [time, '10'] }] },
        },
      };
      assert.deepEqual(await get(`?query=${encodeURIComponent(query)}&time=${time}`), expected);
      assert.deepEqual(await get('', { method: 'POST', body: new URLSearchParams({ query }) }), expected);
      const iso = new Date(clock.now()).toISOString();
      assert.deepEqual(await get(`?query=${encodeURIComponent(query)}&time=${iso}`), expected);
      assert.deepEqual(await get('?query=topk(3,x)'), {
        status: 400,
        body: {
          status: 'error',
          errorType: 'bad_data',
          error: 'invalid parameter "query": 1:1: the embedded Prometheus does not understand the function topk',
        },
      });
      assert.equal((await get('?query=1&time=yesterday')).status, 400);
      assert.equal((await fetch(`${server.url}/api/v1/series`)).status, 404);
    } finally {
      await server.close();
    }
  });
});
