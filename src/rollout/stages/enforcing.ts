/** Enforcing: STRICT is written, read back, and seen in force on the pods. */
import type { Status, StepStatus } from '../../api/status.ts';
import { closedGate, interfered, suspended, wasHeld, wasPaused } from '../gates.ts';
import { enter, type Move, onward, type Wait } from '../move.ts';
import { afterRound, newRound, objection, watchesEnforcement } from '../rounds.ts';
import { nextRoundAt } from '../probeRounds.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { enforcements } from '../stepWrites.ts';
import { bounded, clockTime, counted, listed, timestamp } from '../text.ts';
import { again, resumed } from './again.ts';
import { clientsFirst } from './clientRules.ts';
import { BACKSTOP, deadlineOf } from './deadline.ts';
import { doneByOthers } from './done.ts';
import { failed, paused } from './failed.ts';
import { shadowsOff } from './shadowing.ts';
import { about, doubtText, LONGEST_REASON, stepText } from './story.ts';

/** Evidence older than two rounds (or this, if that is longer) is no longer fresh when the first write is due. */
const FRESH = 60_000;

export function enforcing(situation: Situation, status: Status, step: StepStatus): Move {
  const states = situation.stepStates(step);
  if (states.length === 0) return doneByOthers(situation, step);
  const disturbed = interfered(situation, status, step, states);
  if (disturbed) return situation.askedAgain(status) ? again(situation, step) : disturbed;
  const left = states.filter(state => !situation.moved(state));
  const untouched = left.length === states.length;
  if (untouched && situation.now > staleAt(situation, step)) return evidenceExpired(situation, step);
  const held = suspended(situation, step);
  if (held) return held;
  const closed = left.length > 0 ? closedGate(situation, step, left) : undefined;
  // the evidence does not wait with it
  if (closed && untouched)
    return { ...closed, nextLookAt: Math.min(closed.nextLookAt ?? Infinity, staleAt(situation, step) + 1) };
  if (closed) return halfWritten(situation, status, step, closed);
  if (!untouched && wasHeld(situation, status, step)) return resumed(situation, step);
  if (wasPaused(status, 'StepFailed') && !situation.askedAgain(status))
    return paused(step, 'STRICT was not written and seen in force before the deadline');
  return left.length > 0 ? writing(situation, status, step, left) : spreading(situation, status, step);
}

/** Nothing is switched yet, and the evidence is too old to act on. */
function evidenceExpired(situation: Situation, step: StepStatus): Move {
  const { now } = situation;
  const { changedAt: _, ...fresh } = enter(step, 'Observing', timestamp(now));
  return onward(fresh, {
    reason: 'EvidenceExpired',
    message: `${stepText(step)}: the evidence is from ${clockTime(Date.parse(step.since), now)} and nothing is switched yet; looking again`,
    severity: 'Normal',
    ...about(step),
  });
}

/** A hazard has come up, or a gate was closed, while a part of the step is STRICT already, which nobody watches: that has an end. */
function halfWritten(situation: Situation, status: Status, step: StepStatus, closed: Wait): Move {
  const deadline = deadlineOf(situation, step);
  if (situation.now >= deadline)
    return failed(
      situation,
      status,
      step,
      `the rest of the step could not follow ${untilText(step, deadline)}: ${closed.message}`,
    );
  // not stalled: it ends by itself
  const { stalled: _, message, ...held } = closed;
  const back = `; what is STRICT already goes back after ${clockTime(deadline, situation.now)}`;
  const nextLookAt = Math.min(closed.nextLookAt ?? deadline, deadline);
  return { ...held, message: bounded(message, LONGEST_REASON) + back, nextLookAt };
}

/** Some scopes are not STRICT yet. */
function writing(situation: Situation, status: Status, step: StepStatus, left: readonly ScopeState[]): Move {
  const { input, now } = situation;
  const deadline = deadlineOf(situation, step);
  if (now >= deadline) {
    const names = listed(left.map(({ key }) => key));
    return failed(situation, status, step, `STRICT could not be written to ${names} ${untilText(step, deadline)}`);
  }
  const clients = clientsFirst(situation, step, left, 'BeforeStrict');
  if (clients) return clients;
  const enforce = left.flatMap(state => enforcements(input.rollout, state, input.world.policies));
  const writes = [...enforce, ...shadowsOff(situation, situation.stepStates(step))];
  return {
    kind: 'Wait',
    phase: 'Enforcing',
    step: { ...step, changedAt: step.changedAt ?? timestamp(now) },
    on: 'writes',
    message: `${stepText(step)}: switching ${listed(step.scopes)} to STRICT since ${clockTime(Date.parse(step.since), now)}; ${counted(left.length, 'policy', 'policies')} left to write, until ${clockTime(deadline, now)}`,
    writes,
    nextLookAt: Math.min(now + BACKSTOP, deadline),
  };
}

/** Every policy says STRICT; the proxies may still be learning it. */
function spreading(situation: Situation, status: Status, step: StepStatus): Move {
  const { input, now } = situation;
  const round = newRound(situation, 'Enforcement', step);
  const seen = round ? afterRound(situation, status, step, round) : step;
  const inForce = seen.healthyRounds > 0 || !watchesEnforcement(input.rollout.spec);
  if (inForce)
    return onward(enter({ ...seen, changedAt: seen.changedAt ?? seen.since }, 'Soaking', timestamp(now)), {
      reason: 'StrictInForce',
      message: `${stepText(step)}: ${listed(step.scopes)} STRICT${round ? ' and seen in force' : ''}, soaking`,
      severity: 'Normal',
      ...about(step),
    });
  const doubt = objection(status, seen);
  const deadline = deadlineOf(situation, step);
  if (now >= deadline)
    return failed(
      situation,
      status,
      seen,
      `STRICT was not seen in force ${untilText(step, deadline)}${doubtText(doubt)}`,
    );
  return {
    kind: 'Wait',
    phase: 'Enforcing',
    step: { ...seen, failures: 0 },
    on: 'enforcement',
    writes: shadowsOff(situation, situation.stepStates(step)),
    message: `${stepText(step)}: ${listed(step.scopes)} set to STRICT, waiting since ${clockTime(Date.parse(step.since), now)} to see it in force, until ${clockTime(deadline, now)}${doubtText(doubt)}`,
    nextLookAt: Math.min(nextRoundAt(input.rollout.spec, status, 'Enforcement', seen), deadline),
  };
}

function staleAt({ pace }: Situation, { since }: StepStatus): number {
  return Date.parse(since) + Math.max(2 * pace.interval, FRESH);
}

function untilText({ since }: StepStatus, deadline: number): string {
  const begin = Date.parse(since);
  return `between ${clockTime(begin, deadline)} and ${clockTime(deadline, deadline)}`;
}
