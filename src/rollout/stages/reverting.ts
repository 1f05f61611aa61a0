/** Mode Revert, and the deletion of a rollout that is to restore: everything that carries a mark of it goes back. */
import type { RollbackStatus, Status } from '../../api/status.ts';
import { isMarked } from '../marked.ts';
import { type Move, onward } from '../move.ts';
import type { Situation } from '../situation.ts';
import { bounded, timestamp } from '../text.ts';
import { outcomeText, undoing } from './undoing.ts';

const WORDS = { Revert: 'mode Revert', Deletion: 'deletion' } as const;

export function reverting(situation: Situation, status: Status, cause: keyof typeof WORDS): Move {
  const before = status.rollback;
  const isOn = before?.cause === cause && before.finishedAt === undefined;
  if (!isOn) return isMarked(situation) ? begun(situation, status, cause) : rest(before);
  const title = WORDS[cause];
  const done = undoing(situation, status, { record: before, step: null, title, isWithin: () => true });
  if (!('over' in done)) return done;
  return onward(
    null,
    { reason: 'Reverted', message: bounded(`${title}: ${restText(done.over)}`), severity: 'Normal' },
    { rollback: done.over },
  );
}

function begun({ input, now }: Situation, { rollback: before }: Status, cause: keyof typeof WORDS): Move {
  const { generation } = input.rollout.metadata;
  const reason = cause === 'Revert' ? 'spec.mode is Revert' : 'the rollout is deleted, and deletionPolicy is Restore';
  // going back on somebody's word is no further attempt
  const attempt = before?.generation === generation ? before.attempt : 0;
  const rollback: RollbackStatus = {
    cause,
    reason,
    extent: 'All',
    scopes: [],
    at: timestamp(now),
    attempt,
    generation,
  };
  const message = `${WORDS[cause]}: restoring everything that the rollout has changed`;
  return onward(null, { reason: 'RestoreStarted', message, severity: 'Normal' }, { rollback });
}

/** Nothing is left to restore. */
function rest(record: RollbackStatus | undefined): Move {
  const message = record?.cause === undefined || record.cause === 'Failure' ? restText(undefined) : restText(record);
  return { kind: 'Wait', phase: 'Reverted', step: null, on: '', message: bounded(message) };
}

function restText(record: RollbackStatus | undefined): string {
  return `every policy is as it was before the rollout${record ? outcomeText(record) : ''}`;
}
