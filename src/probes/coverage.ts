/** Which proxies of the scopes Prometheus reads: what nobody reads looks like silence, and is no evidence. */
import { countOf, firstFew } from './observation.ts';
import type { ScopePods } from './scopePods.ts';
import type { PlaintextCounters, Span } from './traffic.ts';

/** In this time Prometheus usually has found a new pod and read it. */
export const DISCOVERY_MS = 60_000;

/**
 * Names (`namespace/pod`) of the sidecars that Prometheus had time to find and does not read, or why that cannot be
 * told. ztunnel counts for all pods of its node, so that pods behind it are no targets of their own.
 */
export async function unreadSidecars(span: Span, counters: PlaintextCounters): Promise<string[] | { unknown: string }> {
  const due = span.scopes.flatMap(({ governed }) =>
    governed.filter(pod => pod.mesh === 'Sidecar' && pod.ready && span.until - pod.readySince >= DISCOVERY_MS),
  );
  if (due.length === 0) return [];
  const read = await counters.read(span);
  if ('unknown' in read) return read;
  const names = due.map(pod => `${pod.namespace}/${pod.name}`);
  return [...new Set(names.filter(name => !read.has(name)))].sort();
}

/** Whose silence is that of the scrape, and what to do. */
export function blindSpot(unread: readonly string[], scopes: readonly ScopePods[]): string {
  const all = new Set(scopes.flatMap(({ governed }) => governed.map(pod => `${pod.namespace}/${pod.name}`))).size;
  return `Prometheus does not read the sidecars of ${unread.length} of ${countOf(all, 'pod')} (${firstFew(unread)}), so what reaches them is not counted: check its scrape configuration`;
}
