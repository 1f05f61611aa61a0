/** Between steps: choose the next scopes, and begin when every gate is open. */
import type { Status, StepStatus } from '../../api/status.ts';
import { corrects, isHeld, recordOf } from '../drift.ts';
import { closedGate, suspended } from '../gates.ts';
import { enter, type Move, onward, type Wait } from '../move.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { listed, timestamp } from '../text.ts';
import { completed } from './completed.ts';
import { consolidation } from './consolidating.ts';
import { heldByDrift } from './drifted.ts';
import { about, stepText } from './story.ts';

export function pending(situation: Situation, status: Status): Move {
  const next = nextStep(situation, status);
  if (!next) return consolidation(situation, status) ?? completed(situation, status);
  const { step, states, held } = next;
  const stopped = suspended(situation, step) ?? heldByDrift(situation, status, step, held);
  if (stopped) return stopped;
  const unread = situation.unread(states);
  if (unread.length > 0) return lookingForHazards(situation, step, unread);
  const closed = closedGate(situation, step, states);
  if (closed) return closed;
  return onward(
    { ...enter(step, 'Preparing', timestamp(situation.now)), startedAt: situation.beginOf(states) },
    {
      reason: 'StepStarted',
      message: `${stepText(step)}: preparing ${listed(step.scopes)}`,
      severity: 'Normal',
      ...about(step),
    },
    { retried: situation.retryValue },
  );
}

function lookingForHazards({ now }: Situation, step: StepStatus, unread: readonly ScopeState[]): Wait {
  return {
    kind: 'Wait',
    phase: 'Pending',
    step,
    on: 'hazards',
    message: `${stepText(step)}: looking for what would break in ${listed(unread.map(({ key }) => key))}`,
    nextLookAt: now,
  };
}

interface Next {
  step: StepStatus;
  states: ScopeState[];
  /** Scopes whose drift holds this step. */
  held: ScopeState[];
}

/**
 * The first scopes, in the order of the plan, that have not moved: at most as many as the wave lets move together. What
 * corrects drift has steps of its own. While one scope is held, only corrections of others go on: new ground can wait.
 */
function nextStep(situation: Situation, status: Status): Next | undefined {
  const held = [...situation.states()].filter(state => isHeld(situation, status, state));
  const left = situation.plan.waves.map(({ scopes }) => situation.leftIn(scopes));
  const isDrift = ({ key }: ScopeState) => corrects(situation) && recordOf(status, key) !== undefined;
  const chosen = left.map(states => {
    const free = states.filter(state => !held.includes(state) && (held.length === 0 || isDrift(state)));
    return free.filter(state => isDrift(state) === isDrift(free[0]!));
  });
  const free = chosen.findIndex(states => states.length > 0);
  if (free >= 0) return { ...stepOf(situation, status, free, chosen[free]!), held: [] };
  const first = left.findIndex(states => states.length > 0);
  return first >= 0 ? { ...stepOf(situation, status, first, left[first]!), held } : undefined;
}

function stepOf(
  situation: Situation,
  { step: before }: Status,
  number: number,
  all: readonly ScopeState[],
): Omit<Next, 'held'> {
  const wave = situation.plan.waves[number]!;
  const states = all.slice(0, wave.size);
  const scopes = states.map(({ key }) => key);
  const same = before?.stage === 'Pending' && before.wave === wave.name && before.scopes.join() === scopes.join();
  const since = same ? before.since : timestamp(situation.now);
  return {
    step: {
      ...situation.position(number),
      wave: wave.name,
      stage: 'Pending',
      scopes,
      since,
      startedAt: since,
      ...(same && before.heldSince ? { heldSince: before.heldSince } : {}),
      healthyRounds: 0,
      failures: 0,
    },
    states,
  };
}
