/**
 * Approvals of waves: each names the hash of the plan that somebody has seen. What was approved is kept in status, so
 * that it can be said later what has changed since; it is never taken for an approval.
 */
import { type Approval, readApprovals } from '../api/approval.ts';
import { APPROVE_ANNOTATION, type MtlsRollout } from '../api/resource.ts';
import type { Approved, Status } from '../api/status.ts';
import type { PlannedWave } from './plan.ts';
import { scopeKey } from './scope.ts';
import type { Situation } from './situation.ts';
import { counted, listed, timestamp } from './text.ts';
import type { Transition } from './world.ts';

/** Names of approved scopes that status has room for: in one wave, and in all together. */
const MOST_NAMES = 500;
const MOST_NAMES_OF_ALL = 1000;

export function needsApproval({ spec }: MtlsRollout, waveName: string): boolean {
  return spec.strategy.waves.some(({ name, approval }) => name === waveName && approval === 'Required');
}

/** Who approved this very plan of the wave; what stands in Git comes first. */
export function approvalOf(
  rollout: MtlsRollout,
  { name, hash }: Pick<PlannedWave, 'name' | 'hash'>,
): Approval | undefined {
  const { approvals } = readApprovals(rollout.metadata.annotations?.[APPROVE_ANNOTATION] ?? '');
  return [...rollout.spec.approvals, ...approvals].find(({ wave, plan }) => wave === name && plan === hash);
}

/** What was approved of each wave that needs it, for `status.waves[].approved`. */
export function approvedWaves({ input, plan }: Situation, status: Status): Map<string, Approved> {
  const { rollout, now } = input;
  const found = new Map<string, Approved>();
  let room = MOST_NAMES_OF_ALL;
  for (const wave of plan.waves.filter(({ name }) => needsApproval(rollout, name))) {
    const before = status.waves?.find(({ name }) => name === wave.name)?.approved;
    const approval = approvalOf(rollout, wave);
    const total = wave.scopes.length;
    const names = () => (total > Math.min(MOST_NAMES, room) ? [] : wave.scopes.map(scopeKey));
    const { hash } = wave;
    const fresh = approval && { plan: hash, by: approval.by, at: timestamp(now), total, scopes: names() };
    const approved = fresh && (before?.plan !== hash || before.by !== fresh.by) ? fresh : before;
    if (!approved) continue;
    room -= approved.scopes.length;
    found.set(wave.name, approved);
  }
  return found;
}

/** That a wave was approved, and that an approval no longer counts: each once. */
export function approvalNews({ input, plan }: Situation, status: Status): Transition[] {
  const { rollout } = input;
  return plan.waves.flatMap((wave): Transition[] => {
    if (!needsApproval(rollout, wave.name)) return [];
    const { approved, plan: seen } = status.waves?.find(({ name }) => name === wave.name) ?? {};
    const approval = approvalOf(rollout, wave);
    const about = { wave: wave.name, scopes: wave.scopes.slice(0, MOST_NAMES).map(scopeKey) };
    const size = counted(wave.scopes.length, 'scope');
    if (approval && (approved?.plan !== wave.hash || approved.by !== approval.by))
      return [
        {
          reason: 'WaveApproved',
          message: `wave ${wave.name}: plan ${wave.hash} (${size}) was approved by ${approval.by}`,
          severity: 'Normal',
          ...about,
        },
      ];
    const wasGiven = approved !== undefined && approved.plan === seen;
    if (approval || !wasGiven || seen === wave.hash) return [];
    return [
      {
        reason: 'ApprovalVoid',
        message: `wave ${wave.name}: ${voidText(approved, wave)}`,
        severity: 'Warning',
        ...about,
      },
    ];
  });
}

/** What has changed since an approval. */
export function voidText({ plan, by, scopes, total }: Approved, wave: PlannedWave): string {
  if (plan === wave.hash) return `the approval of ${plan} by ${by} was withdrawn`;
  const head = `the approval of ${plan} by ${by} no longer counts`;
  if (scopes.length < total)
    return `${head}: it was of ${counted(total, 'scope')}, the wave has ${wave.scopes.length} now`;
  const now = new Set(wave.scopes.map(scopeKey));
  const joined = [...now].filter(key => !scopes.includes(key));
  const left = scopes.filter(key => !now.has(key));
  const changes = [
    ...(joined.length > 0 ? [`${listed(joined)} joined`] : []),
    ...(left.length > 0 ? [`${listed(left)} left`] : []),
  ];
  const other = 'the order, the pace, exceptions, or what is written for the same scopes changed';
  return `${head}: ${changes.length > 0 ? changes.join(', ') : other}`;
}
