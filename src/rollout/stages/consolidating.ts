/**
 * Consolidating: the narrower policies go one by one. After each the change is given the time to reach every proxy, and
 * a look must find its scope still STRICT before the next one goes.
 */
import type { Status, StepStatus } from '../../api/status.ts';
import { consolidates, type Narrower, narrower, removal, widerOf } from '../consolidation.ts';
import { closedGate, troubled, wasHeld, wasPaused } from '../gates.ts';
import { enter, type Move, onward, type Wait } from '../move.ts';
import { stepsOf } from '../plan.ts';
import { nextRoundAt } from '../probeRounds.ts';
import { afterRound, newRound, objection, watchesEnforcement } from '../rounds.ts';
import { scopeKey } from '../scope.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { bounded, clockTime, counted, nameOf, timestamp } from '../text.ts';
import { resumed } from './again.ts';
import { BACKSTOP, deadlineOf } from './deadline.ts';
import { about, doubtText, stepText } from './story.ts';

/** How long a change is given to reach every proxy: over ten times what was measured. A look before tells nothing. */
const SETTLE = 5_000;

/** The begin: the first policy that may go. Undefined when there is none, or nothing is to be put away. */
export function consolidation(situation: Situation, status: Status): Move | undefined {
  if (!consolidates(situation.input.rollout)) return undefined;
  const next = narrower(situation).find(each => removal(situation, each));
  const wave = situation.plan.waves.at(-1);
  if (!next || !wave) return undefined;
  const at = timestamp(situation.now);
  const of = stepsOf(situation.plan);
  const state = situation.state(next.key);
  // whether the rollout was held before says nothing about what has not begun
  const { phase: _, ...fresh } = status;
  return consolidating(situation, fresh, {
    index: of,
    of,
    wave: wave.name,
    stage: 'Consolidating',
    scopes: [next.key],
    since: at,
    startedAt: state ? situation.beginOf([state]) : at,
    healthyRounds: 0,
    failures: 0,
  });
}

export function consolidating(situation: Situation, status: Status, step: StepStatus): Move {
  const { rollout } = situation.input;
  if (!consolidates(rollout)) return stopped(step, 'nothing more is to be put away');
  const left = narrower(situation);
  const there = left.filter(each => each.key === step.scopes[0]);
  const weak = weakened(situation, step, there.length === 0);
  if (weak) return stopped(step, `${weak.key} is not STRICT throughout, and moves first`, weak);
  // to look whether what is removed has done no harm waits for no gate
  const closed = there.length > 0 ? closedGate(situation, step, []) : troubled(situation, step, []);
  if (closed) return closed;
  if (wasHeld(situation, status, step)) return resumed(situation, step);
  if (wasPaused(status, 'ConsolidationStopped'))
    return situation.askedAgain(status) ? goingOn(situation, step) : late(situation, status, step);
  if (there.length === 0) return looking(situation, status, step, left.length);
  const [removable] = there.filter(each => removal(situation, each));
  if (removable) return removing(situation, step, removable, left.length);
  return stopped(step, `the policy of ${step.scopes[0]} stays, for it is needed or was changed by somebody else`);
}

/** Whether the policy is gone, and a look at its scope would tell something. */
export function awaitsLook(situation: Situation, step: StepStatus): boolean {
  if (step.changedAt === undefined || situation.now < settledAt(step.changedAt)) return false;
  return !narrower(situation).some(({ key }) => key === step.scopes[0]);
}

/**
 * A scope that is not STRICT and moves first. While a look is due, or has failed, only what the look is about counts:
 * else the next policy would go without it.
 */
function weakened(situation: Situation, { scopes }: StepStatus, gone: boolean): ScopeState | undefined {
  const [key = ''] = scopes;
  const wider = widerOf(situation, key);
  const concerned = [situation.state(key), wider && situation.state(scopeKey(wider))];
  const states = gone ? concerned : [...situation.states()];
  return states.find(state => state !== undefined && !situation.moved(state));
}

function removing(situation: Situation, step: StepStatus, one: Narrower, left: number): Wait {
  const { changedAt: _, heldSince: __, ...rest } = step;
  const write = removal(situation, one);
  return {
    kind: 'Wait',
    phase: 'Consolidating',
    step: rest,
    on: 'writes',
    message: `${stepText(step)}: removing ${nameOf(one.policy)}, without which ${one.key} stays STRICT; ${leftText(left)}`,
    writes: write ? [write] : [],
    nextLookAt: situation.now + BACKSTOP,
  };
}

function looking(situation: Situation, status: Status, before: StepStatus, left: number): Move {
  const { input, now } = situation;
  const at = timestamp(now);
  const { changedAt = at } = before;
  const step = before.changedAt ? before : { ...before, since: at, changedAt };
  const settled = settledAt(changedAt);
  const round = newRound(situation, 'Enforcement', step);
  const told = round && round.at >= settled ? round : undefined;
  const seen = told ? afterRound(situation, status, step, told) : step;
  const watched = watchesEnforcement(input.rollout.spec) && situation.stepStates(step).length > 0;
  if (!watched || seen.healthyRounds > 0) return consolidated(step, told !== undefined);
  const deadline = deadlineOf(situation, step);
  if (now >= deadline) return late(situation, status, seen);
  const doubt = told && objection(status, seen);
  return {
    kind: 'Wait',
    phase: 'Consolidating',
    step: { ...seen, failures: 0 },
    on: 'enforcement',
    message: `${stepText(step)}: the policy of ${step.scopes[0]} is removed, waiting since ${clockTime(Date.parse(changedAt), now)} to see that it is still STRICT, until ${clockTime(deadline, now)}${doubtText(doubt)}; ${leftText(left)}`,
    nextLookAt: Math.min(Math.max(settled, nextRoundAt(input.rollout.spec, status, 'Enforcement', seen)), deadline),
  };
}

function consolidated(step: StepStatus, seen: boolean): Move {
  return onward(null, {
    reason: 'PolicyConsolidated',
    message: `${stepText(step)}: the policy of ${step.scopes[0]} is removed, a wider one keeps it STRICT${seen ? ', seen in force' : ''}`,
    severity: 'Normal',
    ...about(step),
  });
}

/** Nobody has seen in time that the scope is still STRICT: nothing else goes. */
function late(situation: Situation, status: Status, step: StepStatus): Wait {
  const [begin, deadline] = [Date.parse(step.since), deadlineOf(situation, step)];
  const doubt = doubtText(objection(status, step));
  return {
    kind: 'Wait',
    phase: 'Paused',
    step,
    on: 'decision',
    message: bounded(
      `${stepText(step)}: consolidation is stopped: the policy of ${step.scopes[0]} was removed, and it was not seen STRICT between ${clockTime(begin, deadline)} and ${clockTime(deadline, deadline)}${doubt}; nothing else is removed: annotate the rollout with a new value of mtlsrollout.io/retry to look again, or set spec.strategy.consolidate to false to keep the other policies`,
    ),
    stalled: 'ConsolidationStopped',
  };
}

/** Somebody asked to go on: the look gets its whole time once more. */
function goingOn(situation: Situation, step: StepStatus): Move {
  return onward(
    enter(step, 'Consolidating', timestamp(situation.now)),
    {
      reason: 'StepRetried',
      message: `${stepText(step)}: going on with ${step.scopes[0]}, Consolidating begins anew`,
      severity: 'Normal',
      ...about(step),
    },
    { retried: situation.retryValue },
  );
}

function stopped(step: StepStatus, why: string, weak?: ScopeState): Move {
  return onward(null, {
    reason: 'ConsolidationStopped',
    message: `${stepText(step)}: consolidation stops: ${why}`,
    severity: weak ? 'Warning' : 'Normal',
    ...about(step),
  });
}

function leftText(left: number): string {
  return `${counted(left, 'narrower policy', 'narrower policies')} of this rollout left`;
}

function settledAt(changedAt: string): number {
  return Date.parse(changedAt) + SETTLE;
}
