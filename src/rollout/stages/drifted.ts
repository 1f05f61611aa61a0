/** Scopes that somebody else has weakened: held until somebody asks, or corrected by a step of their own. */
import type { Status, StepStatus } from '../../api/status.ts';
import { causeOf, isCorrection, isHeld, recordOf } from '../drift.ts';
import { enter, type Move, onward, type Wait } from '../move.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { bounded, clockTime, counted, listed, timestamp } from '../text.ts';
import { about, LONGEST_REASON, stepText } from './story.ts';

const RUNS: ReadonlySet<StepStatus['stage']> = new Set(['Preparing', 'Observing', 'Enforcing', 'Soaking']);

/** The wait for somebody to decide about scopes that are held. */
export function heldByDrift(
  situation: Situation,
  status: Status,
  step: StepStatus,
  held: readonly ScopeState[],
): Wait | undefined {
  const [first] = held;
  if (!first) return undefined;
  const record = recordOf(status, first.key);
  const { since = '', writes = [] } = record ?? {};
  const more = held.length > 1 ? ` (and ${counted(held.length - 1, 'more scope')})` : '';
  const from = clockTime(Date.parse(since), situation.now);
  const what = `${first.key} is no longer as the rollout had set it since ${from}${more}: ${bounded(causeOf(first), LONGEST_REASON)}`;
  const fought = writes.length > 0;
  const message = fought
    ? `${what}; ${foughtText(status, first)}: have whoever does it say STRICT or leave the policy alone, then annotate the rollout with a new value of mtlsrollout.io/retry`
    : `${what}; set it back, or annotate the rollout with a new value of mtlsrollout.io/retry to move it again`;
  return {
    kind: 'Wait',
    phase: 'Paused',
    step,
    on: `policy of ${first.key}`,
    message,
    stalled: fought ? 'DriftFight' : 'Drifted',
  };
}

/**
 * A correction that somebody has undone while it ran: begun again, as often as may be; then its scope is left alone.
 * Undefined while it goes on.
 */
export function undone(situation: Situation, status: Status, step: StepStatus): Move | undefined {
  if (!RUNS.has(step.stage) || !isCorrection(situation, status, step)) return undefined;
  const left = situation.stepStates(step).filter(state => !situation.moved(state));
  const fought = left.filter(state => isHeld(situation, status, state));
  if (fought.length > 0) return givenUp(status, step, fought);
  if (step.stage === 'Preparing') return undefined;
  const lost = left.filter(
    ({ holder, effective }) => step.stage === 'Soaking' || !holder || effective.mode === 'DISABLE',
  );
  const [first] = lost;
  if (!first) return undefined;
  const { changedAt: _, ...fresh } = enter(step, 'Preparing', timestamp(situation.now));
  return onward(
    { ...fresh, startedAt: situation.beginOf(situation.stepStates(step)) },
    {
      reason: 'CorrectionUndone',
      message: bounded(`${stepText(step)}: ${causeOf(first)}, beginning again with ${listed(step.scopes)}`),
      severity: 'Warning',
      ...about(step),
    },
  );
}

/** The step goes on with the scopes that nobody fights for. */
function givenUp(status: Status, step: StepStatus, fought: readonly ScopeState[]): Move {
  const keys = new Set(fought.map(({ key }) => key));
  const scopes = step.scopes.filter(key => !keys.has(key));
  return onward(scopes.length > 0 ? { ...step, scopes } : null, {
    reason: 'DriftFight',
    message: bounded(fought.map(state => `${causeOf(state)}; ${foughtText(status, state)}`).join('; ')),
    severity: 'Warning',
    ...about({ ...step, scopes: [...keys] }),
  });
}

function foughtText(status: Status, { key }: ScopeState): string {
  const times = recordOf(status, key)?.writes.length ?? 0;
  return `written ${counted(times, 'time')} to correct that and undone again, so nothing more is written`;
}
