/** Hazards that can be read from policies and rules: what would make a step fail, or its answer wrong. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Hazard } from '../api/status.ts';
import type { FoundHazard } from '../istio/hazards/catalogue.ts';
import { managerOf } from '../istio/ownership.ts';
import { type ExceptionState, fieldsAfter, fieldsBefore } from './excepted.ts';
import { exceptionHazards, exceptionHazardsOf } from './exceptionHazards.ts';
import type { Plan } from './plan.ts';
import { exceptionsSettled, isStrict, type ScopeState } from './scopeState.ts';
import { listed, nameOf } from './text.ts';
import type { World } from './world.ts';

/** Hazards of the target as a whole, known before any scope is looked at. */
export function targetHazards(
  rollout: MtlsRollout,
  world: World,
  plan: Plan,
  metrics: boolean,
  found: readonly FoundHazard[],
): FoundHazard[] {
  return [
    ...missingNamespaces(rollout, world),
    ...withoutEvidence(rollout, metrics),
    ...unmatchedNames(plan),
    ...exceptionHazards(rollout, plan),
    ...found,
  ].map(hazard => accepted(hazard, rollout));
}

/** Hazards of one scope that still has to move; `found` are those that more than policies tell. */
export function scopeHazards(rollout: MtlsRollout, state: ScopeState, found: readonly FoundHazard[]): FoundHazard[] {
  const shadowed = shadowedBy(rollout, state);
  if (isStrict(state)) return shadowed.map(hazard => accepted(hazard, rollout));
  return [
    ...shadowed,
    ...[state, ...state.exceptions.map(each => exceptionPlace(each, state))].flatMap(place => [
      ...conflict(rollout, place),
      ...damaged(place),
    ]),
    ...exceptionHazardsOf(state),
    ...found,
    ...exceptionsInside(state),
    ...overlapping(state),
  ].map(hazard => accepted(hazard, rollout));
}

/** A blocking hazard that nobody accepted. */
export function blocks({ severity, accepted: taken }: Hazard): boolean {
  return severity === 'Block' && !taken;
}

/** STRICT by Istio's rules, but for exceptions of the author and what else the author accepted. */
export function hasMoved(rollout: MtlsRollout, state: ScopeState): boolean {
  return state.effective.mode === 'STRICT' && exceptionsSettled(state) && restAccepted(rollout, state);
}

/** Whether the author took on what keeps the scope from being STRICT throughout. */
function restAccepted(rollout: MtlsRollout, { weakerInside, overlapping: others }: ScopeState): boolean {
  const { accept } = rollout.spec.preflight;
  const weaker = weakerInside.length === 0 || accept.includes('WeakerPolicy');
  return weaker && (others.length === 0 || accept.includes('OverlappingPolicy'));
}

function accepted(hazard: FoundHazard, { spec }: MtlsRollout): FoundHazard {
  const taken = spec.preflight.accept.includes(hazard.code) && !FATAL.has(hazard.code);
  return taken ? { ...hazard, accepted: true } : hazard;
}

function missingNamespaces({ spec }: MtlsRollout, { namespaces, rootNamespace }: World): Hazard[] {
  const there = new Set(namespaces.filter(({ terminating }) => !terminating).map(({ name }) => name));
  return (spec.target.namespaces?.names ?? [])
    .filter(name => !there.has(name) || name === rootNamespace)
    .map(name => ({
      code: 'NamespaceNotFound',
      severity: 'Block',
      object: `Namespace ${name}`,
      message:
        name === rootNamespace
          ? `${name} is the mesh root namespace: a policy of it governs the whole mesh`
          : `namespace ${name} is named in spec.target.namespaces.names and is not there`,
      fix:
        name === rootNamespace
          ? 'take it from the list; use target.mesh for the mesh'
          : 'create the namespace, or take it from the list',
    }));
}

function withoutEvidence({ spec }: MtlsRollout, metrics: boolean): Hazard[] {
  const fix = 'or accept it to go on without evidence of who still sends plaintext';
  if (spec.probes.length === 0 && !metrics)
    return [
      {
        code: 'NoMetrics',
        severity: 'Block',
        object: 'operator configuration',
        message: 'no Prometheus is configured, so nobody can see who still sends plaintext',
        fix: `set prometheus.url in the configuration of the operator, ${fix}`,
      },
    ];
  if (spec.probes.length === 0 || spec.probes.some(({ plaintextTraffic }) => plaintextTraffic)) return [];
  return [
    {
      code: 'NoEntryEvidence',
      severity: 'Block',
      object: 'spec.probes',
      message: 'no probe of the list looks before STRICT is set',
      fix: `add a plaintextTraffic probe, ${fix}`,
    },
  ];
}

function unmatchedNames({ unmatched }: Plan): Hazard[] {
  return unmatched.map(({ wave, name }) => ({
    code: 'WaveNameUnmatched',
    severity: 'Warn',
    object: `wave ${wave}`,
    message: `wave ${wave} names ${name}, which is no scope of the target`,
    fix: `correct the name, or take it from the wave`,
  }));
}

/** Not to be accepted: there would be no way back, or clients cut off. */
const FATAL: ReadonlySet<string> = new Set(['DamagedOriginal', 'RulesNotSeen', 'ShadowUnsafe']);

type Place = Pick<ScopeState, 'key' | 'holder' | 'mark'>;

/** The slot of an exception that is still to be written, as far as others may hold it. */
function exceptionPlace(state: ExceptionState, { key }: ScopeState): Place {
  const isDone = Object.keys({ ...fieldsBefore(state), ...fieldsAfter(state) }).length === 0;
  return { key, holder: isDone ? undefined : state.holder, mark: state.mark };
}

/** A policy that somebody else governs: another rollout, or a tool that would write its own version again. */
function conflict(rollout: MtlsRollout, { key, holder, mark }: Place): Hazard[] {
  if (!holder || mark?.rollout === rollout.metadata.uid) return [];
  const { adopt } = rollout.spec;
  const manager = managerOf(holder);
  const hazard = (message: string, fix: string): Hazard[] => [
    { code: 'Conflict', severity: 'Block', scope: key, object: nameOf(holder), message, fix },
  ];
  if (adopt === 'Never')
    return hazard(
      `${nameOf(holder)} holds the slot of ${key} and spec.adopt is Never`,
      'set spec.adopt to Unmanaged, or delete the policy',
    );
  if (adopt === 'Unmanaged' && manager)
    return hazard(
      `${nameOf(holder)} is managed by ${manager}, which would undo the step`,
      'set the mode there, or set spec.adopt to Always',
    );
  return [];
}

/** A policy that somebody has put beside one of ours, later: Istio ignores it, and nobody else says so. */
function shadowedBy({ metadata }: MtlsRollout, { key, holder, mark, younger }: ScopeState): Hazard[] {
  if (!holder || mark?.rollout !== metadata.uid) return [];
  return younger.map(policy => ({
    code: 'ShadowedPolicy',
    severity: 'Warn',
    scope: key,
    object: nameOf(policy),
    message: `${nameOf(policy)} does nothing: ${nameOf(holder)}, which this rollout governs, is older in the same place, and Istio obeys only the oldest`,
    fix: `remove it; to change the mode, change it in ${nameOf(holder)}, or set spec.mode to Revert first`,
  }));
}

function damaged({ key, holder, mark }: Place): Hazard[] {
  if (!holder || mark?.original !== 'Damaged') return [];
  return [
    {
      code: 'DamagedOriginal',
      severity: 'Block',
      scope: key,
      object: nameOf(holder),
      message: `the recorded original of ${nameOf(holder)} is damaged, so there is no safe way back`,
      fix: 'bring the policy to the mode it should have and remove its annotations mtlsrollout.io/*',
    },
  ];
}

function exceptionsInside({ key, weakerInside }: ScopeState): Hazard[] {
  const [first] = weakerInside;
  if (!first) return [];
  return [
    {
      code: 'WeakerPolicy',
      severity: 'Block',
      scope: key,
      object: nameOf(first),
      message: `${key} would not be STRICT throughout: ${listed(weakerInside.map(nameOf))} ${weakerInside.length === 1 ? 'asks' : 'ask'} for less`,
      fix: 'move or remove that, or accept WeakerPolicy to leave it as an exception',
    },
  ];
}

function overlapping({ key, overlapping: others }: ScopeState): Hazard[] {
  const [first] = others;
  if (!first) return [];
  return [
    {
      code: 'OverlappingPolicy',
      severity: 'Block',
      scope: key,
      object: nameOf(first),
      message: `${listed(others.map(nameOf))} may select the same pods as ${key}; Istio obeys only the oldest of them`,
      fix: 'use the selector of that policy for the workload, or accept OverlappingPolicy when the pods differ',
    },
  ];
}
