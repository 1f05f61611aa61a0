import assert from 'node:assert/strict';
import { controlPlane } from '../../src/probes/controlPlane.ts';
import type { Series } from '../../src/probes/probe.ts';
import { PrometheusError } from '../../src/probes/prometheus.ts';
import { look, metrics, MINUTE, NOW, SECOND } from './scene.ts';

const CHANGED = NOW - 10 * MINUTE;

interface Istiod {
  proxies?: number;
  /** Rejected since the change, by kind; and in the window before it. */
  rejects?: Record<string, number>;
  rejectsBefore?: Record<string, number>;
  /** Updates of proxies by the upper bound of what they took, in seconds, counted up. */
  delays?: Record<string, number>;
}

function istiod({ proxies = 40, rejects = {}, rejectsBefore = {}, delays = {} }: Istiod) {
  const by = (label: string, values: Record<string, number>): Series[] =>
    Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
  return metrics((query, time) => {
    if (query.includes('pilot_xds{')) return proxies > 0 ? [{ labels: {}, value: proxies }] : [];
    if (query.includes('pilot_total_xds_rejects')) return by('type', time === CHANGED ? rejectsBefore : rejects);
    return by('le', delays);
  });
}

const probe = (given: Istiod, options: object = {}) =>
  controlPlane('istiod', { window: '5m', maxConvergence: '10s', ...options }, istiod(given));
const seen = (given: Istiod, options: object = {}) => probe(given, options).observe(look([], { changedAt: CHANGED }));

describe('controlPlane', () => {
  it('is Healthy where proxies took what was sent, in time', async () => {
    const delays = { '0.1': 900, '1': 990, '10': 995, '30': 996, '+Inf': 1000 };
    const { verdict, value, samples, message } = await seen({ delays });
    assert.deepEqual([verdict, value, samples], ['Healthy', '0 rejected, 5 of 1000 late', 1000]);
    assert.equal(message, '40 connected proxies took what istiod sent in the last 5m, 99 of 100 updates within 10s');
  });

  it('is Healthy where nothing was sent, as long as anybody is connected', async () => {
    assert.equal((await seen({ proxies: 1 })).verdict, 'Healthy');
    const { verdict, message } = await seen({ proxies: 0 });
    assert.equal(verdict, 'NoData');
    assert.match(message, /^Prometheus knows no istiod with connected proxies/);
  });

  it('names what proxies rejected since the change', async () => {
    const { verdict, message } = await seen({ rejects: { lds: 3, cds: 0 } });
    assert.equal(verdict, 'Unhealthy');
    assert.equal(
      message,
      '3 times a proxy rejected LDS in the last 5m: see the log of istiod and "istioctl proxy-status"',
    );
  });

  it('takes what was rejected before already for no fault of the step', async () => {
    const before = await seen({ rejects: { lds: 3 }, rejectsBefore: { lds: 1 } });
    assert.equal(before.verdict, 'Healthy');
    assert.match(before.message, /; LDS was rejected before the change already$/);
    assert.equal((await seen({ rejects: { lds: 3 }, rejectsBefore: { rds: 1 } })).verdict, 'Unhealthy');
    const entry = await probe({ rejects: { lds: 3 } }).observe(look([]));
    assert.equal(entry.verdict, 'Unhealthy', 'before a step any of them is a reason to wait');
  });

  for (const [title, delays, options, verdict] of [
    ['one of a hundred late', { '10': 99, '+Inf': 100 }, {}, 'Healthy'],
    ['two of a hundred late', { '10': 98, '+Inf': 100 }, {}, 'Unhealthy'],
    ['late beyond the largest bucket', { '30': 5, '+Inf': 10 }, { maxConvergence: '30s' }, 'Unhealthy'],
    [
      'a limit between two buckets takes the upper one',
      { '5': 0, '10': 10, '+Inf': 10 },
      { maxConvergence: '6s' },
      'Healthy',
    ],
    ['a limit beyond all buckets', { '5': 0, '+Inf': 10 }, { maxConvergence: '6s' }, 'Healthy'],
  ] as [string, Record<string, number>, object, string][]) {
    it(`${title}: ${verdict}`, async () => assert.equal((await seen({ delays }, options)).verdict, verdict));
  }

  it('never looks back beyond the change, and counts nothing old as new without memory of the time before', async () => {
    for (const [proxies, fresh] of [
      [40, true],
      [0, false],
    ] as const) {
      const sight = istiod({ proxies });
      const at = look([], { changedAt: NOW - 40 * SECOND });
      await controlPlane('istiod', { window: '5m', maxConvergence: '10s' }, sight).observe(at);
      const late = sight.asked.filter(({ time }) => time === NOW).map(({ query }) => query);
      assert.ok(late.every(query => [...query.matchAll(/\[(\d+)s\]/g)].every(([, s]) => s === '40')));
      assert.equal(
        late.some(query => query.includes('unless')),
        fresh,
      );
    }
    const early = await probe({}).observe(look([], { changedAt: NOW - 14 * SECOND }));
    assert.match(early.message, /^too soon/);
  });

  it('is an Error when Prometheus cannot be asked', async () => {
    const down = metrics(() => new PrometheusError('Unreachable', 'Prometheus at prom:9090 cannot be reached'));
    const at = controlPlane('istiod', { window: '5m', maxConvergence: '10s' }, down).observe(look([]));
    assert.equal((await at).verdict, 'Error');
  });
});
