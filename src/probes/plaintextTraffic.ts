/** Requests and connections that reach the scope without mutual TLS: counted, never taken as a share. */
import { formatDuration, parseDuration } from '../api/duration.ts';
import type { ProbeSpec } from '../api/schema.ts';
import { blindSpot, unreadSidecars } from './coverage.ts';
import { countOf, firstFew, observe, type Finding, noData, noPods, SEEN } from './observation.ts';
import type { Look, MetricsPreset, Probe, Sight } from './probe.ts';
import { PRESETS } from './presets.ts';
import { isTooShort } from './promql.ts';
import { covers, governedScopes, type ScopePods } from './scopePods.ts';
import { amount, type PlaintextCounters, type Span, type Timing, type Traffic } from './traffic.ts';

export type PlaintextOptions = NonNullable<ProbeSpec['plaintextTraffic']>;

export function plaintextTraffic(name: string, options: PlaintextOptions, sight: Sight, preset: MetricsPreset): Probe {
  return {
    name,
    rounds: ['Entry', 'Soak'],
    observe: look => observe(name, look, () => find(look, options, sight, PRESETS[preset])),
  };
}

async function find(
  look: Look,
  options: PlaintextOptions,
  sight: Sight,
  counters: PlaintextCounters,
): Promise<Finding> {
  const { timing } = counters;
  const scopes = await governedScopes(look);
  if (scopes.length === 0) return NOTHING_IN_SCOPE;
  const full = parseDuration(options.window);
  const windowMs = windowOf(look, full, timing);
  if (isTooShort(windowMs, full, timing.readEveryMs)) return TOO_SOON;
  const minimum = minimumFor(options.minRequests, windowMs, full);
  const span: Span = { sight, scopes, windowMs, until: look.now - timing.delayMs, signal: look.signal };
  const [seen, all] = await Promise.all([
    counters.plaintext(span, look.changedAt === undefined),
    counters.volume(span),
  ]);
  const plain = seen.filter(entry => amount(entry) >= SEEN).sort((a, b) => amount(b) - amount(a));
  if (minimum === 0 && all.length === 0 && !(await counters.areThere(span))) return NOBODY_COUNTS;
  const uncalled = scopes.some(scope => sumIn(scope, all) < minimum - SEEN);
  const isPartly = ({ namespace, workload }: Traffic) =>
    scopes.some(({ partly }) => partly.has(`${namespace}/${workload}`));
  const [open, bad] = [plain.filter(isPartly), plain.filter(entry => !isPartly(entry))];
  const counts = { bad, open, all, own: uncalled ? await counters.sent(span) : [] };
  const finding = judgePlaintext(scopes, counts, minimum, windowMs);
  const judged = finding.verdict === 'Healthy' ? await withCoverage(finding, span, counters) : finding;
  return open.length === 0 ? judged : { ...judged, message: `${judged.message}; ${notJudged(open)}` };
}

/** Nothing seen is worth as much as the proxies that were looked at. */
async function withCoverage(finding: Finding, span: Span, counters: PlaintextCounters): Promise<Finding> {
  const unread = await unreadSidecars(span, counters);
  if ('unknown' in unread) return { ...finding, message: `${finding.message}; ${coverageUnknown(unread.unknown)}` };
  return unread.length === 0 ? finding : { ...finding, verdict: 'NoData', message: blindSpot(unread, span.scopes) };
}

/** A look at a change never goes back beyond the change, nor to when its spread was not complete. */
function windowOf(look: Look, full: number, { delayMs, graceMs }: Timing): number {
  const since = look.inForceAt ?? look.changedAt;
  if (since === undefined) return full;
  return Math.min(full, look.now - delayMs - since - graceMs);
}

/** The evidence that a window shorter than the full one can be expected to hold; none only where none is asked for. */
export function minimumFor(minRequests: number, windowMs: number, fullMs: number): number {
  return minRequests === 0 ? 0 : Math.max(1, Math.ceil((minRequests * windowMs) / fullMs));
}

interface Counts {
  /** Plaintext to what goes STRICT. */
  bad: readonly Traffic[];
  /** Plaintext to workloads of which some ports stay open. */
  open: readonly Traffic[];
  /** Everything that came. */
  all: readonly Traffic[];
  /** What the proxies of the scopes sent. */
  own: readonly Traffic[];
}

/**
 * Every scope needs its own evidence: a busy namespace does not speak for a silent one. What the proxies of a scope sent
 * themselves counts as well: where they are heard calling others, nothing that came in would have been missed.
 */
function judgePlaintext(
  scopes: readonly ScopePods[],
  { bad, open, all, own }: Counts,
  minimum: number,
  windowMs: number,
): Finding {
  const thin = scopes
    .map(scope => ({ key: scope.key, n: sumIn(scope, all), calls: sumIn(scope, own) }))
    .filter(({ n, calls }) => n + calls < minimum - SEEN);
  const samples = Math.round(Math.max(sum(all), sum(bad)));
  const value = `${Math.round(sum(bad))} plaintext of ${samples}`;
  const over = `in the last ${formatDuration(windowMs)}`;
  if (bad.length > 0) {
    const message = `${firstFew(bad.map(sentence))} ${over}${advice(bad)}`;
    return { verdict: 'Unhealthy', value, samples, message };
  }
  if (thin.length > 0) {
    const few = firstFew(thin.map(({ key, n }) => `${Math.round(n)} to ${key}`));
    const message = `too few requests and connections ${over}: ${few}; ${minimum} each are needed (minRequests)`;
    return { verdict: 'NoData', value, samples, message };
  }
  const message =
    samples > 0
      ? `none of ${judgedText(samples, open)} requests and connections ${over} came without mutual TLS`
      : `nobody called the scope ${over}; the ${Math.round(sum(own))} calls of its own show that its proxies are counted`;
  return { verdict: 'Healthy', value, samples, message };
}

function sentence(entry: Traffic): string {
  const { requests, connections } = entry;
  const parts = [
    ...(requests >= SEEN || connections < SEEN ? [countOf(requests, 'request')] : []),
    ...(connections >= SEEN ? [countOf(connections, 'connection')] : []),
  ];
  const from = entry.source ?? 'an unknown source';
  return `${parts.join(' and ')} from ${from} to ${entry.namespace}/${entry.workload} without mutual TLS`;
}

/** Where some ports stay open, plaintext is what they are open for; what of it came to the others nobody can tell. */
function notJudged(open: readonly Traffic[]): string {
  const names = [...new Set(open.map(({ namespace, workload }) => `${namespace}/${workload}`))];
  const count = Math.round(sum(open));
  return `plaintext to ${firstFew(names)} is not judged (${count}): some ports stay open there, and metrics do not tell ports apart`;
}

function judgedText(samples: number, open: readonly Traffic[]): string {
  return open.length > 0 ? `the other ${Math.max(0, samples - Math.round(sum(open)))}` : `${samples}`;
}

function advice(bad: readonly Traffic[]): string {
  const unknown = bad.some(({ source }) => source === undefined);
  return unknown
    ? '; the access logs of the receiving proxies name the addresses of unknown sources'
    : '; put these clients into the mesh, or keep their targets out of the step';
}

const sum = (traffic: readonly Traffic[]) => traffic.reduce((total, entry) => total + amount(entry), 0);

function sumIn(scope: ScopePods, traffic: readonly Traffic[]): number {
  return sum(traffic.filter(({ namespace, workload }) => covers(scope, namespace, workload)));
}

/** Said, and no reason to wait: labels of scrapes differ, and the counters of the mesh have labels of their own. */
const coverageUnknown = (why: string) => `whether Prometheus reads every proxy is not known (${why})`;

export const NOTHING_IN_SCOPE = noPods('no pods in the mesh in scope: nothing that could receive plaintext');

const TOO_SOON = noData('too soon after the change to count anything; the next rounds will');

const NOBODY_COUNTS = noData(
  'Prometheus holds no traffic counters of the mesh: check that it scrapes the proxies, and the label preset',
);
