/**
 * Traffic that reaches the scope against its own baseline from right before the switch. STRICT refuses plaintext in silence,
 * in no counter that a mesh exports by default: there a source that vanishes is the only trace of such a client.
 */
import { formatDuration, parseDuration } from '../api/duration.ts';
import type { ProbeSpec } from '../api/schema.ts';
import { countOf, firstFew, observe, type Finding, noData, noPods } from './observation.ts';
import type { Look, MetricsPreset, Probe, Sight } from './probe.ts';
import { PRESETS } from './presets.ts';
import { isTooShort } from './promql.ts';
import { governedScopes } from './scopePods.ts';
import { amount, type Counters, type Flow } from './traffic.ts';

export type DropOptions = NonNullable<ProbeSpec['trafficDrop']>;

/** Usual times between two readings: a shorter span holds too few readings to compare two of them. */
const FEWEST_INTERVALS = 2;
/** Share of the readings of before that a span needs to be compared. */
const FEWEST_READINGS = 0.8;
/** Where the most often read counter was read so often, no other one was read less than the two times that tell a growth. */
const SAFE_READINGS = 3;

export function trafficDrop(name: string, options: DropOptions, sight: Sight, preset: MetricsPreset): Probe {
  return {
    name,
    rounds: ['Soak'],
    observe: look => observe(name, look, () => find(look, options, sight, PRESETS[preset])),
  };
}

async function find(look: Look, options: DropOptions, sight: Sight, counters: Counters): Promise<Finding> {
  const { delayMs, readEveryMs } = counters.timing;
  const scopes = await governedScopes(look);
  if (scopes.length === 0) return NOTHING_IN_SCOPE;
  const full = parseDuration(options.window);
  const until = look.now - delayMs;
  const windowMs = Math.min(full, until - (look.inForceAt ?? look.changedAt ?? until));
  if (isTooShort(windowMs, full, FEWEST_INTERVALS * readEveryMs)) return TOO_SOON;
  const span = { sight, scopes, windowMs, signal: look.signal };
  const [was, is] = [
    { ...span, until: look.changedAt ?? look.startedAt },
    { ...span, until },
  ];
  const [before, after] = await Promise.all([counters.bySource(was), counters.bySource(is)]);
  if (before.length === 0 && after.length === 0) {
    // the silence is real where the proxies of the scope are heard calling others
    return (await counters.sent(is)).some(entry => amount(entry) >= 1) ? NOBODY_CALLS : NO_COUNTERS;
  }
  const finding = judgeDrop(before, after, options, windowMs, full);
  if (finding.verdict !== 'Unhealthy') return finding;
  const [readBefore, readAfter] = await Promise.all([counters.readings(was), counters.readings(is)]);
  return isBlind(readBefore, readAfter) ? HARDLY_READ : finding;
}

/**
 * Whether Prometheus read much less after the switch than before it: what it did not read looks as if nobody had called.
 * One reading more or less lies in where the spans begin. Each proxy has its own moment in the scrape interval: beside one
 * that was read twice around a gap there are others that were read once, and the growth of these is unknown, not zero.
 */
function isBlind(before: number, after: number): boolean {
  return after < Math.max(2, Math.min(before, SAFE_READINGS)) || after + 1 < before * FEWEST_READINGS;
}

/** One source and one workload, in two spans of the same length. */
interface Pair {
  namespace: string;
  workload: string;
  source: string | undefined;
  before: number;
  after: number;
  connections: { before: number; after: number };
  bytes: { before: number; after: number };
}

/**
 * Each pair of source and workload is compared for itself, so that one client that fell silent is not hidden by the
 * others. A drop counts when it is more than `maxPercent` and too large for chance: counts of n vary by about √n, and
 * (before − after)² ≥ minRequests · (before + after) makes total silence count from a baseline of `minRequests` on and
 * asks more of a partial drop.
 *
 * With nothing to compare, a span that is still growing is NoData, since it may yet hold enough; the full span is
 * Healthy, since a scope that had next to no traffic cannot lose it, and would otherwise hold the rollout for ever.
 */
export function judgeDrop(
  before: readonly Flow[],
  after: readonly Flow[],
  options: Pick<DropOptions, 'maxPercent' | 'minRequests'>,
  windowMs: number,
  fullMs: number,
): Finding {
  const span = `${formatDuration(windowMs)} each`;
  const all = join(before, after).map(pair => keepOpen(pair, options.maxPercent));
  const samples = Math.round(all.reduce((total, pair) => total + pair.before, 0));
  const compared = all.filter(pair => pair.before >= options.minRequests).sort((a, b) => drop(b) - drop(a));
  if (compared.length === 0) {
    const message = `too little traffic before the switch to compare (${samples} requests and connections, ${span})`;
    return { verdict: windowMs < fullMs ? 'NoData' : 'Healthy', value: 'nothing to compare', samples, message };
  }
  const fallen = compared.filter(pair => hasFallen(pair, options));
  if (fallen.length > 0) {
    const message = `${firstFew(fallen.map(sentence))} (requests and connections, ${span}); plaintext is refused without a trace`;
    return {
      verdict: 'Unhealthy',
      value: `${fallen.length} of ${countOf(compared.length, 'pair')} fell`,
      samples,
      message,
    };
  }
  const value = `${countOf(compared.length, 'pair')}, worst ${percent(compared[0]!)}`;
  const message = `traffic of ${countOf(compared.length, 'pair')} of source and workload held up against the time before the switch (${span})`;
  return { verdict: 'Healthy', value, samples, message };
}

function hasFallen(pair: Pair, { maxPercent, minRequests }: Pick<DropOptions, 'maxPercent' | 'minRequests'>): boolean {
  const lost = pair.before - pair.after;
  // silence is a drop of 100%, which "more than 100%" would never catch
  const tooMuch = drop(pair) > maxPercent / 100 || Math.round(pair.after) === 0;
  return lost > 0 && tooMuch && lost ** 2 >= minRequests * (pair.before + pair.after);
}

/** Share of the baseline that is gone; negative where traffic grew. */
const drop = (pair: Pair) => 1 - pair.after / pair.before;

const percent = (pair: Pair) => `${drop(pair) > 0 ? '-' : '+'}${Math.abs(Math.round(drop(pair) * 100))}%`;

function sentence(pair: Pair): string {
  const source = pair.source ?? 'unknown sources';
  const fell = `fell from ${Math.round(pair.before)} to ${Math.round(pair.after)}`;
  return `${source} → ${pair.namespace}/${pair.workload} ${fell}`;
}

function join(before: readonly Flow[], after: readonly Flow[]): Pair[] {
  const found = new Map<string, Pair>();
  for (const [span, flows] of [
    ['before', before],
    ['after', after],
  ] as const) {
    for (const flow of flows) {
      const { namespace, workload, source } = flow;
      const key = JSON.stringify([namespace, workload, source]);
      const pair = found.get(key) ?? newPair({ namespace, workload, source });
      found.set(key, pair);
      pair[span] += amount(flow);
      pair.connections[span] += flow.connections;
      pair.bytes[span] += flow.bytes;
    }
  }
  return nameTheUnknown([...found.values()]);
}

function newPair(ends: Pick<Pair, 'namespace' | 'workload' | 'source'>): Pair {
  const none = { before: 0, after: 0 };
  return { ...ends, ...none, connections: { ...none }, bytes: { ...none } };
}

/**
 * A client that opened many connections right before the switch, and uses them, opens none afterwards: as long as its
 * connections carry about what they did, each of them counts as opened again.
 */
function keepOpen(pair: Pair, maxPercent: number): Pair {
  const { bytes, connections } = pair;
  const goOn = bytes.after >= 1 && bytes.after >= bytes.before * (1 - maxPercent / 100);
  return goOn ? { ...pair, after: pair.after + Math.max(0, connections.before - connections.after) } : pair;
}

/**
 * A mesh client whose plaintext came from an "unknown source" gets its name with mutual TLS. What a name that was not
 * there before brings to the same workload is therefore taken as the unknown source's.
 */
function nameTheUnknown(pairs: readonly Pair[]): Pair[] {
  const isNewName = ({ source, before }: Pair) => source !== undefined && Math.round(before) === 0;
  return pairs.map(unknown => {
    if (unknown.source !== undefined) return unknown;
    const named = pairs.filter(
      pair => isNewName(pair) && pair.namespace === unknown.namespace && pair.workload === unknown.workload,
    );
    const all = [unknown, ...named];
    const after = (of: (pair: Pair) => number) => all.reduce((sum, pair) => sum + of(pair), 0);
    return {
      ...unknown,
      after: after(pair => pair.after),
      connections: { ...unknown.connections, after: after(({ connections }) => connections.after) },
      bytes: { ...unknown.bytes, after: after(({ bytes }) => bytes.after) },
    };
  });
}

const NOTHING_IN_SCOPE = noPods('no pods in the mesh in scope: no traffic that could be lost');

const TOO_SOON = noData('too soon after the change to compare traffic; the next rounds will');

const HARDLY_READ = noData(
  'Prometheus has read the proxies too seldom since the switch to compare: was it away, or does a scrape fail?',
);

const NOBODY_CALLS: Finding = {
  verdict: 'Healthy',
  value: 'no callers',
  samples: 0,
  message:
    'nobody called the scope, neither before the switch nor now; its own calls show that its proxies are counted',
};

const NO_COUNTERS = noData(
  'Prometheus knows no traffic of the scope, neither before the switch nor now: check that it scrapes the proxies',
);
