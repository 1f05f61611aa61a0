/** Reads what shadows count: requests to each HTTP port and connections to all TCP ports, as each sidecar exports them. */
import { DRY_RUN_DENY, isCount, POD, within, WOULD_BE_DENIED } from './matchers.ts';
import type { Series } from './probe.ts';
import * as promql from './promql.ts';
import type { Matcher } from './promql.ts';
import type { Span } from './traffic.ts';

/** What one sidecar counted at one of its ports, or at all those that are no HTTP ports. */
export interface ShadowCount {
  namespace: string;
  pod: string;
  /** Of the container; undefined for TCP, and for HTTP on a port that nobody declared. */
  port: number | undefined;
  protocol: 'Http' | 'Tcp';
  /** Requests of HTTP, connections of TCP. */
  all: number;
  /** Those of them without mutual TLS. */
  plaintext: number;
}

export interface ShadowCounts {
  counts: ShadowCount[];
  /** Pods that export the counters, called or not: `namespace/pod`. */
  exporting: ReadonlySet<string>;
}

const METRICS = [
  { metric: 'envoy_http_rbac', protocol: 'Http', by: [...POD, 'http_conn_manager_prefix'] },
  { metric: 'envoy_tcp', protocol: 'Tcp', by: [...POD] },
] as const;

/** Envoy has them at zero as soon as it has the policy. */
export async function readShadowCounts(span: Span): Promise<ShadowCounts> {
  const chosen = [DRY_RUN_DENY, ...within(span.scopes, 'namespace')];
  const read = await Promise.all(METRICS.map(each => readMetric(span, chosen, each)));
  return {
    counts: read.flatMap(({ counts }) => counts),
    exporting: new Set(read.flatMap(({ exporting }) => exporting)),
  };
}

async function readMetric(
  { sight, until, signal, windowMs }: Span,
  chosen: readonly Matcher[],
  { metric, protocol, by }: (typeof METRICS)[number],
): Promise<{ counts: ShadowCount[]; exporting: string[] }> {
  const ask = (query: string) => sight.query(query, until, signal);
  const grown = (matchers: readonly Matcher[]) => promql.readIncreaseWithNew(metric, matchers, by, windowMs);
  const [there, all, plain] = await Promise.all([
    ask(promql.presence(metric, chosen, POD)),
    ask(grown(chosen)),
    ask(grown([...chosen, WOULD_BE_DENIED])),
  ]);
  const plaintext = new Map(plain.filter(isCount).map(series => [keyOf(series), series.value]));
  const counts = all.filter(isCount).map(series => ({
    namespace: series.labels['namespace'] ?? '',
    pod: series.labels['pod'] ?? '',
    port: portOf(series.labels['http_conn_manager_prefix']),
    protocol,
    all: series.value,
    plaintext: plaintext.get(keyOf(series)) ?? 0,
  }));
  return { counts, exporting: there.map(nameOf) };
}

/** `inbound_0.0.0.0_8080`. */
function portOf(prefix = ''): number | undefined {
  const digits = /^inbound_.*_(\d+)$/.exec(prefix)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

const nameOf = ({ labels }: Series) => `${labels['namespace']}/${labels['pod']}`;
const keyOf = (series: Series) => `${nameOf(series)} ${series.labels['http_conn_manager_prefix'] ?? ''}`;
