/** RollingBack and mode Revert: every original within the extent, in reverse order, and proof that nothing is left. */
import type { RollbackStatus, Status, StepStatus } from '../../api/status.ts';
import { selectorOf } from '../../istio/policies.ts';
import { restore } from '../intended.ts';
import { type Marked, marked } from '../marked.ts';
import { unpin } from '../pins.ts';
import { enter, type Move, onward, type Wait } from '../move.ts';
import { isWorkloadKey, scopeKey } from '../scope.ts';
import type { Situation } from '../situation.ts';
import { clockTime, counted, listed, nameOf, timestamp } from '../text.ts';
import type { Write } from '../writes.ts';
import { BACKSTOP } from './deadline.ts';
import { rulesLast } from './clientRules.ts';
import { shadowsLast } from './shadowing.ts';
import { about, stepText } from './story.ts';

/** Policies restored by one decision. */
const BATCH = 100;

export function rollingBack(situation: Situation, status: Status, step: StepStatus): Move {
  const { rollback } = status;
  const isWithin = within(situation, rollback, step);
  const left = marked(situation).filter(({ mark }) => isWithin(mark.applied?.scope));
  const { writes, damaged } = restorations(left, situation);
  const what = rollback ? rollbackText(rollback) : listed(step.scopes);
  if (left.length > 0)
    return {
      kind: 'Wait',
      phase: 'RollingBack',
      step,
      on: damaged ? 'DamagedOriginal' : 'writes',
      message: `${stepText(step)}: rolling back ${what} since ${clockTime(Date.parse(step.since), situation.now)}, ${counted(left.length, 'policy', 'policies')} to restore${damaged ? `; ${damaged}` : ''}`,
      ...(damaged && writes.length === 0 ? { stalled: 'DamagedOriginal' } : {}),
      writes,
      nextLookAt: situation.now + BACKSTOP,
    };
  const last = restLeft(situation, status, `${stepText(step)}: rolling back ${what}`, step, isWithin);
  if (last) return last;
  const at = timestamp(situation.now);
  return onward(
    enter(step, 'RolledBack', at),
    {
      reason: 'RolledBack',
      message: `${stepText(step)}: ${what} restored to its original`,
      severity: 'Warning',
      ...about(step),
    },
    rollback ? { rollback: { ...rollback, finishedAt: at } } : {},
  );
}

/** Everything that carries a mark of this rollout; `why` stands in messages. */
export function reverting(situation: Situation, status: Status, why: 'mode Revert' | 'deletion'): Wait {
  const left = marked(situation);
  const { writes, damaged } = restorations(left, situation);
  if (left.length === 0)
    return (
      restLeft(situation, status, why, null, () => true) ?? {
        kind: 'Wait',
        phase: 'Reverted',
        step: null,
        on: '',
        message: 'every policy is as it was before the rollout',
      }
    );
  return {
    kind: 'Wait',
    phase: 'RollingBack',
    step: null,
    on: damaged ? 'DamagedOriginal' : 'writes',
    message: `${why}: ${counted(left.length, 'policy', 'policies')} to restore${damaged ? `; ${damaged}` : ''}`,
    ...(damaged && writes.length === 0 ? { stalled: 'DamagedOriginal' } : {}),
    writes,
    nextLookAt: situation.now + BACKSTOP,
  };
}

/** What else this rollout has written within the extent, when every policy is what it was. */
function restLeft(
  situation: Situation,
  { settlingSince, clientRules = 0, shadows = 0 }: Status,
  what: string,
  step: StepStatus | null,
  isWithin: (scope: string) => boolean,
): Wait | undefined {
  const pinned = unpinning(situation, what, step);
  if (pinned) return pinned;
  const left = shadowsLast(situation, shadows) ?? rulesLast(situation, settlingSince, isWithin, clientRules);
  return left && { ...left, step, message: `${what}, ${left.message}` };
}

/** The pins of this rollout, when every policy is what it was: until then they keep clients and servers together. */
function unpinning(situation: Situation, what: string, step: StepStatus | null): Wait | undefined {
  const pins = situation.pins();
  if (pins.length === 0) return undefined;
  return {
    kind: 'Wait',
    phase: 'RollingBack',
    step,
    on: 'writes',
    message: `${what}, ${counted(pins.length, 'pin')} to remove`,
    writes: pins.slice(0, BATCH).map(unpin),
    nextLookAt: situation.now + BACKSTOP,
  };
}

function rollbackText({ extent, wave, scopes }: RollbackStatus): string {
  if (extent === 'Step') return listed(scopes);
  return extent === 'Wave' ? `wave ${wave}` : 'all waves';
}

/** Tells whether what was written for a scope, or for one that nobody can tell any more, is to be taken back. */
function within(
  { plan }: Situation,
  rollback: RollbackStatus | undefined,
  step: StepStatus,
): (scope: string | undefined) => boolean {
  const wave = plan.waves.find(({ name }) => name === rollback?.wave);
  return scope => {
    if (rollback?.extent === 'All') return true;
    if (scope === undefined || step.scopes.includes(scope)) return true;
    if (rollback?.extent !== 'Wave') return false;
    // a workload that is gone belongs to no wave any more: what it left behind must not stay STRICT unseen
    const gone = isWorkloadKey(scope) && !plan.scopes.has(scope);
    return gone || (wave?.scopes ?? []).some(each => scopeKey(each) === scope);
  };
}

/**
 * Writes of one decision are made side by side. So the policy of an exception waits until those around it are back:
 * sooner, it would leave its ports STRICT for a moment; where they cannot be restored, for ever.
 */
function restorations(left: readonly Marked[], { input }: Situation): { writes: Write[]; damaged: string | undefined } {
  const writes: Write[] = [];
  let damaged: string | undefined;
  const wide = left.filter(({ policy }) => !selectorOf(policy)).map(({ policy }) => policy.metadata.namespace);
  const around = new Set(wide);
  const meshIsLeft = around.has(input.world.rootNamespace);
  for (const one of left) {
    const { policy, mark } = one;
    if (writes.length === BATCH) break;
    if (isException(one) && (meshIsLeft || around.has(policy.metadata.namespace))) continue;
    const write = restore(policy, mark);
    if (write) writes.push(write);
    else
      damaged ??= `the recorded original of ${nameOf(policy)} is damaged: bring it to the mode it should have and remove its annotations mtlsrollout.io/*`;
  }
  return { writes, damaged };
}

/** Whether the policy is of an exception inside a scope: that of a workload which moves by itself has its own key. */
function isException({ mark: { applied } }: Marked): boolean {
  return applied?.exception !== undefined;
}
