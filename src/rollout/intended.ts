/** The writes that raise a scope's policy to a mode, and those that bring back what was there before. */
import { checksum, planHash } from '../api/hash.ts';
import type { MtlsRollout } from '../api/resource.ts';
import type { Mode, PeerAuthentication } from '../istio/objects.ts';
import { modeOf, type Policies, portModesOf } from '../istio/policies.ts';
import { slotKey, weaker } from '../istio/slots.ts';
import { type Applied, type FieldModes, MANAGED_BY, type Mark, marksAgain, marksFor, NO_MARKS } from './marks.ts';
import type { ExceptionState } from './excepted.ts';
import { type Scope, scopeSlot } from './scope.ts';
import type { ScopeState } from './scopeState.ts';
import { type MergePatch, targetOf, type Write } from './writes.ts';

type Spec = PeerAuthentication['spec'];

/** Served by every Istio since 1.6. */
export const POLICY_API = 'security.istio.io/v1beta1';
/** Of an object in Kubernetes. */
const LONGEST_NAME = 253;

/**
 * Raises a scope to a mode: a patch of the policy that holds its slot, or a new policy where none does. What is at
 * this mode or above is left as it is, so that this never weakens anything. Undefined when there is nothing to change.
 * `at` is noted where clients are pinned meanwhile.
 */
export function raise(
  rollout: MtlsRollout,
  state: ScopeState,
  mode: Mode,
  policies: Policies,
  at?: string,
): Write | undefined {
  return brought(rollout, state, { mode, fields: fieldsBelow(state, mode), at }, policies);
}

/** Brings the policy of an exception to these fields. It belongs to the scope with this key, and goes back with it. */
export function except(
  rollout: MtlsRollout,
  { exception, scope, holder, mark }: ExceptionState,
  key: string,
  fields: FieldModes,
  policies: Policies,
): Write | undefined {
  if (Object.keys(fields).length === 0) return undefined;
  return brought(
    rollout,
    { scope, key, holder, mark },
    { mode: 'PERMISSIVE', fields, exception: exception.name },
    policies,
  );
}

/** What a policy is to say, and the mode that was asked for. */
interface Intent {
  mode: Mode;
  fields: FieldModes;
  at?: string | undefined;
  exception?: string;
}

function brought(
  rollout: MtlsRollout,
  place: Pick<ScopeState, 'scope' | 'key' | 'holder' | 'mark'>,
  intent: Intent,
  policies: Policies,
): Write | undefined {
  const { scope, key, holder, mark } = place;
  const { fields, at } = intent;
  const nothing = Object.keys(fields).length === 0;
  if (!holder) return nothing ? undefined : { verb: 'create', object: newPolicy(rollout, place, intent, policies) };
  const created = mark !== undefined && mark.original !== 'Damaged' && mark.original.kind === 'Nothing';
  const since = nothing ? mark?.applied?.at : at;
  const set = together(mark?.applied?.set, fields);
  const applied = appliedTo({ ...intent, at: since }, key, set, created ? newSpec(scope, set) : undefined);
  const annotations = mark
    ? marksAgain(rollout, applied)
    : marksFor(rollout, { kind: 'Spec', spec: holder.spec }, applied);
  const current = holder.metadata.annotations ?? {};
  const marked = Object.entries(annotations).every(([name, value]) => current[name] === value);
  if (marked && nothing) return undefined;
  return { verb: 'patch', target: targetOf(holder), patch: { metadata: { annotations }, spec: specOf(fields) } };
}

/**
 * Restores what the slot held: deletes a policy that the rollout created and nobody changed since, else puts the
 * fields it had set back to their original values and takes the marks off. A field that somebody else has set to
 * another mode meanwhile stays theirs. Undefined when the original is damaged.
 */
export function restore(holder: PeerAuthentication, { original, applied }: Mark): Write | undefined {
  if (original === 'Damaged' || !applied) return undefined;
  const target = targetOf(holder);
  if (original.kind === 'Nothing' && applied.sum === checksum(holder.spec)) return { verb: 'delete', target };
  const before = original.kind === 'Spec' ? original.spec : {};
  const spec = restored(applied.set, before, holder.spec);
  return { verb: 'patch', target, patch: { metadata: { annotations: NO_MARKS }, spec } };
}

/** Whether somebody else has given a field that the rollout had set another mode: that stays theirs. */
export function isChanged({ spec }: PeerAuthentication, { applied }: Mark): boolean {
  const { mtls, ports = {} } = applied?.set ?? {};
  const isOther = ([port, mode]: [string, Mode]) => spec.portLevelMtls?.[port]?.mode !== mode;
  return (mtls !== undefined && spec.mtls?.mode !== mtls) || Object.entries(ports).some(isOther);
}

function newPolicy(
  rollout: MtlsRollout,
  { scope, key }: Pick<ScopeState, 'scope' | 'key'>,
  intent: Intent,
  policies: Policies,
): PeerAuthentication {
  const { fields } = intent;
  const spec = newSpec(scope, fields);
  return {
    apiVersion: POLICY_API,
    kind: 'PeerAuthentication',
    metadata: {
      name: freeName(scope, policies),
      namespace: scope.namespace,
      labels: MANAGED_BY,
      annotations: marksFor(rollout, { kind: 'Nothing' }, appliedTo(intent, key, fields, spec)),
    },
    spec,
  };
}

/** `mtls-rollout`, `mtls-rollout-cart`; with a hash of the slot where somebody else has that name. */
function freeName(scope: Scope, policies: Policies): string {
  const plain = policyName(scope);
  const taken = policies.in(scope.namespace).some(({ metadata }) => metadata.name === plain);
  if (!taken && plain.length <= LONGEST_NAME) return plain;
  const hash = planHash(slotKey(scopeSlot(scope)));
  return `${plain.slice(0, LONGEST_NAME - hash.length - 1)}-${hash}`;
}

function policyName(scope: Scope): string {
  if (scope.kind !== 'Workload') return 'mtls-rollout';
  return ['mtls-rollout', scope.name, ...(scope.controller ? [scope.controller] : [])].join('-');
}

function newSpec(scope: Scope, fields: FieldModes): Spec {
  const selector = scope.kind === 'Workload' ? { selector: { matchLabels: scope.selector } } : {};
  return { ...selector, ...specOf(fields) };
}

function specOf({ mtls, ports }: FieldModes): Spec {
  const settings = Object.entries(ports ?? {}).map(([port, mode]) => [port, { mode }]);
  return {
    ...(mtls ? { mtls: { mode: mtls } } : {}),
    ...(ports ? { portLevelMtls: Object.fromEntries(settings) } : {}),
  };
}

/** `whole` is the spec of a policy that has nothing but these fields. */
function appliedTo({ mode, at, exception }: Intent, scope: string, set: FieldModes, whole: Spec | undefined): Applied {
  const told = { ...(exception ? { exception } : {}), ...(at ? { at } : {}) };
  return { mode, scope, set, ...(whole ? { sum: checksum(whole) } : {}), ...told };
}

function together(before: FieldModes = {}, now: FieldModes): FieldModes {
  return { ...before, ...now, ...(before.ports || now.ports ? { ports: { ...before.ports, ...now.ports } } : {}) };
}

/**
 * The fields of a scope's policy that must say this mode to bring the scope there. A field that says nothing inherits;
 * where that gives more than this mode, it stays so. Ports that an exception keeps open stay PERMISSIVE.
 */
function fieldsBelow({ scope, holder, effective, ports, openPorts, portModes }: ScopeState, mode: Mode): FieldModes {
  const below = (said: Mode | undefined, given: Mode) => (said ? weaker(said, mode) : !weaker(mode, given));
  const said = holder && portModesOf(holder);
  if (scope.kind !== 'Workload' || !scope.ports) {
    const open = openPorts.filter(port => {
      const given = portModes.get(port) ?? effective.mode;
      return given !== 'STRICT' && weaker(said?.get(port) ?? 'DISABLE', 'PERMISSIVE');
    });
    const mtls = below(holder && modeOf(holder), effective.mode) ? { mtls: mode } : {};
    return { ...mtls, ...(open.length > 0 ? { ports: portsAt(open, 'PERMISSIVE') } : {}) };
  }
  const missing = scope.ports.filter(port => below(said?.get(port), ports.get(port) ?? effective.mode));
  return missing.length > 0 ? { ports: portsAt(missing, mode) } : {};
}

function portsAt(ports: readonly number[], mode: Mode): Record<string, Mode> {
  return Object.fromEntries(ports.map(port => [String(port), mode]));
}

/** Merge patch that gives the fields that still are as they were set their original values, or removes them. */
function restored(set: FieldModes, original: Spec, current: Spec): MergePatch {
  const mtls = set.mtls && current.mtls?.mode === set.mtls ? { mtls: asPatch(original.mtls) } : {};
  return { ...mtls, ...(set.ports ? restoredPorts(set.ports, original, current) : {}) };
}

function restoredPorts(set: Record<string, Mode>, original: Spec, current: Spec): MergePatch {
  const ours = Object.keys(set).filter(port => current.portLevelMtls?.[port]?.mode === set[port]);
  const before = original.portLevelMtls ?? {};
  const othersStay = Object.keys(current.portLevelMtls ?? {}).some(port => !ours.includes(port));
  // Istio's schema refuses an empty portLevelMtls, so the last port takes the whole field with it
  if (!othersStay && ours.every(port => !before[port])) return { portLevelMtls: null };
  return { portLevelMtls: Object.fromEntries(ours.map(port => [port, asPatch(before[port])])) };
}

function asPatch(setting: { mode?: string } | undefined): MergePatch | null {
  return setting ? { mode: setting.mode ?? null } : null;
}
