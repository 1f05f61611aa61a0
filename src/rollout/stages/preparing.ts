/**
 * Preparing: an explicit policy for every scope, so that the switch later is the patch of an existing object, and
 * permissions, webhooks and conflicts show before anything can break.
 */
import type { Status, StepStatus } from '../../api/status.ts';
import type { PeerAuthentication } from '../../istio/objects.ts';
import { modeOf, portModesOf } from '../../istio/policies.ts';
import { closedGate, suspended } from '../gates.ts';
import { restore, raise } from '../intended.ts';
import { enter, type Move, onward } from '../move.ts';
import type { Mark } from '../marks.ts';
import type { Scope } from '../scope.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { clockTime, counted, listed, timestamp } from '../text.ts';
import type { Write } from '../writes.ts';
import { clientsFirst } from './clientRules.ts';
import { BACKSTOP, deadlineOf, isLate, limitText } from './deadline.ts';
import { doneByOthers } from './done.ts';
import { leaving } from './leaving.ts';
import { about, stepText } from './story.ts';

export function preparing(situation: Situation, _status: Status, step: StepStatus): Move {
  const states = situation.stepStates(step);
  const moved = states.every(state => situation.moved(state));
  const closed = moved ? suspended(situation, step) : closedGate(situation, step, states);
  if (moved && situation.pins(states).length === 0) return doneByOthers(situation, step);
  if (closed) return closed;
  const way = leaving(situation, step, states);
  if (way) return way;
  if (moved) return doneByOthers(situation, step);
  const writes = states.flatMap(state => preparation(situation, state) ?? []);
  if (writes.length > 0) {
    return {
      kind: 'Wait',
      phase: 'Preparing',
      step,
      on: 'writes',
      message: `${stepText(step)}: preparing ${listed(step.scopes)} since ${clockTime(Date.parse(step.since), situation.now)}; ${counted(writes.length, 'policy', 'policies')} to write${limitText(situation, step)}`,
      ...(isLate(situation, step) ? { stalled: 'ProgressDeadlineExceeded' } : {}),
      writes,
      nextLookAt: Math.min(situation.now + BACKSTOP, deadlineOf(situation, step)),
    };
  }
  const clients = clientsFirst(situation, step, states, 'BeforeEvidence');
  if (clients) return clients;
  return onward(enter(step, 'Observing', timestamp(situation.now)), {
    reason: 'StepPrepared',
    message: `${stepText(step)}: ${listed(step.scopes)} prepared, looking for plaintext`,
    severity: 'Normal',
    ...about(step),
  });
}

/** What is written for a scope that has not moved, before anybody looks for plaintext. */
export function preparation(situation: Situation, state: ScopeState): Write | undefined {
  const { rollout, world } = situation.input;
  if (situation.moved(state)) return undefined;
  const held = heldDown(situation, state);
  if (held) return held;
  const weak = state.effective.mode === 'DISABLE';
  if (state.holder && !weak && !situation.drifted(state)) return undefined;
  return raise(rollout, state, 'PERMISSIVE', world.policies);
}

/** Takes an explicit PERMISSIVE of ours away where a wider policy has become STRICT by other hands. */
export function heldDown(situation: Situation, state: ScopeState): Write | undefined {
  const { scope, holder, mark, inherited, effective } = state;
  const ours = holder && mark?.rollout === situation.uid && mark.applied?.mode === 'PERMISSIVE';
  if (!ours || inherited !== 'STRICT' || effective.mode === 'STRICT') return undefined;
  return inheritedBefore(scope, holder, mark.original) ? restore(holder, mark) : undefined;
}

/** Whether the scope took its mode from a wider one before the rollout came; else the original would hold it down. */
function inheritedBefore(scope: Scope, holder: PeerAuthentication, original: Mark['original']): boolean {
  if (original === 'Damaged') return false;
  if (original.kind === 'Nothing') return true;
  const before = { ...holder, spec: original.spec };
  const said = portModesOf(before);
  const ports = scope.kind === 'Workload' ? (scope.ports ?? []) : [];
  return modeOf(before) === undefined && ports.every(port => said.get(port) === undefined);
}
