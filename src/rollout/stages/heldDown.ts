/** An explicit PERMISSIVE of ours must not hold a scope down when a wider policy becomes STRICT by other hands. */
import type { PeerAuthentication } from '../../istio/objects.ts';
import { modeOf, portModesOf } from '../../istio/policies.ts';
import { restore } from '../intended.ts';
import type { Mark } from '../marks.ts';
import type { Scope } from '../scope.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import type { Write } from '../writes.ts';

/** The write that takes our policy away, or out of the way; undefined where it holds nothing down. */
export function heldDown(situation: Situation, state: ScopeState): Write | undefined {
  const { scope, holder, mark, inherited, effective } = state;
  const ours = holder && mark?.rollout === situation.uid && mark.applied?.mode === 'PERMISSIVE';
  if (!ours || inherited !== 'STRICT' || effective.mode === 'STRICT') return undefined;
  return inheritedBefore(scope, holder, mark.original) ? restore(holder, mark) : undefined;
}

/** Whether the scope took its mode from a wider one before the rollout came; else the original would hold it down. */
function inheritedBefore(scope: Scope, holder: PeerAuthentication, original: Mark['original']): boolean {
  if (original === 'Damaged' || original.kind === 'Nothing') return original !== 'Damaged';
  const before = { ...holder, spec: original.spec };
  const said = portModesOf(before);
  const ports = scope.kind === 'Workload' ? (scope.ports ?? []) : [];
  return modeOf(before) === undefined && ports.every(port => said.get(port) === undefined);
}
