/** RolledBack: at rest until a retry is due, the spec changes, or somebody asks. */
import type { Status, StepStatus } from '../../api/status.ts';
import { type Move, onward } from '../move.ts';
import type { Situation } from '../situation.ts';
import { clockTime } from '../text.ts';
import { about, stepText } from './story.ts';

export function rolledBack(situation: Situation, status: Status, step: StepStatus): Move {
  const { now, input } = situation;
  const { rollback } = status;
  const retryAt = rollback?.retryAt ? Date.parse(rollback.retryAt) : undefined;
  const due = retryAt !== undefined && now >= retryAt;
  // whoever edits the spec while it goes back means the next try
  const edited = rollback !== undefined && rollback.generation !== input.rollout.metadata.generation;
  if (due || edited || situation.askedAgain(status))
    return onward(
      null,
      {
        reason: 'RolloutRetried',
        message: `trying again after the rollback of ${stepText(step)}${due && !edited ? ', as spec.rollback.retries says' : ''}`,
        severity: 'Normal',
        ...about(step),
      },
      // attempts are counted for as long as the spec is the one that failed
      { retried: situation.retryValue, ...(due && !edited ? {} : { rollback: null }) },
    );
  const how = 'change the spec, or annotate the rollout with a new value of mtlsrollout.io/retry, to try again';
  const next = retryAt === undefined ? how : `next try at ${clockTime(retryAt, now)}`;
  return {
    kind: 'Wait',
    phase: 'RolledBack',
    step,
    on: retryAt === undefined ? 'decision' : `retry ${clockTime(retryAt, now)}`,
    message: `${stepText(step)} was rolled back: ${rollback?.reason ?? 'see history'}; ${next}`,
    stalled: 'RolledBack',
    ...(retryAt === undefined ? {} : { nextLookAt: retryAt }),
  };
}
