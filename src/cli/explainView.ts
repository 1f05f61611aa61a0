/** The story of a rollout for somebody who asks why it does not go on. Times are UTC. */
import { counted, listed } from '../rollout/text.ts';
import { hazardLines } from './hazardView.ts';
import { away } from './moments.ts';
import type { StatusReport } from './statusReport.ts';
import { historyTable, probeTable } from './statusView.ts';
import { fields, paragraph, type Width } from './table.ts';

/** Decisions that are shown; `describe` has all that the status holds. */
const NEWEST = 5;

/** @param now milliseconds since the epoch */
export function explainLines(report: StatusReport, now: number, width: Width): string[] {
  const { status, outdated, deletedAt } = report;
  const { message, hazards = [], history = [] } = status;
  const open = hazards.filter(({ severity, accepted }) => severity === 'Block' && !accepted);
  const sections = [
    paragraph(standing(report), width),
    fields(waitingOf(report, now), width),
    message ? paragraph(message, width) : [],
    titled('What the probes saw last:', probeTable(status, now, width)),
    open.length > 0 ? hazardLines(open, width) : [],
    titled('What was decided last:', historyTable({ history: history.slice(-NEWEST) }, now, width)),
    [outdated, deletedAt && `It is being deleted since ${away(deletedAt, now)}.`].flatMap(note =>
      note ? paragraph(`Note: ${note}`, width) : [],
    ),
  ];
  return sections.filter(lines => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

/** Where it stands, in a sentence. */
function standing({ namespace, name, status, suspend }: StatusReport): string {
  const { phase = 'Unknown', step, strict } = status;
  const where = step ? `, in wave ${step.wave}, step ${step.index} of ${step.of} (${listed(step.scopes)})` : '';
  const done = strict
    ? `; ${strict.done} of ${counted(strict.total, 'scope')} ${strict.done === 1 ? 'is' : 'are'} STRICT`
    : '';
  return `MtlsRollout ${namespace}/${name} is ${phase}${suspend && phase !== 'Suspended' ? ' and suspended' : ''}${where}${done}.`;
}

function waitingOf({ status: { waiting, phase } }: StatusReport, now: number) {
  if (!waiting) return [['Waiting for', phase === undefined ? 'the operator' : 'nothing']] as const;
  const { on, since, until, unblock } = waiting;
  return [
    ['Waiting for', on],
    ['Since', away(since, now)],
    ['Until', until === undefined ? 'nobody can say' : away(until, now)],
    ['Unblocked by', unblock],
  ] as const;
}

function titled(title: string, lines: string[]): string[] {
  return lines.length > 0 ? [title, ...lines] : [];
}
