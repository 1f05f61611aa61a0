/**
 * The only place where PromQL is written: with names that are fixed and values that are escaped, so that no name that
 * somebody gave to an object can change what a query asks.
 */
import { USUAL_SCRAPE_MS } from '../rollout/soak.ts';
import { type Label, type Matcher, type Metric, selector } from './selector.ts';

export type { Label, Matcher, Metric } from './selector.ts';

/** A length of time as ranges are written. */
export function range(ms: number): string {
  return `${Math.max(1, Math.floor(ms / 1000))}s`;
}

/** Whether no counter can have been read twice in a window yet that is to grow to its full length. */
export function isTooShort(windowMs: number, fullMs: number, readEveryMs = USUAL_SCRAPE_MS): boolean {
  return windowMs < Math.min(readEveryMs, fullMs);
}

/** How much the counters grew in the window, summed by these labels. */
export function increase(metric: Metric, matchers: readonly Matcher[], by: readonly Label[], windowMs: number): string {
  return sumBy(by, grown(metric, matchers, windowMs));
}

function sumBy(by: readonly Label[], expression: string): string {
  return `sum by (${by.join(', ')}) (${expression})`;
}

function grown(metric: Metric, matchers: readonly Matcher[], windowMs: number): string {
  return `increase(${selector(metric, matchers)}[${range(windowMs)}])`;
}

/**
 * The same in whole numbers, for counts that are held against a limit: `increase` stretches what was read over the
 * whole window, up to twofold where there are two readings. The way from the lowest reading to the highest is exact,
 * but too long for a counter that began anew, and then `increase` is the smaller. The first reading in the window is
 * where counting begins, so nothing from before it counts; a counter that was read only once has no value.
 */
export function readIncrease(
  metric: Metric,
  matchers: readonly Matcher[],
  by: readonly Label[],
  windowMs: number,
): string {
  return sumBy(by, grownAsRead(metric, matchers, windowMs));
}

function grownAsRead(metric: Metric, matchers: readonly Matcher[], windowMs: number): string {
  const read = `${selector(metric, matchers)}[${range(windowMs)}]`;
  const stretched = grown(metric, matchers, windowMs);
  const way = `max_over_time(${read}) - min_over_time(${read})`;
  return `${way} < ${stretched} or ${stretched}`;
}

/** The same in whole numbers, and what a counter already held when it first appeared in the window. */
export function readIncreaseWithNew(
  metric: Metric,
  matchers: readonly Matcher[],
  by: readonly Label[],
  windowMs: number,
): string {
  return sumBy(by, grownOrNew(metric, matchers, windowMs, `(${grownAsRead(metric, matchers, windowMs)})`));
}

/**
 * The same as `increase`, and what a counter already held when it first appeared in the window: `increase` needs two
 * samples and so never sees the one request for which a proxy makes a new counter. A counter that was there in the hour
 * before the window is not new: a gap in scraping must not count old requests again.
 */
export function increaseWithNew(
  metric: Metric,
  matchers: readonly Matcher[],
  by: readonly Label[],
  windowMs: number,
): string {
  return sumBy(by, grownOrNew(metric, matchers, windowMs));
}

function grownOrNew(
  metric: Metric,
  matchers: readonly Matcher[],
  windowMs: number,
  more = grown(metric, matchers, windowMs),
): string {
  const chosen = selector(metric, matchers);
  const window = range(windowMs);
  const fresh = `(min_over_time(${chosen}[${window}]) unless present_over_time(${chosen}[1h] offset ${window}))`;
  return `${more} + ${fresh} or ${more} or ${fresh}`;
}

/** How TCP connections are counted: which counters there are, and how they say that nobody showed a certificate. */
export interface TcpCounters {
  opened: Metric;
  /** What was received, and what was sent. */
  bytes: readonly [Metric, Metric];
  policy: Label;
  none: string;
}

/**
 * TCP connections by such counters, summed by these labels. A sidecar says `none` for every connection on which no
 * peer showed a certificate, also for a handshake that it refused, as it does each of the enforcement probe: what came
 * without mutual TLS and carried not one byte breaks nothing, and does not count (where nobody counts bytes, it does).
 * One that was open before the window counts as one as long as it carries something. Source: istio_stats.cc in Istio's proxy.
 */
export function connections(
  { opened: metric, bytes: [received, sent], policy: label, none }: TcpCounters,
  matchers: readonly Matcher[],
  by: readonly Label[],
  windowMs: number,
  { withNew = false } = {},
): string {
  const count = withNew ? grownOrNew : grown;
  const opened = (which: readonly Matcher[]) => `(${count(metric, which, windowMs)})`;
  const policy = (op: '=' | '!='): Matcher => ({ label, op, value: none });
  const unsecured = [...matchers, policy('=')];
  const bytes = [received, sent].map(each => grown(each, unsecured, windowMs)).join(' + ');
  const fresh = opened(unsecured);
  const lasting = `(${fresh} < 1) * 0 + 1 and (${bytes}) > 0`;
  const notEmpty = `${fresh} unless (${bytes}) == 0`;
  return sumBy(by, `${opened([...matchers, policy('!=')])} or ${lasting} or ${notEmpty}`);
}

/** How long plaintext must have stood in Envoy's counters before `unencryptedConnections` reports it. */
export const HANDSHAKE_GRACE_MS = 45_000;

/**
 * Connections that reached a sidecar's inbound listener and spoke no TLS. A connection counts before its handshake
 * does, so a handshake in progress looks like plaintext: the smallest of four looks within 45 s is taken. TLS that was
 * refused (as the hellos of the enforcement probe are) is no plaintext either.
 *
 * `increase` stretches a counter that was zero a moment ago less than others, so that the difference of several is too
 * large where one of them has just begun, as that of refused hellos has after the switch. `inWhole` counts without
 * stretching, but may miss what came before a proxy that restarts within the window.
 */
export function unencryptedConnections(
  matchers: readonly Matcher[],
  by: readonly Label[],
  windowMs: number,
  { inWhole = false } = {},
): string {
  const count = inWhole ? readIncrease : increase;
  const more = (metric: Metric) => count(metric, matchers, by, windowMs);
  const handshakes = more('envoy_listener_ssl_handshake');
  // these three are not always exported; nothing exported is nothing counted
  const refused = [
    'envoy_listener_ssl_fail_verify_no_cert',
    'envoy_listener_ssl_fail_verify_error',
    'envoy_listener_ssl_connection_error',
  ] as const;
  const encrypted = refused.map(metric => `(${more(metric)} or 0 * ${handshakes})`);
  const excess = [more('envoy_listener_downstream_cx_total'), handshakes, ...encrypted].join(' - ');
  return `min_over_time((${excess})[${range(HANDSHAKE_GRACE_MS)}:15s])`;
}

/** Connections of the pods about which `unencryptedConnections` can say something: those that export handshakes. */
export function judgeableConnections(matchers: readonly Matcher[], by: readonly Label[], windowMs: number): string {
  const [all, handshakes] = (['envoy_listener_downstream_cx_total', 'envoy_listener_ssl_handshake'] as const).map(
    metric => increase(metric, matchers, by, windowMs),
  );
  return `${all} and ${handshakes}`;
}

/** How often the most often read counter of this kind was read in the window. */
export function readings(metric: Metric, matchers: readonly Matcher[], windowMs: number): string {
  return `max(count_over_time(${selector(metric, matchers)}[${range(windowMs)}]))`;
}

/** How many counters of this kind there are at all, by these labels: tells "nothing happened" from "nobody counts". */
export function presence(metric: Metric, matchers: readonly Matcher[], by: readonly Label[] = []): string {
  return `count${by.length > 0 ? ` by (${by.join(', ')}) ` : ''}(${selector(metric, matchers)})`;
}

/** Sum of the newest values of a gauge. */
export function total(metric: Metric, matchers: readonly Matcher[]): string {
  return `sum(${selector(metric, matchers)})`;
}
