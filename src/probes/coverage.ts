/** Which proxies of the scopes Prometheus reads: what nobody reads looks like silence, and is no evidence. */
import { inbound, POD, within } from './matchers.ts';
import { countOf, firstFew } from './observation.ts';
import * as promql from './promql.ts';
import type { ScopePods } from './scopePods.ts';
import { ask, type Span } from './traffic.ts';

/** In this time Prometheus usually has found a new pod and read it. */
export const DISCOVERY_MS = 60_000;

/**
 * Names (`namespace/pod`) of the sidecars that Prometheus had time to find and does not read; undefined where that cannot
 * be told, because what it reads has no labels `namespace` and `pod`. ztunnel counts for all pods of its node, so that
 * pods behind it are no targets of their own.
 */
export async function unreadSidecars(span: Span): Promise<string[] | undefined> {
  const due = span.scopes.flatMap(({ governed }) =>
    governed.filter(pod => pod.mesh === 'Sidecar' && pod.ready && span.until - pod.readySince >= DISCOVERY_MS),
  );
  if (due.length === 0) return [];
  const read = new Set(
    (await ask(span, presenceOf(span))).map(({ labels }) => `${labels['namespace']}/${labels['pod']}`),
  );
  // with none of them read, the labels may be others than thought
  if (read.size === 0 && !(await areLabelled(span))) return undefined;
  const names = due.map(pod => `${pod.namespace}/${pod.name}`);
  return [...new Set(names.filter(name => !read.has(name)))].sort();
}

/** Every sidecar says with which Istio it was built; raw counters of Envoy are there only where somebody let them. */
function presenceOf({ preset, scopes }: Span): string {
  if (preset === 'envoy') return promql.presence('envoy_listener_ssl_handshake', inbound(scopes), POD);
  return promql.presence('istio_build', [PROXY, ...within(scopes, 'namespace')], POD);
}

async function areLabelled(span: Span): Promise<boolean> {
  if (span.preset === 'envoy') return true;
  const labelled = POD.map(label => ({ label, op: '!=' as const, value: '' }));
  return (await ask(span, promql.presence('istio_build', [PROXY, ...labelled]))).some(({ value }) => value > 0);
}

const PROXY = { label: 'component', op: '=', value: 'proxy' } as const;

/** Whose silence is that of the scrape, and what to do. */
export function blindSpot(unread: readonly string[], scopes: readonly ScopePods[]): string {
  const all = new Set(scopes.flatMap(({ governed }) => governed.map(pod => `${pod.namespace}/${pod.name}`))).size;
  return `Prometheus does not read the sidecars of ${unread.length} of ${countOf(all, 'pod')} (${firstFew(unread)}), so what reaches them is not counted: check its scrape configuration`;
}
