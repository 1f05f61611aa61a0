/** What holds a step besides its probes. A rollback is never held. */
import type { Status, StepStatus } from '../api/status.ts';
import { isCorrection, lastHand } from './drift.ts';
import { alarmed } from './gates/alerts.ts';
import { approval } from './gates/approval.ts';
import { overBudget } from './gates/budget.ts';
import { dependencies } from './gates/dependencies.ts';
import { frozen } from './gates/freeze.ts';
import type { Gate } from './gates/gate.ts';
import { phaseOf } from './gates/phase.ts';
import { schedule } from './gates/schedule.ts';
import type { Wait } from './move.ts';
import { stepsOf } from './plan.ts';
import { blocks } from './preflight.ts';
import { rowBroken } from './rounds.ts';
import type { ScopeState } from './scopeState.ts';
import type { Situation } from './situation.ts';
import { deadlineOf } from './stages/deadline.ts';
import { counted, listed, nameOf, timestamp } from './text.ts';

/** In the order in which they are asked: first what somebody has to do, then what comes by itself. */
const GATES: readonly Gate[] = [frozen, dependencies, approval, schedule, alarmed, overBudget];

/** The reason why nothing may tighten now; undefined when every gate is open. */
export const closedGate: Gate = (situation, step, states) => {
  const trouble = troubled(situation, step, states);
  if (trouble) return trouble;
  const since = step.heldSince ?? timestamp(situation.now);
  for (const gate of GATES) {
    const closed = gate(situation, step, states);
    // noted, so that the time before a gate does not count as the step's own
    if (closed?.step && !closed.asks) return { ...closed, step: { ...closed.step, heldSince: since } };
    if (closed) return closed;
  }
  return undefined;
};

/** What holds also what tightens nothing any more. */
export const troubled: Gate = (situation, step, states) =>
  suspended(situation, step) ?? hazardous(situation, rowBroken(step), states);

/** `spec.suspend` and mode Plan hold everything where it is. */
export function suspended(situation: Situation, running: StepStatus | null): Wait | undefined {
  const { suspend, mode } = situation.input.rollout.spec;
  const step = running && rowBroken(running);
  if (suspend)
    return {
      kind: 'Wait',
      phase: 'Suspended',
      step,
      on: 'resume',
      message: `${heldText(step)} by spec.suspend; set it to false to go on`,
    };
  if (mode !== 'Plan') return undefined;
  const { plan } = situation;
  const size = `${counted(plan.scopes.size, 'scope')} in ${counted(plan.waves.length, 'wave')} and ${counted(stepsOf(plan), 'step')}`;
  const blocking = situation.hazards().filter(blocks).length;
  const held = step && step.stage !== 'Pending' ? `${heldText(step)} by spec.mode Plan; ` : '';
  const message = `${held}planned: ${size}, ${counted(blocking, 'blocking hazard')}; nothing is written until spec.mode is Enforce`;
  return { kind: 'Wait', phase: 'Planned', step, on: 'mode Enforce', message };
}

function heldText(step: StepStatus | null): string {
  if (!step) return 'held';
  const where = step.stage === 'Pending' ? 'before it begins' : `in ${step.stage}`;
  return `wave ${step.wave}, step ${step.index}/${step.of} (${listed(step.scopes)}) is held ${where}`;
}

/**
 * Whether nobody looked until now because the rollout was held, so that the stage has to begin anew. What was refused
 * may have been so for a moment only: that counts where it took the stage past its deadline.
 */
export function wasHeld(situation: Situation, { phase }: Status, step: StepStatus): boolean {
  if (phase === 'Refused') return situation.now >= deadlineOf(situation, step);
  return phase === 'Suspended' || phase === 'Planned';
}

/**
 * Whether the step has been paused until now: because somebody else had changed what it stands on, because it failed
 * and its author wants to decide, or because nobody saw that the scope of a removed policy is still STRICT.
 */
export function wasPaused(
  { phase, conditions = [] }: Status,
  why: 'FieldConflict' | 'StepFailed' | 'ConsolidationStopped',
): boolean {
  return phase === 'Paused' && conditions.some(({ type, reason }) => type === 'Stalled' && reason === why);
}

function hazardous(situation: Situation, step: StepStatus, states: readonly ScopeState[]): Wait | undefined {
  const found = situation.blocking(states);
  const [first] = found;
  if (!first) return undefined;
  const more = found.length > 1 ? ` (and ${counted(found.length - 1, 'more hazard')})` : '';
  const fix = first.fix ? `; ${first.fix}` : '';
  const message = `wave ${step.wave} is held by ${first.code}: ${first.message}${fix}${more}`;
  return { kind: 'Wait', phase: phaseOf(step), step, on: first.code, message, stalled: first.code };
}

/**
 * Somebody else changed or removed what the step stands on: they win, the step pauses. A new value of the retry
 * annotation, or an edit of the spec, begins the step anew.
 */
export function interfered(
  situation: Situation,
  status: Status,
  step: StepStatus,
  states: readonly ScopeState[],
): Wait | undefined {
  // what it undoes is itself somebody's doing; what is done to it meanwhile, see `undone`
  if (isCorrection(situation, status, step)) return undefined;
  for (const state of states) {
    const what = interference(situation, step, state);
    if (!what) continue;
    const advice =
      'set it back, or annotate the rollout with a new value of mtlsrollout.io/retry to begin the step again';
    return {
      kind: 'Wait',
      phase: 'Paused',
      step: rowBroken(step),
      on: `policy of ${state.key}`,
      message: `wave ${step.wave} is paused: ${what}; ${advice}`,
      stalled: 'FieldConflict',
    };
  }
  return undefined;
}

function interference(situation: Situation, step: StepStatus, state: ScopeState): string | undefined {
  if (situation.moved(state)) return undefined;
  const { key, holder, effective } = state;
  if (!holder) return `the policy of ${key} was deleted by somebody else`;
  const { decidedBy = holder } = effective;
  // a policy of somebody's that was open already bears no mark of ours before STRICT; but none is DISABLE once prepared
  if (situation.drifted(state) || effective.mode === 'DISABLE')
    return decidedBy === holder
      ? `${nameOf(holder)} was set to ${effective.mode} by ${lastHand(holder)}`
      : `${key} is ${effective.mode} because of ${nameOf(decidedBy)}`;
  if (step.stage === 'Soaking') return `${key} is ${effective.mode} again because of ${nameOf(decidedBy)}`;
  return undefined;
}
