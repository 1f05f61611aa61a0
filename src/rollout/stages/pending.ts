/** Between steps: choose the next scopes, and begin when every gate is open. */
import type { Status, StepStatus } from '../../api/status.ts';
import { closedGate, suspended } from '../gates.ts';
import { enter, type Move, onward, type Wait } from '../move.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { counted, listed, nameOf, timestamp } from '../text.ts';
import { completed } from './completed.ts';
import { consolidation } from './consolidating.ts';
import { about, stepText } from './story.ts';

export function pending(situation: Situation, status: Status): Move {
  const next = nextStep(situation, status.step);
  if (!next) return consolidation(situation, status) ?? completed(situation);
  const { step, states } = next;
  const unread = suspended(situation, step) ? [] : situation.unread(states);
  if (unread.length > 0) return lookingForHazards(situation, step, unread);
  const closed = closedGate(situation, step, states) ?? driftGate(situation, status, step, states);
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

/** The first scopes, in the order of the plan, that have not moved: at most as many as the wave lets move together. */
function nextStep(
  situation: Situation,
  before: StepStatus | undefined,
): { step: StepStatus; states: ScopeState[] } | undefined {
  for (const [number, wave] of situation.plan.waves.entries()) {
    const states = situation.leftIn(wave.scopes).slice(0, wave.size);
    if (states.length === 0) continue;
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
  return undefined;
}

/** What the rollout had set and somebody else weakened is theirs until somebody asks for it to be moved again. */
function driftGate(
  situation: Situation,
  status: Status,
  step: StepStatus,
  states: readonly ScopeState[],
): Wait | undefined {
  const drifted = states.filter(state => situation.drifted(state));
  const [first] = drifted;
  if (!first?.holder || situation.askedAgain(status)) return undefined;
  const more = drifted.length > 1 ? ` (and ${counted(drifted.length - 1, 'more scope')})` : '';
  return {
    kind: 'Wait',
    phase: 'Paused',
    step,
    on: `policy of ${first.key}`,
    message: `${nameOf(first.holder)} had been set to ${first.mark?.applied?.mode} and ${first.key} is ${first.effective.mode} now${more}; set it back, or annotate the rollout with a new value of mtlsrollout.io/retry to move it again`,
    stalled: 'Drifted',
  };
}
