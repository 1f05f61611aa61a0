/**
 * Calls of mesh clients that fail, as their own proxies count them: a client that speaks the wrong language to a STRICT
 * port is seen there and nowhere else. What failed before the change to the same degree is no fault of the step.
 */
import { formatDuration, parseDuration } from '../api/duration.ts';
import type { ProbeSpec } from '../api/schema.ts';
import { type Calls, callsTo, type Counted, countCalls, whoServes } from './clientCalls.ts';
import { countOf, firstFew, observe, type Finding, noData, noPods, SEEN } from './observation.ts';
import type { Look, Probe, Sight } from './probe.ts';
import { isTooShort, presence } from './promql.ts';
import { SENT } from './matchers.ts';
import { governedScopes, type ScopePods } from './scopePods.ts';
import { ask } from './traffic.ts';

export type ClientErrorsOptions = NonNullable<ProbeSpec['clientErrors']>;

export function clientErrors(name: string, options: ClientErrorsOptions, sight: Sight): Probe {
  return { name, rounds: ['Soak'], observe: look => observe(name, look, () => find(look, options, sight)) };
}

async function find(look: Look, options: ClientErrorsOptions, sight: Sight): Promise<Finding> {
  const scopes = await governedScopes(look);
  if (scopes.length === 0) return NOTHING_IN_SCOPE;
  const full = parseDuration(options.window);
  const { changedAt } = look;
  const windowMs = changedAt === undefined ? full : Math.min(full, look.now - changedAt);
  if (isTooShort(windowMs, full)) return TOO_SOON;
  const span = { sight, scopes, signal: look.signal };
  const before = changedAt === undefined ? [] : await countCalls({ ...span, windowMs: full, until: changedAt }, true);
  const now = { ...span, windowMs, until: look.now };
  // a Prometheus without memory of the time before takes every old counter for a new one
  const after = await countCalls(now, changedAt === undefined || before.length > 0);
  if (options.minRequests === 0 && after.length === 0 && !(await clientsCount(now))) return NOBODY_COUNTS;
  const served = whoServes([...before, ...after]);
  const toEach = (counted: readonly Counted[]) =>
    new Map(scopes.map(scope => [scope, callsTo(scope, counted, served)]));
  return judgeErrors(scopes, { before: toEach(before), after: toEach(after) }, options, windowMs);
}

async function clientsCount(span: Parameters<typeof ask>[0]): Promise<boolean> {
  const metrics = ['istio_requests_total', 'istio_tcp_connections_opened_total'] as const;
  const answers = await Promise.all(metrics.map(metric => ask(span, presence(metric, [SENT]))));
  return answers.flat().some(({ value }) => value > 0);
}

type ByScope = ReadonlyMap<ScopePods, readonly Calls[]>;

/** Calls that are judged together, and the share of them that failed before the change. */
interface Judged {
  calls: Calls;
  baseline: number;
}

/**
 * Each client with enough calls is judged by itself, so that one that fails throughout is not hidden by the others; the
 * rest of a Service's clients are judged together. Every scope needs its own evidence.
 */
function judgeErrors(
  scopes: readonly ScopePods[],
  { before, after }: { before: ByScope; after: ByScope },
  options: Pick<ClientErrorsOptions, 'maxPercent' | 'minRequests'>,
  windowMs: number,
): Finding {
  const { minRequests } = options;
  const over = `in the last ${formatDuration(windowMs)}`;
  const made = (scope: ScopePods) => total(after.get(scope) ?? [], calls => calls.made);
  const all = scopes.flatMap(scope => judgedIn(before.get(scope) ?? [], after.get(scope) ?? [], minRequests));
  const samples = Math.round(total(scopes, made));
  const failed = Math.round(total(all, ({ calls }) => calls.failed));
  const value = `${failed} of ${samples} failed`;
  const bad = all.filter(judged => isTooMuch(judged, options)).sort((a, b) => share(b.calls) - share(a.calls));
  if (bad.length > 0) {
    const message = `${over}: ${firstFew(bad.map(sentence))}; ${ADVICE}`;
    return { verdict: 'Unhealthy', value, samples, message };
  }
  const thin = scopes.filter(scope => made(scope) < minRequests - SEEN);
  if (thin.length > 0) {
    const few = firstFew(thin.map(scope => `${Math.round(made(scope))} to ${scope.key}`));
    const message = `too few calls of mesh clients ${over}: ${few}; ${minRequests} each are needed (minRequests)`;
    return { verdict: 'NoData', value, samples, message };
  }
  const message = `${failed} of ${countOf(samples, 'call')} of mesh clients failed ${over}, not more than before by more than ${options.maxPercent}%`;
  return { verdict: 'Healthy', value, samples, message };
}

function judgedIn(before: readonly Calls[], after: readonly Calls[], minRequests: number): Judged[] {
  const enough = after.filter(({ made }) => made >= minRequests);
  const others = Map.groupBy(
    after.filter(calls => !enough.includes(calls)),
    ({ namespace, service }) => `${namespace}/${service}`,
  );
  const isSame = (a: Calls, b: Calls) =>
    a.source === b.source && a.namespace === b.namespace && a.service === b.service;
  return [
    ...enough.map(calls => ({
      calls,
      baseline: baselineOf(
        before.filter(was => isSame(was, calls)),
        minRequests,
      ),
    })),
    ...[...others.values()].map(group => {
      const was = before.filter(calls => group.some(now => isSame(now, calls)));
      return { calls: together(group), baseline: baselineOf(was, minRequests) };
    }),
  ].filter(({ calls }) => calls.made >= minRequests && calls.made >= SEEN);
}

/** Few calls before excuse little: a client that made one, which failed, did not always fail. */
function baselineOf(before: readonly Calls[], minRequests: number): number {
  const [made, failed] = [total(before, ({ made: n }) => n), total(before, ({ failed: n }) => n)];
  return failed < SEEN ? 0 : Math.min(1, failed / Math.max(made, minRequests));
}

function together(group: readonly Calls[]): Calls {
  const causes = new Map<string, number>();
  for (const [cause, n] of group.flatMap(calls => [...calls.causes])) causes.set(cause, (causes.get(cause) ?? 0) + n);
  const [first] = group as [Calls];
  const source = group.length === 1 ? first.source : undefined;
  return {
    ...first,
    source,
    made: total(group, ({ made }) => made),
    failed: total(group, ({ failed }) => failed),
    causes,
  };
}

/**
 * More than `maxPercent` above the baseline, and more than chance makes of that: where n failures are to be expected,
 * n + 2√n are still nothing unusual. Where none is to be expected, one is too much.
 */
function isTooMuch({ calls, baseline }: Judged, { maxPercent }: Pick<ClientErrorsOptions, 'maxPercent'>): boolean {
  const expected = calls.made * (baseline + maxPercent / 100);
  return calls.failed >= SEEN && calls.failed > expected + 2 * Math.sqrt(expected);
}

const share = ({ failed, made }: Calls) => failed / made;

function sentence({ calls, baseline }: Judged): string {
  const from = calls.source ?? 'several or unknown clients';
  const causes = [...calls.causes].sort(([, a], [, b]) => b - a).map(([cause]) => cause);
  const how = causes.length > 0 ? ` (${causes.slice(0, 2).join(', ')})` : '';
  const was = baseline > 0 ? `, ${percent(baseline)} before the change` : '';
  const whole = countOf(calls.made, 'call');
  return `${percent(share(calls))} of ${whole} from ${from} to ${calls.namespace}/${calls.service} failed${how}${was}`;
}

function percent(part: number): string {
  const n = Math.min(1, part) * 100;
  return `${n >= 10 ? Math.round(n) : Math.round(n * 10) / 10}%`;
}

function total<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((n, item) => n + of(item), 0);
}

const ADVICE =
  'UC, UF or URX say that a client and its server do not agree on TLS: look for DestinationRules of these clients';

const NOTHING_IN_SCOPE = noPods('no pods in the mesh in scope: nobody whose calls could fail');

const TOO_SOON = noData('too soon after the change to count calls; the next rounds will');

const NOBODY_COUNTS = noData(
  'Prometheus holds no counters of clients (reporter="source"): check that it scrapes the proxies',
);
