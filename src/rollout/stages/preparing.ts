/**
 * Preparing: an explicit policy for every scope, so that the switch later is the patch of an existing object, and
 * permissions, webhooks and conflicts show before anything can break.
 */
import type { Status, StepStatus } from '../../api/status.ts';
import { closedGate, suspended } from '../gates.ts';
import { enter, type Move, onward } from '../move.ts';
import type { Situation } from '../situation.ts';
import { preparations } from '../stepWrites.ts';
import { clockTime, counted, listed, timestamp } from '../text.ts';
import { letOn } from './again.ts';
import { clientsFirst } from './clientRules.ts';
import { BACKSTOP, deadlineOf, isLate, limitText } from './deadline.ts';
import { doneByOthers } from './done.ts';
import { leaving } from './leaving.ts';
import { shadowsFirst } from './shadowing.ts';
import { about, stepText } from './story.ts';

export function preparing(situation: Situation, _status: Status, step: StepStatus): Move {
  const states = situation.stepStates(step);
  const moved = states.every(state => situation.moved(state));
  const closed = moved ? suspended(situation, step) : closedGate(situation, step, states);
  if (moved && situation.pins(states).length === 0) return doneByOthers(situation, step);
  if (closed) return closed;
  const opened = moved ? undefined : letOn(situation, step);
  if (opened) return opened;
  const way = leaving(situation, step, states);
  if (way) return way;
  if (moved) return doneByOthers(situation, step);
  const writes = states.flatMap(state => preparations(situation.input.rollout, state, situation.input.world.policies));
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
  const counting = shadowsFirst(situation, step, states);
  if (counting) return counting;
  const clients = clientsFirst(situation, step, states, 'BeforeEvidence');
  if (clients) return clients;
  return onward(enter(step, 'Observing', timestamp(situation.now)), {
    reason: 'StepPrepared',
    message: `${stepText(step)}: ${listed(step.scopes)} prepared, looking for plaintext`,
    severity: 'Normal',
    ...about(step),
  });
}
