/**
 * Consolidation: once the target's own policy is STRICT, what the rollout made for its parts says nothing new. Which of
 * these policies may go is told by Istio's rules, worked out as if each were gone.
 */
import type { MtlsRollout } from '../api/resource.ts';
import { effectiveModes } from '../istio/effectiveMode.ts';
import type { PeerAuthentication } from '../istio/objects.ts';
import { modeOf, type Policies, portModesOf } from '../istio/policies.ts';
import { slotKey, slotOf } from '../istio/slots.ts';
import { restore } from './intended.ts';
import { type Mark, markOf } from './marks.ts';
import { type Scope, scopeKey, scopeSlot } from './scope.ts';
import { scopeState } from './scopeState.ts';
import type { Situation } from './situation.ts';
import { policiesAfter } from './stepWrites.ts';
import { targetNamespaces } from './targets.ts';
import type { World } from './world.ts';
import type { Write } from './writes.ts';

/** A policy of the rollout that is narrower than those of the target itself. */
export interface Narrower {
  policy: PeerAuthentication;
  mark: Mark;
  scope: Scope;
  key: string;
}

/** Whether anything of the target can be narrower than the policies that are to stay. */
export function consolidates({ spec: { target, strategy } }: Pick<MtlsRollout, 'spec'>): boolean {
  if (!strategy.consolidate || target.workloads) return false;
  return target.mesh !== undefined || strategy.unit === 'Workload';
}

/** Every policy of this rollout within the target that does not belong to the last wave, namespace by namespace. */
export function narrower({ input: { rollout, world }, plan, uid }: Situation): Narrower[] {
  const lasting = new Set((plan.waves.at(-1)?.scopes ?? []).map(scope => slotKey(scopeSlot(scope))));
  const planned = new Map([...plan.scopes.values()].map(({ scope }) => [slotKey(scopeSlot(scope)), scope]));
  return targetNamespaces(rollout, world).flatMap(({ name }) =>
    world.policies.in(name).flatMap(policy => {
      const mark = markOf(policy);
      const slot = slotKey(slotOf(policy));
      if (mark?.rollout !== uid || lasting.has(slot)) return [];
      const scope = planned.get(slot) ?? scopeOf(policy);
      return [{ policy, mark, scope, key: scopeKey(scope) }];
    }),
  );
}

/** What puts the policy away; undefined where it is needed, is an exception, or was not made by the rollout alone. */
export function removal(
  { input: { rollout, world } }: Situation,
  { policy, mark, scope }: Narrower,
): Write | undefined {
  const write = restore(policy, mark);
  return write?.verb === 'delete' && saysOnlyStrict(policy) && staysStrict(rollout, scope, write, world)
    ? write
    : undefined;
}

/** The scope whose policy takes over from the narrower one with this key. */
export function widerOf({ plan }: Situation, key: string): Scope | undefined {
  const namespace = key.split('/')[0];
  return plan.waves.at(-1)?.scopes.find(scope => scope.kind === 'Mesh' || scope.namespace === namespace);
}

/** Of a policy whose scope the plan no longer has, as of a workload that is gone. */
function scopeOf({ metadata, spec }: PeerAuthentication): Scope {
  const { namespace, name } = metadata;
  const selector = spec.selector?.matchLabels ?? {};
  if (Object.keys(selector).length === 0) return { kind: 'Namespace', namespace };
  return { kind: 'Workload', namespace, name, selector };
}

function saysOnlyStrict(policy: PeerAuthentication): boolean {
  return modeOf(policy) === 'STRICT' && saysNothingWeaker(policy);
}

function saysNothingWeaker(policy: PeerAuthentication): boolean {
  return [modeOf(policy), ...portModesOf(policy).values()].every(mode => mode === undefined || mode === 'STRICT');
}

/** Whether every pod of the scope is STRICT on every port without the policy, whichever other policy then counts. */
function staysStrict(rollout: MtlsRollout, scope: Scope, write: Write, { policies, rootNamespace }: World): boolean {
  const after = policiesAfter(policies, [write]);
  const { effective, overlapping } = scopeState(rollout, scope, after, rootNamespace);
  if (effective.mode !== 'STRICT') return false;
  return (
    scope.kind !== 'Workload' || (overlapping.every(saysNothingWeaker) && noWeakerPort(scope, after, rootNamespace))
  );
}

function noWeakerPort(scope: Scope & { kind: 'Workload' }, policies: Policies, rootNamespace: string): boolean {
  const { ports } = effectiveModes(policies, rootNamespace, scope.namespace, scope.selector);
  return [...ports.values()].every(({ mode }) => mode === 'STRICT');
}
