/** Reads how many plaintext connections the proxies of a round's scopes refused, and which of them count at all. */
import type { Pod } from '../istio/objects.ts';
import { DISCOVERY_MS } from './coverage.ts';
import {
  destinations,
  endOf,
  inbound,
  isCount,
  PAIR,
  PLAINTEXT,
  POD,
  RECEIVED,
  SENT,
  SOURCE,
  sourceOf,
  TARGET,
  within,
} from './matchers.ts';
import type { Series } from './probe.ts';
import * as promql from './promql.ts';
import type { Matcher, Metric } from './promql.ts';
import { covers, type ScopePods } from './scopePods.ts';
import { ask, type Span } from './traffic.ts';
import { workloadOf } from './workloadNames.ts';

interface Workload {
  namespace: string;
  workload: string;
}

/** Plaintext connections to one workload from one source. */
export interface Refused extends Workload {
  /** `namespace/workload`; undefined where it is not known, and always with a sidecar's counter. */
  source: string | undefined;
  by: 'Sidecar' | 'Ztunnel';
  connections: number;
}

/** What the proxies of the scopes say. Pods are named `namespace/pod`. */
export interface Refusals {
  refused: Refused[];
  /** Pods whose refusals are counted. */
  counted: number;
  /** Pods whose refusals should be counted. */
  pods: number;
  /** Ready pods whose sidecar shows no counter, though Prometheus had time to find it. */
  silent: string[];
  /** Pods whose sidecar is too young, or was read too seldom, to say anything. */
  unread: string[];
  /** Scopes with ambient pods that no ztunnel is heard counting. */
  uncounted: string[];
}

export type RefusalSpan = Span;

/** Connections that no filter chain of a sidecar's inbound listener takes; in no set of default statistics. */
export const COUNTER = 'envoy_listener_no_filter_chain_match';
/** What ztunnel writes for a connection that a policy denied, STRICT among them. */
const DENIED: Matcher = { label: 'response_flags', op: '=', value: 'DENY' };

export async function readRefusals(span: RefusalSpan): Promise<Refusals> {
  const [sidecars, ambient] = await Promise.all([fromSidecars(span), fromZtunnel(span)]);
  return {
    ...sidecars,
    refused: [...sidecars.refused, ...ambient.refused],
    counted: sidecars.counted + ambient.counted,
    pods: sidecars.pods + ambient.pods,
    uncounted: ambient.uncounted,
  };
}

/** What ztunnel alone says: pods with a sidecar count for nothing. */
export async function readDenials(span: RefusalSpan): Promise<Refusals> {
  return { ...(await fromZtunnel(span)), silent: [], unread: [] };
}

/** Envoy exports its counters from the start at zero: a sidecar without one does not count, whatever was refused. */
async function fromSidecars(span: RefusalSpan): Promise<Omit<Refusals, 'uncounted'>> {
  const scopes = span.scopes.filter(({ governed }) => governed.some(isSidecar));
  const governed = byName(scopes.flatMap(scope => scope.governed.filter(isSidecar)));
  const needed = byName(scopes.flatMap(needingCounter));
  if (governed.size === 0) return { refused: [], counted: 0, pods: 0, silent: [], unread: [] };
  const chosen = inbound(scopes);
  const [there, grown] = await Promise.all([
    ask(span, promql.presence(COUNTER, chosen, POD)),
    ask(span, promql.readIncrease(COUNTER, chosen, POD, span.windowMs)),
  ]);
  const exports = new Set(there.map(podOf));
  const counts = new Map(grown.filter(isCount).map(series => [podOf(series), series.value]));
  const uncounted = [...needed].filter(([name]) => !counts.has(name));
  const isSilent = ([name, pod]: [string, Pod]) =>
    !exports.has(name) && pod.ready && span.until - pod.readySince >= DISCOVERY_MS;
  return {
    refused: byWorkload(governed, counts),
    counted: needed.size - uncounted.length,
    pods: needed.size,
    silent: uncounted.filter(isSilent).map(([name]) => name),
    unread: uncounted.filter(entry => !isSilent(entry)).map(([name]) => name),
  };
}

/** Pods that are not ready are sent nothing, and some never will be: they are waited for only where no other is. */
function needingCounter({ governed }: ScopePods): Pod[] {
  const sidecars = governed.filter(isSidecar);
  const ready = sidecars.filter(pod => pod.ready);
  return ready.length > 0 ? ready : sidecars;
}

/** Other pods that export the counter (exceptions, other scopes) have no place in `governed` and so are left out. */
function byWorkload(governed: ReadonlyMap<string, Pod>, counts: ReadonlyMap<string, number>): Refused[] {
  const found = new Map<string, Refused>();
  for (const [name, pod] of governed) {
    const { namespace } = pod;
    const workload = workloadOf(pod);
    const key = `${namespace}/${workload}`;
    const entry = found.get(key) ?? { namespace, workload, source: undefined, by: 'Sidecar', connections: 0 };
    entry.connections += counts.get(name) ?? 0;
    found.set(key, entry);
  }
  return [...found.values()];
}

/**
 * ztunnel makes a counter with the first denial, so what a new one holds is counted as well. From Istio 1.29 on a
 * denial stands in the counter of failures, and still in that of closed connections: each scope reads one of the two.
 */
async function fromZtunnel(span: RefusalSpan): Promise<Pick<Refusals, 'refused' | 'counted' | 'pods' | 'uncounted'>> {
  const scopes = span.scopes.filter(({ governed }) => governed.some(isAmbient));
  if (scopes.length === 0) return { refused: [], counted: 0, pods: 0, uncounted: [] };
  const received = [RECEIVED, ...destinations(scopes)];
  const sent = [SENT, ...within(scopes, 'source_workload_namespace')];
  const denied = (metric: Metric) =>
    ask(span, promql.increaseWithNew(metric, [...received, DENIED, PLAINTEXT], PAIR, span.windowMs));
  const [failures, opened, calls, failed, closed] = await Promise.all([
    ask(span, promql.presence('istio_tcp_connections_failed_total', received, TARGET)),
    ask(span, promql.presence('istio_tcp_connections_opened_total', received, TARGET)),
    ask(span, promql.presence('istio_tcp_connections_opened_total', sent, SOURCE)),
    denied('istio_tcp_connections_failed_total'),
    denied('istio_tcp_connections_closed_total'),
  ]);
  const failing = ends(failures, 'destination');
  const heard = [...failing, ...ends(opened, 'destination'), ...ends(calls, 'source')];
  const mute = scopes.filter(scope => !heard.some(end => isIn(scope, end) && !hasOnlySidecars(scope, end)));
  const withFailures = scopes.filter(scope => failing.some(end => isIn(scope, end)));
  const inFailures = (end: Workload) => withFailures.some(scope => isIn(scope, end));
  const ambient = (from: readonly ScopePods[]) =>
    byName(from.flatMap(({ governed }) => governed.filter(isAmbient))).size;
  return {
    refused: [
      ...edges(failed).filter(inFailures),
      ...edges(closed).filter(end => !inFailures(end) && scopes.some(scope => isIn(scope, end))),
    ],
    counted: ambient(scopes.filter(scope => !mute.includes(scope))),
    pods: ambient(scopes),
    uncounted: mute.map(({ key }) => key),
  };
}

/** The mesh-wide scope covers every workload, but only the pods that are its own are judged in its step. */
function isIn(scope: ScopePods, { namespace, workload }: Workload): boolean {
  return (
    covers(scope, namespace, workload) && scope.governed.some(pod => isAmbient(pod) && pod.namespace === namespace)
  );
}

/** A sidecar counts its connections under the same name as ztunnel, which says nothing about ztunnel. */
function hasOnlySidecars({ governed }: ScopePods, { namespace, workload }: Workload): boolean {
  const own = governed.filter(pod => pod.namespace === namespace && workloadOf(pod) === workload);
  return own.length > 0 && own.every(isSidecar);
}

function ends(series: readonly Series[], side: 'source' | 'destination'): Workload[] {
  return series.flatMap(each => endOf(each, side) ?? []);
}

function edges(series: readonly Series[]): Refused[] {
  return series.filter(isCount).flatMap(each => {
    const target = endOf(each, 'destination');
    return target ? [{ ...target, source: sourceOf(each), by: 'Ztunnel' as const, connections: each.value }] : [];
  });
}

const isSidecar = (pod: Pod) => pod.mesh === 'Sidecar';
const isAmbient = (pod: Pod) => pod.mesh === 'Ambient';

/** Scopes may overlap; a pod counts once. */
const byName = (pods: readonly Pod[]) => new Map(pods.map(pod => [`${pod.namespace}/${pod.name}`, pod]));

const podOf = ({ labels }: Series) => `${labels['namespace'] ?? ''}/${labels['pod'] ?? ''}`;
