/** The status of a rollout as text. Times are UTC. */
import type { Status } from '../api/status.ts';
import { counted, listed } from '../rollout/text.ts';
import { hazardLines } from './hazardView.ts';
import { age, moment } from './moments.ts';
import type { StatusReport } from './statusReport.ts';
import { fields, table, type Width } from './table.ts';

/** Cells in the middle of a table are cut here; json and yaml have the whole. */
const LONGEST_VALUE = 32;

/** @param now milliseconds since the epoch */
export function statusLines(report: StatusReport, now: number, width: Width): string[] {
  const { namespace, name, status } = report;
  const sections = [
    [`MtlsRollout ${namespace}/${name}`],
    fields(summaryOf(report, now), width),
    waveTable(status, now, width),
    probeTable(status, now, width),
    status.hazards?.length ? hazardLines(status.hazards, width) : [],
    conditionTable(status, now, width),
    historyTable(status, now, width),
  ];
  return sections.filter(lines => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

function summaryOf(report: StatusReport, now: number) {
  const { status, mode, suspend, outdated, deletedAt } = report;
  const { phase, step, strict, summary, plan, message, rollback } = status;
  return [
    ['Phase', phase ?? 'Unknown'],
    ['Mode', `${mode}${suspend ? ', suspended' : ''}`],
    ['Step', step && stepText(step, now)],
    ['Scopes', step && listed(step.scopes, 10)],
    ['Strict', strict && `${strict.done} of ${counted(strict.total, 'scope')}`],
    ['Waiting on', summary?.waitingOn],
    ['Plan', plan],
    ['Message', message],
    ['Rollback', rollback && rollbackText(rollback, now)],
    ['Deleted', deletedAt && `since ${moment(deletedAt, now)}`],
    ['Note', outdated],
  ] as const;
}

function stepText(
  { index, of, wave, stage, since, healthyRounds, failures }: NonNullable<Status['step']>,
  now: number,
) {
  const rounds = [
    ...(healthyRounds > 0 ? [`${healthyRounds} healthy in a row`] : []),
    ...(failures > 0 ? [`${failures} unhealthy`] : []),
  ];
  const place = `${index} of ${of}, wave ${wave}, ${stage} since ${moment(since, now)}`;
  return rounds.length > 0 ? `${place}; rounds: ${rounds.join(', ')}` : place;
}

function rollbackText(
  { reason, extent, at, finishedAt, attempt, retryAt, restored, total }: NonNullable<Status['rollback']>,
  now: number,
) {
  const end = finishedAt === undefined ? 'under way' : `finished ${moment(finishedAt, now)}`;
  const far = total === undefined ? '' : `, ${restored ?? 0} of ${total} policies restored`;
  const again = retryAt === undefined ? '' : `, next try ${moment(retryAt, now)}`;
  return `${moment(at, now)}, extent ${extent}, attempt ${attempt}, ${end}${far}${again}: ${reason}`;
}

function waveTable({ waves = [] }: Status, now: number, width: Width): string[] {
  if (waves.length === 0) return [];
  const rows = waves.map(({ name, phase, done, total, plan, startedAt, finishedAt }) => [
    name,
    phase,
    `${done}/${total}`,
    plan,
    moment(startedAt, now),
    moment(finishedAt, now),
  ]);
  return table(['WAVE', 'PHASE', 'DONE', 'PLAN', 'STARTED', 'FINISHED'], rows, width);
}

export function probeTable({ probes = [] }: Pick<Status, 'probes'>, now: number, width: Width): string[] {
  if (probes.length === 0) return [];
  const rows = probes.map(({ name, verdict, value, samples, at, message }) => [
    name,
    verdict,
    (value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE - 1)}…` : value) || '-',
    String(Math.round(samples)),
    age(at, now),
    message,
  ]);
  return table(['PROBE', 'VERDICT', 'VALUE', 'SAMPLES', 'AGE', 'MESSAGE'], rows, width);
}

/** The message stands above already where it is the same. */
function conditionTable({ conditions = [], message: above }: Status, now: number, width: Width): string[] {
  if (conditions.length === 0) return [];
  const rows = conditions.map(({ type, status, reason, lastTransitionTime, message }) => [
    type,
    status,
    reason,
    moment(lastTransitionTime, now),
    message === above ? '' : message,
  ]);
  return table(['CONDITION', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'], rows, width);
}

export function historyTable({ history = [] }: Pick<Status, 'history'>, now: number, width: Width): string[] {
  if (history.length === 0) return [];
  const rows = history.map(({ at, reason, message }) => [moment(at, now), reason, message]);
  return table(['AT (UTC)', 'DECISION', 'MESSAGE'], rows, width);
}
