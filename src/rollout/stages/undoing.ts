/** What every way back does, be it a rollback, mode Revert or a deletion: policies, then pins, then rules for clients. */
import type { RollbackStatus, Status, StepStatus } from '../../api/status.ts';
import { type Marked, marked } from '../marked.ts';
import type { Wait } from '../move.ts';
import { unpin } from '../pins.ts';
import type { Situation } from '../situation.ts';
import { counted, listed, timestamp } from '../text.ts';
import { recorded, restorations } from '../undo.ts';
import { rulesLast } from './clientRules.ts';
import { BACKSTOP } from './deadline.ts';
import { proofText, proving } from './proof.ts';
import { shadowsLast } from './shadowing.ts';

/** Pins removed by one decision. */
const BATCH = 100;

export interface Undoing {
  record: RollbackStatus;
  step: StepStatus | null;
  /** Begin of its messages. */
  title: string;
  isWithin: (scope: string | undefined) => boolean;
}

/** What is still to do, or the record of what was done when everything within the extent is as it was. */
export function undoing(
  situation: Situation,
  status: Status,
  { record, step, title, isWithin }: Undoing,
): Wait | { over: RollbackStatus } {
  const left = marked(situation).filter(({ mark }) => isWithin(mark.applied?.scope));
  if (left.length > 0) return restoring(situation, { record, step, title }, left);
  const rollback = recorded(record, left, { next: [] });
  const last =
    unpinning(situation) ??
    shadowsLast(situation, status.shadows ?? 0) ??
    rulesLast(situation, status.settlingSince, isWithin, status.clientRules ?? 0);
  if (last) return { ...last, step, rollback, message: `${title}, ${last.message}` };
  const proof = proving(situation, rollback);
  if ('over' in proof) return { over: { ...proof.over, finishedAt: timestamp(situation.now) } };
  const { wait } = proof;
  return { ...wait, kind: 'Wait', phase: 'RollingBack', step, on: 'proof', message: `${title}, ${wait.message}` };
}

function restoring(
  situation: Situation,
  { record, step, title }: Omit<Undoing, 'isWithin'>,
  left: readonly Marked[],
): Wait {
  const { next, damaged } = restorations(left, situation);
  const rollback = recorded(record, left, { next });
  const advice = damaged
    ? `; the recorded original of ${damaged} is damaged: bring it to the mode it should have and remove its annotations mtlsrollout.io/*${wayOut(record)}`
    : '';
  return {
    kind: 'Wait',
    phase: 'RollingBack',
    step,
    on: damaged ? 'DamagedOriginal' : 'writes',
    message: `${title}, ${ofText(rollback, left.length)} to restore${advice}`,
    rollback,
    ...(damaged && next.length === 0 ? { stalled: 'DamagedOriginal' } : {}),
    writes: next.map(({ write }) => write),
    nextLookAt: situation.now + BACKSTOP,
  };
}

/** The pins of this rollout, when every policy is what it was: until then they keep clients and servers together. */
function unpinning(situation: Situation): Omit<Wait, 'step'> | undefined {
  const pins = situation.pins();
  if (pins.length === 0) return undefined;
  return {
    kind: 'Wait',
    phase: 'RollingBack',
    on: 'writes',
    message: `${counted(pins.length, 'pin')} to remove`,
    writes: pins.slice(0, BATCH).map(unpin),
    nextLookAt: situation.now + BACKSTOP,
  };
}

/** What came of it, as the end of a sentence. */
export function outcomeText(record: RollbackStatus): string {
  const { kept = [] } = record;
  const theirs = kept.length > 0 ? `; what somebody else had set in ${listed(kept)} stays` : '';
  return `${proofText(record)}${theirs}`;
}

/** `3 policies`, or `1 of 3 policies` once some are restored. */
function ofText({ restored = 0, total = 0 }: RollbackStatus, left: number): string {
  return restored > 0 ? `${left} of ${counted(total, 'policy', 'policies')}` : counted(left, 'policy', 'policies');
}

function wayOut({ cause }: RollbackStatus): string {
  return cause === 'Deletion' ? ', or set spec.deletionPolicy to Keep to let the rollout go as it is' : '';
}
