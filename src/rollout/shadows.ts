/**
 * Shadows: AuthorizationPolicies in dry run that would deny plaintext. They refuse nobody; each sidecar of the scope
 * counts what they would have refused, by port. Envoy rebuilds its listener for one that comes or goes.
 */
import { checksum, planHash } from '../api/hash.ts';
import type { MtlsRollout } from '../api/resource.ts';
import type { Spec } from '../api/schema.ts';
import type { AuthorizationPolicy } from '../istio/objects.ts';
import { type Made, madeMarks, madeOf } from './made.ts';
import { POLICY_API } from './intended.ts';
import type { Scope } from './scope.ts';
import { targetOf, type Write } from './writes.ts';

const PREFIX = 'mtls-rollout-shadow';
/** What makes it count and not refuse. It is in the create itself: no shadow is ever without it. */
const DRY_RUN = 'istio.io/dry-run';

/** What to do where the operator may not read or write them. */
export const ROLE_ADVICE =
  'give the operator the ClusterRole mtls-rollout-shadow (kubectl apply -f config/rbac/shadow.yaml)';

export interface Shadow extends Made {
  policy: AuthorizationPolicy;
}

/** What is there of them; undefined where nobody has asked. */
export interface Shadows {
  policies: readonly AuthorizationPolicy[];
  /** Why they cannot be seen. */
  problem?: string;
}

/** Whether plaintext is to be counted by shadows. */
export function countsByShadow({ probes }: Pick<Spec, 'probes'>): boolean {
  return probes.some(({ plaintextTraffic }) => plaintextTraffic?.source === 'Shadow');
}

/** The shadow of a scope. Undefined for the policy of the mesh: its shadow would drain every pod there is. */
export function newShadow(
  rollout: MtlsRollout,
  { key, scope }: { key: string; scope: Scope },
  at: string,
): AuthorizationPolicy | undefined {
  if (scope.kind === 'Mesh') return undefined;
  const { namespace } = scope;
  const spec = specOf(scope);
  // another selector or other ports are another shadow: it is never patched
  const name = scope.kind === 'Workload' ? `${PREFIX}-${planHash(checksum([scope.name, spec]))}` : PREFIX;
  const { labels, annotations } = madeMarks(rollout, key, at, contentOf({ [DRY_RUN]: 'true' }, spec));
  return {
    apiVersion: POLICY_API,
    kind: 'AuthorizationPolicy',
    metadata: { name, namespace, labels, annotations: { [DRY_RUN]: 'true', ...annotations } },
    spec,
  };
}

/** The shadow that a policy is; undefined for any policy that no rollout made. */
export function shadowOf(policy: AuthorizationPolicy): Shadow | undefined {
  const { name, annotations = {} } = policy.metadata;
  if (!name.startsWith(PREFIX)) return undefined;
  const made = madeOf(policy.metadata, contentOf(annotations, policy.spec));
  return made && { ...made, policy };
}

/** Takes shadows away, but for those that somebody has changed. */
export function unshadow(shadows: readonly Shadow[]): Write[] {
  return shadows
    .filter(({ untouched }) => untouched)
    .map(({ policy }) => ({ verb: 'delete' as const, target: targetOf(policy) }));
}

/** Without an identity there is no principal, and so none that `*` would match. */
function specOf(scope: Scope & { kind: 'Namespace' | 'Workload' }): AuthorizationPolicy['spec'] {
  const ports = scope.kind === 'Workload' ? scope.ports?.map(String) : undefined;
  return {
    ...(scope.kind === 'Workload' ? { selector: { matchLabels: scope.selector } } : {}),
    action: 'DENY',
    rules: [{ from: [{ source: { notPrincipals: ['*'] } }], ...(ports ? { to: [{ operation: { ports } }] } : {}) }],
  };
}

function contentOf(annotations: Record<string, string>, spec: AuthorizationPolicy['spec']): unknown {
  return [annotations[DRY_RUN], spec];
}
