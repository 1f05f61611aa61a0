/** Enforcing: STRICT is written, read back, and seen in force on the pods. */
import type { Status, StepStatus } from '../../api/status.ts';
import { closedGate, interfered } from '../gates.ts';
import { raise } from '../intended.ts';
import { enter, type Move, onward } from '../move.ts';
import { afterRound, newRound, nextRoundAt, objection, watchesEnforcement } from '../rounds.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { clockTime, counted, listed, timestamp } from '../text.ts';
import { again } from './again.ts';
import { BACKSTOP, deadlineOf } from './deadline.ts';
import { failed } from './failed.ts';
import { about, doubtText, stepText } from './story.ts';

/** Evidence older than two rounds (or this, if that is longer) is no longer fresh when the first write is due. */
const FRESH = 60_000;

export function enforcing(situation: Situation, status: Status, step: StepStatus): Move {
  const states = situation.stepStates(step);
  const disturbed = interfered(situation, step, states);
  if (disturbed) return situation.askedAgain(status) ? again(situation, step) : disturbed;
  const left = states.filter(state => !situation.moved(state));
  if (left.length > 0) return writing(situation, step, states, left);
  return spreading(situation, status, step);
}

/** Some scopes are not STRICT yet. */
function writing(
  situation: Situation,
  step: StepStatus,
  states: readonly ScopeState[],
  left: readonly ScopeState[],
): Move {
  const { input, now, pace } = situation;
  if (stale(situation, step) && left.length === states.length)
    return onward(withoutChange(enter(step, 'Observing', timestamp(now))), {
      reason: 'EvidenceExpired',
      message: `${stepText(step)}: the evidence is from ${clockTime(Date.parse(step.since), now)} and nothing is switched yet; looking again`,
      severity: 'Normal',
      ...about(step),
    });
  const closed = closedGate(situation, step, left);
  if (closed) return closed;
  if (now >= deadlineOf(situation, step))
    return failed(
      situation,
      step,
      `STRICT could not be written to ${listed(left.map(({ key }) => key))} within ${pace.progressDeadline / 1000} s`,
    );
  const writes = left.map(state => raise(input.rollout, state, 'STRICT', input.world.policies));
  return {
    kind: 'Wait',
    phase: 'Enforcing',
    step: { ...step, changedAt: step.changedAt ?? timestamp(now) },
    on: 'writes',
    message: `${stepText(step)}: switching ${listed(step.scopes)} to STRICT since ${clockTime(Date.parse(step.since), now)}; ${counted(left.length, 'policy', 'policies')} to write`,
    writes,
    nextLookAt: Math.min(now + BACKSTOP, deadlineOf(situation, step)),
  };
}

/** Every policy says STRICT; the proxies may still be learning it. */
function spreading(situation: Situation, status: Status, step: StepStatus): Move {
  const { input, now, pace } = situation;
  const round = newRound(situation, 'Enforcement', step);
  const seen = round ? afterRound(step, round) : step;
  const inForce = seen.healthyRounds > 0 || !watchesEnforcement(input.rollout.spec);
  if (inForce)
    return onward(enter({ ...seen, changedAt: seen.changedAt ?? seen.since }, 'Soaking', timestamp(now)), {
      reason: 'StrictInForce',
      message: `${stepText(step)}: ${listed(step.scopes)} STRICT${round ? ' on the pods' : ''}, soaking`,
      severity: 'Normal',
      ...about(step),
    });
  const doubt = objection(situation, status, seen);
  const deadline = deadlineOf(situation, step);
  if (now >= deadline) return failed(situation, seen, `STRICT was not seen in force${doubtText(doubt)}`);
  return {
    kind: 'Wait',
    phase: 'Enforcing',
    step: { ...seen, failures: 0 },
    on: 'enforcement',
    message: `${stepText(step)}: ${listed(step.scopes)} set to STRICT, waiting since ${clockTime(Date.parse(step.since), now)} to see it in force, until ${clockTime(deadline, now)}${doubtText(doubt)}`,
    nextLookAt: Math.min(nextRoundAt('Enforcement', seen, pace.interval), deadline),
  };
}

function stale({ now, pace }: Situation, { since }: StepStatus): boolean {
  return now - Date.parse(since) > Math.max(2 * pace.interval, FRESH);
}

function withoutChange({ changedAt: _, ...step }: StepStatus): StepStatus {
  return step;
}
