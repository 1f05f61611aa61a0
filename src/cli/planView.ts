/** A plan as text. */
import { counted } from '../rollout/text.ts';
import { hazardLines } from './hazardView.ts';
import { diffLines } from './objectDiff.ts';
import type { PlannedScope, PlannedWrite, PlannedWaveReport, PlanReport } from './planReport.ts';
import { fields, noteLines, paragraph, table, type Width } from './table.ts';

/** @param diff whether the objects that change are shown too */
export function planLines(report: PlanReport, diff: boolean, width: Width): string[] {
  const { namespace, name, obstacle, hazards, restores, notes } = report;
  const title = [`MtlsRollout ${namespace}/${name}`, ''];
  if (obstacle) {
    const refused = fields([['Refused', `${obstacle.reason}: ${obstacle.message}`]], width);
    return [...title, ...refused, '', 'Nothing is planned until this is resolved.', ...noteLines(notes, width)];
  }
  return [
    ...title,
    ...fields(summaryOf(report), width),
    ...report.waves.flatMap(wave => ['', ...waveLines(wave, report, width), ...(diff ? changeLines(wave) : [])]),
    ...(restores ? ['', ...restoreLines(restores, diff, width)] : []),
    '',
    ...hazardLines(hazards, width),
    ...noteLines(notes, width),
  ];
}

function summaryOf({ mode, suspend, plan, steps = 0, strict, waves, rootNamespace }: PlanReport) {
  const { done, total } = strict ?? { done: 0, total: 0 };
  return [
    ['Mode', `${mode}${suspend ? ', suspended' : ''}`],
    ['Plan', `${plan}: ${counted(total, 'scope')} in ${counted(waves.length, 'wave')} and ${counted(steps, 'step')}`],
    ['Strict', `${done} of ${counted(total, 'scope')}`],
    ['Mesh root', rootNamespace],
  ] as const;
}

function waveLines({ name, plan, maxConcurrent, soak, scopes }: PlannedWaveReport, { mode }: PlanReport, width: Width) {
  const pace = `${maxConcurrent} at a time, soak ${soak}`;
  const title = `Wave ${name}: ${counted(scopes.length, 'scope')}, ${pace}, plan ${plan}`;
  if (scopes.length === 0) return [title];
  const head = ['STEP', 'SCOPE', 'NOW', 'DECIDED BY', 'WRITES'];
  const rows = scopes.map(scope => [
    stepOf(scope, mode === 'Revert'),
    scope.scope,
    `${scope.mode}${scope.drifted ? ' (drifted)' : ''}`,
    scope.decidedBy ?? "Istio's default",
    writesOf(scope),
  ]);
  return [title, ...table(head, rows, width)];
}

function changeLines({ scopes }: PlannedWaveReport): string[] {
  return scopes.flatMap(({ changes }) => changes.flatMap(change => ['', ...diffLines(change)]));
}

function stepOf({ step }: PlannedScope, reverting: boolean): string {
  if (step !== undefined) return String(step);
  return reverting ? '-' : 'done';
}

/** `create mtls-rollout as PERMISSIVE, then patch to STRICT`. What a step writes is in the namespace of its scope. */
function writesOf({ writes }: PlannedScope): string {
  if (writes.length === 0) return '-';
  const nameAt = (index: number) => writes[index]?.object.replace(/^.*\//, '') ?? '';
  const said = writes.map((write, index) => {
    const isSame = index > 0 && nameAt(index) === nameAt(index - 1);
    return isSame ? `${write.verb} to ${write.mode}` : oneWrite(write, nameAt(index));
  });
  return said.join(', then ');
}

function oneWrite({ verb, mode }: PlannedWrite, name: string): string {
  if (verb === 'create') return `create ${name} ${mode ? `as ${mode}` : 'in dry run'}`;
  return verb === 'patch' ? `patch ${name} to ${mode ?? 'its original'}` : `delete ${name}`;
}

function restoreLines(restores: NonNullable<PlanReport['restores']>, diff: boolean, width: Width): string[] {
  if (restores.length === 0) return ['To restore: nothing, every policy is as it was before the rollout'];
  const lines = restores.flatMap(write => paragraph(oneWrite(write, write.object), width, '  '));
  const changes = diff ? restores.flatMap(({ change }) => ['', ...diffLines(change)]) : [];
  return [`To restore: ${counted(restores.length, 'policy', 'policies')}`, ...lines, ...changes];
}
