/**
 * istiod: whether proxies take what it sends them, and how soon. Its metrics are those of the whole mesh, so a proxy that
 * refused configuration before the change already is no fault of the step.
 */
import { formatDuration, parseDuration } from '../api/duration.ts';
import type { ProbeSpec } from '../api/schema.ts';
import { countOf, firstFew, observe, type Finding, noData, SEEN } from './observation.ts';
import type { Look, Probe, Series, Sight } from './probe.ts';
import * as promql from './promql.ts';
import { isCount } from './matchers.ts';

export type ControlPlaneOptions = NonNullable<ProbeSpec['controlPlane']>;

/** Share of pushes that may take longer: one proxy that has just gone answers late, if at all. */
const SLOW_SHARE = 0.01;

export function controlPlane(name: string, options: ControlPlaneOptions, sight: Sight): Probe {
  return { name, rounds: ['Entry', 'Soak'], observe: look => observe(name, look, () => find(look, options, sight)) };
}

async function find(look: Look, options: ControlPlaneOptions, sight: Sight): Promise<Finding> {
  const full = parseDuration(options.window);
  const { changedAt } = look;
  const windowMs = changedAt === undefined ? full : Math.min(full, look.now - changedAt);
  if (promql.isTooShort(windowMs, full)) return TOO_SOON;
  const before = changedAt === undefined ? undefined : await read(look, sight, changedAt, full, true);
  // a Prometheus without memory of the time before takes every old counter for a new one
  const now = await read(look, sight, look.now, windowMs, before === undefined || before.proxies > 0);
  return judgeControlPlane(now, before, parseDuration(options.maxConvergence), windowMs);
}

/** What istiod counted in a window. */
interface Pushes {
  /** Proxies that were connected at its end; 0 where nobody knows istiod. */
  proxies: number;
  /** Configuration that proxies rejected, by its kind: `lds`. */
  rejected: ReadonlyMap<string, number>;
  /** Proxies that received what a change meant for them, by the upper bound of the time that it took, in seconds. */
  delays: ReadonlyMap<number, number>;
}

async function read(look: Look, sight: Sight, until: number, windowMs: number, withNew: boolean): Promise<Pushes> {
  const count = withNew ? promql.increaseWithNew : promql.increase;
  const [connected, rejects, delays] = await Promise.all([
    sight.query(promql.total('pilot_xds', []), until, look.signal),
    sight.query(count('pilot_total_xds_rejects', [], ['type'], windowMs), until, look.signal),
    sight.query(promql.increase('pilot_proxy_convergence_time_bucket', [], ['le'], windowMs), until, look.signal),
  ]);
  const by = <K>(series: readonly Series[], key: (labels: Series['labels']) => K) =>
    new Map(series.filter(isCount).map(({ labels, value }) => [key(labels), value]));
  return {
    proxies: connected.find(isCount)?.value ?? 0,
    rejected: by(rejects, labels => labels['type'] ?? 'configuration'),
    delays: by(delays, ({ le }) => (le === '+Inf' ? Infinity : Number(le))),
  };
}

/** A kind of configuration that was rejected before the change already is mentioned, and decides nothing. */
function judgeControlPlane(
  now: Pushes,
  before: Pushes | undefined,
  maxConvergenceMs: number,
  windowMs: number,
): Finding {
  if (now.proxies === 0) return NOBODY_COUNTS;
  const over = `in the last ${formatDuration(windowMs)}`;
  const rejected = [...now.rejected].filter(([, n]) => n >= SEEN);
  const fresh = rejected.filter(([type]) => (before?.rejected.get(type) ?? 0) < SEEN);
  const { all, late } = lateness(now.delays, maxConvergenceMs / 1000);
  const samples = Math.round(all);
  const limit = formatDuration(maxConvergenceMs);
  const value = `${Math.round(rejected.reduce((sum, [, n]) => sum + n, 0))} rejected, ${Math.round(late)} of ${samples} late`;
  const bad = [
    ...fresh.map(([type, n]) => `${countOf(n, 'time')} a proxy rejected ${type.toUpperCase()}`),
    ...(late >= SEEN && late > all * SLOW_SHARE
      ? [`${countOf(late, 'proxy update')} of ${samples} took longer than ${limit} (maxConvergence)`]
      : []),
  ];
  if (bad.length > 0) {
    const message = `${firstFew(bad)} ${over}: see the log of istiod and "istioctl proxy-status"`;
    return { verdict: 'Unhealthy', value, samples, message };
  }
  const known = rejected.map(([type]) => type.toUpperCase());
  const aside = known.length > 0 ? `; ${firstFew(known)} was rejected before the change already` : '';
  const message = `${countOf(now.proxies, 'connected proxy', 'connected proxies')} took what istiod sent ${over}, 99 of 100 updates within ${limit}${aside}`;
  return { verdict: 'Healthy', value, samples, message };
}

/** Buckets count up: what is not in the first one that reaches the limit was later than that. */
function lateness(delays: Pushes['delays'], limit: number): { all: number; late: number } {
  const bounds = [...delays.keys()].sort((a, b) => a - b);
  const all = delays.get(Infinity) ?? 0;
  const within = bounds.find(bound => bound >= limit);
  return { all, late: within === undefined ? 0 : Math.max(0, all - delays.get(within)!) };
}

const TOO_SOON = noData('too soon after the change to read any counter twice; the next rounds will');

const NOBODY_COUNTS = noData(
  'Prometheus knows no istiod with connected proxies (pilot_xds): check that it scrapes port 15014 of istiod',
);
