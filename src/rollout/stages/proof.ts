/**
 * The proof of a way back: policies that are restored must also be obeyed again. Before anything says that it is over, the
 * ports of what was STRICT are asked whether they are not any more, where the author has ports looked at. It has an
 * end: what cannot be asked keeps nothing from being over, and the record says that it was not seen.
 */
import { parseDuration } from '../../api/duration.ts';
import type { RollbackStatus, Status, StepStatus } from '../../api/status.ts';
import { isDeparting } from '../finalizer.ts';
import type { Wait } from '../move.ts';
import { ENFORCEMENT_INTERVAL } from '../probeRounds.ts';
import { watchesEnforcement, worstOf } from '../rounds.ts';
import type { Situation } from '../situation.ts';
import { bounded, clockTime, listed, timestamp } from '../text.ts';
import type { Input } from '../world.ts';
import { LONGEST_REASON } from './story.ts';

/** How long ports are asked that tell nothing. One that is seen to be STRICT still has the time of a step. */
const PATIENCE = 120_000;

export type Proof = { over: RollbackStatus } | { wait: Pick<Wait, 'message' | 'nextLookAt' | 'stalled' | 'rollback'> };

/** What a look for the proof is about, if one is due. */
export function proofDue(input: Input, { rollback, step }: Status): StepStatus | undefined {
  const { rollout, obstacle, now } = input;
  const { mode, suspend } = rollout.spec;
  if (!rollback?.restoredAt || rollback.finishedAt || !rollback.asked?.length) return undefined;
  const isReverting = mode === 'Revert' && !suspend && !obstacle;
  if (!isReverting && step?.stage !== 'RollingBack' && !isDeparting(input)) return undefined;
  if (
    now < nextLook(rollback, rollback.restoredAt, parseDuration(rollout.spec.analysis.interval)) ||
    !watchesEnforcement(rollout.spec)
  )
    return undefined;
  return subjectOf(rollback, rollback.restoredAt);
}

/** Where the proof stands, when everything is restored. */
export function proving(situation: Situation, before: RollbackStatus): Proof {
  const { now, pace } = situation;
  const { restoredAt = timestamp(now), asked = [] } = before;
  const looked = newLook(situation, before) ?? before.looked;
  const record: RollbackStatus = { ...before, restoredAt, ...(looked ? { looked } : {}) };
  if (asked.length === 0 || looked?.verdict === 'Healthy') return { over: { ...record, provenAt: timestamp(now) } };
  const excuse = unlooked(situation, record, restoredAt);
  if (excuse) return { over: { ...record, unproven: excuse } };
  const begin = Date.parse(restoredAt);
  const isStrict = looked?.verdict === 'Unhealthy';
  const end = begin + (isStrict ? Math.max(pace.progressDeadline, PATIENCE) : PATIENCE);
  const what = bounded(looked?.message ?? 'nobody has looked', LONGEST_REASON);
  if (now >= end) return { over: { ...record, unproven: what } };
  return {
    wait: {
      rollback: record,
      message: `everything is restored since ${clockTime(begin, now)}; waiting to see on the pods that it is in force, until ${clockTime(end, now)}${looked ? `: ${what}` : ''}`,
      nextLookAt: Math.min(Math.max(nextLook(record, restoredAt, pace.interval), now), end),
      ...(isStrict && now >= begin + PATIENCE ? { stalled: 'RollbackNotSeen' } : {}),
    },
  };
}

/** What came of it, as the end of a sentence. */
export function proofText({ asked = [], provenAt, unproven }: RollbackStatus): string {
  if (unproven) return `; restored in the API, not seen on the pods: ${bounded(unproven, LONGEST_REASON / 2)}`;
  return provenAt && asked.length > 0 ? ', and seen on the pods' : '';
}

/** Why nobody looks. */
function unlooked(situation: Situation, { asked = [], ...record }: RollbackStatus, restoredAt: string) {
  const { rollout, world } = situation.input;
  if (!watchesEnforcement(rollout.spec)) return 'spec.probes has no enforcement probe that decides';
  const going = world.namespaces.some(({ name, terminating }) => name === rollout.metadata.namespace && terminating);
  if (going) return `namespace ${rollout.metadata.namespace} is being deleted`;
  const left = situation.stepStates(subjectOf({ ...record, asked }, restoredAt));
  return left.length === 0 ? `${listed(asked)} can no longer be told` : undefined;
}

/** The round that was made for this decision. */
function newLook({ input }: Situation, { restoredAt }: RollbackStatus): RollbackStatus['looked'] {
  const { round } = input;
  if (round?.kind !== 'Restored' || !restoredAt || round.at < Date.parse(restoredAt)) return undefined;
  const dry = new Set(input.rollout.spec.probes.filter(({ dryRun }) => dryRun).map(({ name }) => name));
  const deciding = round.observations.filter(({ name }) => !dry.has(name));
  if (deciding.length === 0) return undefined;
  const worst = worstOf(deciding);
  const message = worst ? `probe ${worst.name} says ${worst.verdict}: ${worst.message}` : 'every port shows it';
  return { at: timestamp(round.at), verdict: worst?.verdict ?? 'Healthy', message: bounded(message) };
}

/** At first as often as while STRICT spreads; what is not back by then takes longer. */
function nextLook({ looked }: RollbackStatus, restoredAt: string, interval: number): number {
  const begin = Date.parse(restoredAt);
  if (!looked) return begin;
  const last = Date.parse(looked.at);
  return last + (last < begin + PATIENCE ? Math.min(interval, ENFORCEMENT_INTERVAL) : interval);
}

/** As a round wants it; a namespace that was made anew since the begin is a stranger. */
function subjectOf({ asked = [], at, wave = '', step = 0 }: RollbackStatus, restoredAt: string): StepStatus {
  const counts = { index: step, of: step, healthyRounds: 0, failures: 0 };
  return { ...counts, wave, stage: 'RollingBack', scopes: asked, since: restoredAt, startedAt: at };
}
