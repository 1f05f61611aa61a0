/** Which series of the mesh's metrics concern the scopes of a round, and how their labels are read. */
import type { Series } from './probe.ts';
import type { Label, Matcher } from './promql.ts';
import type { ScopePods } from './scopePods.ts';

export const SOURCE: readonly [Label, Label] = ['source_workload_namespace', 'source_workload'];
export const TARGET: readonly [Label, Label] = ['destination_workload_namespace', 'destination_workload'];
export const PAIR: readonly Label[] = [...SOURCE, ...TARGET];
export const POD: readonly Label[] = ['namespace', 'pod'];
/** Only the receiving proxy knows whether a peer showed an identity. */
export const RECEIVED: Matcher = { label: 'reporter', op: '=', value: 'destination' };
export const SENT: Matcher = { label: 'reporter', op: '=', value: 'source' };
/** A sidecar says `none` for plaintext, ztunnel says `unknown`. */
export const PLAINTEXT: Matcher = { label: 'connection_security_policy', op: '!=', value: 'mutual_tls' };
/** A policy in dry run that would deny, as shadows are. */
export const DRY_RUN_DENY: Matcher = { label: 'authz_dry_run_action', op: '=', value: 'deny' };
export const WOULD_BE_DENIED: Matcher = { label: 'authz_dry_run_result', op: '=', value: 'denied' };
/** The listener through which a sidecar takes everything that comes in. */
export const INBOUND: Matcher = { label: 'listener_address', op: '=', value: '0.0.0.0_15006' };

export function inbound(scopes: readonly ScopePods[]): Matcher[] {
  return [INBOUND, ...within(scopes, 'namespace')];
}

export function destinations(
  scopes: readonly ScopePods[],
  [namespace, workload]: readonly [Label, Label] = TARGET,
): Matcher[] {
  const names = new Set(scopes.flatMap(({ workloads }) => [...workloads]));
  const onlyWorkloads = scopes.every(({ scope }) => scope.kind === 'Workload');
  const chosen = within(scopes, namespace);
  return onlyWorkloads ? [...chosen, { label: workload, op: 'in', values: [...names] }] : chosen;
}

/** One query serves all scopes of a step; what belongs to none of them is sorted out afterwards. */
export function within(scopes: readonly ScopePods[], label: Label): Matcher[] {
  if (scopes.some(({ scope }) => scope.kind === 'Mesh')) return [];
  return [{ label, op: 'in', values: [...new Set(scopes.map(({ scope }) => scope.namespace))] }];
}

/** The workload at one end of the connections that a series counts; undefined where it has no such labels. */
export function endOf(
  { labels }: Series,
  side: 'source' | 'destination',
): { namespace: string; workload: string } | undefined {
  const namespace = labels[`${side}_workload_namespace`];
  const workload = labels[`${side}_workload`];
  return namespace && workload ? { namespace, workload } : undefined;
}

/** `namespace/workload`; undefined where the metrics do not know it. */
export function sourceOf({ labels }: Series): string | undefined {
  const workload = labels['source_workload'];
  if (!workload || workload === 'unknown') return undefined;
  const namespace = labels['source_workload_namespace'];
  return namespace && namespace !== 'unknown' ? `${namespace}/${workload}` : workload;
}

export const isCount = ({ value }: Series) => Number.isFinite(value) && value >= 0;
