/** Observing: entry evidence, N healthy rounds in a row, before anything is switched. */
import type { Status, StepStatus } from '../../api/status.ts';
import { closedGate, interfered } from '../gates.ts';
import { enter, type Move, onward } from '../move.ts';
import { afterRound, isProven, newRound, objection } from '../rounds.ts';
import { nextRoundAt } from '../probeRounds.ts';
import type { Situation } from '../situation.ts';
import { heldDown } from '../stepWrites.ts';
import { listed, timestamp } from '../text.ts';
import { BACKSTOP, isLate, limitText } from './deadline.ts';
import { doneByOthers } from './done.ts';
import { uncounted } from './shadowing.ts';
import { about, doubtText, progressOf, stepText } from './story.ts';
import { again, letOn } from './again.ts';

export function observing(situation: Situation, status: Status, step: StepStatus): Move {
  const states = situation.stepStates(step);
  if (states.every(state => situation.moved(state))) return doneByOthers(situation, step);
  const writes = states.flatMap(state => heldDown(situation.input.rollout, state) ?? []);
  const disturbed = interfered(situation, status, step, states);
  if (disturbed && writes.length === 0) return situation.askedAgain(status) ? again(situation, step) : disturbed;
  const closed = closedGate(situation, step, states);
  if (closed) return closed;
  const blind = uncounted(situation, step, states);
  if (blind) return blind;
  const opened = letOn(situation, step);
  if (opened) return opened;

  const round = newRound(situation, 'Entry', step);
  const seen = round ? afterRound(situation, status, step, round) : step;
  if (round && isProven(situation, status, seen, 'Entry') && writes.length === 0)
    return onward(enter(seen, 'Enforcing', timestamp(situation.now)), {
      reason: 'EvidenceComplete',
      message: `${stepText(step)}: ${seen.healthyRounds} healthy rounds, switching ${listed(step.scopes)} to STRICT`,
      severity: 'Normal',
      ...about(step),
    });
  const doubt = objection(status, seen);
  return {
    kind: 'Wait',
    phase: 'Observing',
    step: seen,
    on: doubt ? `probe ${doubt.name}` : 'evidence',
    message: `${stepText(seen)}: ${progressOf(situation, seen)} before ${listed(seen.scopes)} may switch${doubtText(doubt)}${limitText(situation, seen)}`,
    ...(isLate(situation, seen) ? { stalled: 'ProgressDeadlineExceeded' } : {}),
    writes,
    nextLookAt:
      writes.length > 0 ? situation.now + BACKSTOP : nextRoundAt(situation.input.rollout.spec, status, 'Entry', seen),
  };
}
