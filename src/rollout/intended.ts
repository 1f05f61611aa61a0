/** The writes that raise a scope's policy to a mode, and those that bring back what was there before. */
import { checksum, planHash } from '../api/hash.ts';
import type { MtlsRollout } from '../api/resource.ts';
import type { Mode, PeerAuthentication } from '../istio/objects.ts';
import { modeOf, type Policies, portModesOf } from '../istio/policies.ts';
import { slotKey, weaker } from '../istio/slots.ts';
import { type Applied, type Mark, marksAgain, marksFor, NO_MARKS } from './marks.ts';
import { type Scope, scopeKey, scopeSlot } from './scope.ts';
import type { ScopeState } from './scopeState.ts';
import { type MergePatch, targetOf, type Write } from './writes.ts';

type Spec = PeerAuthentication['spec'];

/** Served by every Istio since 1.6. */
export const POLICY_API = 'security.istio.io/v1beta1';
const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'mtls-rollout' };

/**
 * Raises a scope to a mode: a patch of the policy that holds its slot, or a new policy where none does. A field that
 * is at this mode or above is left as it is, so that this never weakens anything.
 */
export function raise(
  rollout: MtlsRollout,
  { scope, holder, mark }: ScopeState,
  mode: Mode,
  policies: Policies,
): Write {
  if (!holder) return { verb: 'create', object: newPolicy(rollout, scope, mode, policies) };
  const created = mark !== undefined && mark.original !== 'Damaged' && mark.original.kind === 'Nothing';
  const applied = appliedTo(scope, mode, created);
  const annotations = mark
    ? marksAgain(rollout, applied)
    : marksFor(rollout, { kind: 'Spec', spec: holder.spec }, applied);
  return {
    verb: 'patch',
    target: targetOf(holder),
    patch: { metadata: { annotations }, spec: raised(scope, holder, mode) },
  };
}

/**
 * Restores what the slot held: deletes a policy that the rollout created and nobody changed since, else puts the
 * fields it had set back to their original values and takes the marks off. A field that somebody else has set to
 * another mode meanwhile stays theirs. Undefined when the original is damaged.
 */
export function restore(holder: PeerAuthentication, mark: Mark): Write | undefined {
  const { original, applied } = mark;
  if (original === 'Damaged') return undefined;
  const target = targetOf(holder);
  if (original.kind === 'Nothing' && applied?.sum === checksum(holder.spec)) return { verb: 'delete', target };
  const before = original.kind === 'Spec' ? original.spec : {};
  const spec = applied ? restored(applied, before, holder.spec) : {};
  return { verb: 'patch', target, patch: { metadata: { annotations: NO_MARKS }, spec } };
}

function newPolicy(rollout: MtlsRollout, scope: Scope, mode: Mode, policies: Policies): PeerAuthentication {
  return {
    apiVersion: POLICY_API,
    kind: 'PeerAuthentication',
    metadata: {
      name: freeName(scope, policies),
      namespace: scope.namespace,
      labels: MANAGED_BY,
      annotations: marksFor(rollout, { kind: 'Nothing' }, appliedTo(scope, mode, true)),
    },
    spec: newSpec(scope, mode),
  };
}

/** `mtls-rollout`, `mtls-rollout-cart`; with a hash of the slot where somebody else has that name. */
function freeName(scope: Scope, policies: Policies): string {
  const plain = scope.kind === 'Workload' ? `mtls-rollout-${scope.name}` : 'mtls-rollout';
  const taken = policies.in(scope.namespace).some(({ metadata }) => metadata.name === plain);
  return taken ? `${plain}-${planHash(slotKey(scopeSlot(scope)))}` : plain;
}

function newSpec(scope: Scope, mode: Mode): Spec {
  if (scope.kind !== 'Workload') return { mtls: { mode } };
  const selector = { matchLabels: scope.selector };
  return scope.ports ? { selector, portLevelMtls: portFields(scope.ports, mode) } : { selector, mtls: { mode } };
}

function appliedTo(scope: Scope, mode: Mode, created: boolean): Applied {
  const ports = scope.kind === 'Workload' ? scope.ports : undefined;
  return {
    mode,
    scope: scopeKey(scope),
    ...(ports ? { ports } : {}),
    ...(created ? { sum: checksum(newSpec(scope, mode)) } : {}),
  };
}

/** The fields of an existing policy that are below a mode, at that mode. */
function raised(scope: Scope, holder: PeerAuthentication, mode: Mode): Spec {
  if (scope.kind !== 'Workload' || !scope.ports) return below(modeOf(holder), mode) ? { mtls: { mode } } : {};
  const current = portModesOf(holder);
  return {
    portLevelMtls: portFields(
      scope.ports.filter(port => below(current.get(port), mode)),
      mode,
    ),
  };
}

function below(current: Mode | undefined, mode: Mode): boolean {
  return current === undefined || weaker(current, mode);
}

function portFields(ports: readonly number[], mode: Mode): Record<string, { mode: Mode }> {
  return Object.fromEntries(ports.map(port => [String(port), { mode }]));
}

/** Merge patch that gives the fields that still are as they were set their original values, or removes them. */
function restored({ mode, ports }: Applied, original: Spec, current: Spec): MergePatch {
  if (!ports) return current.mtls?.mode === mode ? { mtls: asPatch(original.mtls) } : {};
  const ours = ports.map(String).filter(port => current.portLevelMtls?.[port]?.mode === mode);
  const before = original.portLevelMtls ?? {};
  const othersStay = Object.keys(current.portLevelMtls ?? {}).some(port => !ours.includes(port));
  // Istio's schema refuses an empty portLevelMtls, so the last port takes the whole field with it
  if (!othersStay && ours.every(port => !before[port])) return { portLevelMtls: null };
  return { portLevelMtls: Object.fromEntries(ours.map(port => [port, asPatch(before[port])])) };
}

function asPatch(setting: { mode?: string } | undefined): MergePatch | null {
  return setting ? { mode: setting.mode ?? null } : null;
}
