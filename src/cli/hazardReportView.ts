/** The findings of a rollout as text: a table, and below each row what happens, what to do, and what to paste. */
import { dump } from 'js-yaml';
import type { FoundHazard } from '../istio/hazards/catalogue.ts';
import { counted } from '../rollout/text.ts';
import { exceptionFor, freeName } from './exception.ts';
import type { HazardReport } from './hazardReport.ts';
import { numbersOf, wordFor } from './hazardView.ts';
import { fields, noteLines, paragraph, table, type Width } from './table.ts';

const INDENT = '    ';

/** @param now milliseconds since the epoch */
export function hazardReportLines(report: HazardReport, now: number, width: Width): string[] {
  const { namespace, name, obstacle, hazards, notes, scopes } = report;
  const title = [`MtlsRollout ${namespace}/${name}`, ''];
  if (obstacle) {
    const refused = fields([['Refused', `${obstacle.reason}: ${obstacle.message}`]], width);
    return [...title, ...refused, '', 'Nothing is looked for until this is resolved.', ...noteLines(notes, width)];
  }
  const summary = `${numbersOf(hazards)} in ${counted(scopes.length, 'scope')}`;
  return [
    ...title,
    ...fields([['Hazards', summary]], width),
    ...(hazards.length > 0 ? ['', ...findingLines(report, now, width)] : []),
    ...noteLines(notes, width),
  ];
}

function findingLines(report: HazardReport, now: number, width: Width): string[] {
  const { hazards } = report;
  const cells = hazards.map(hazard => [wordFor(hazard), hazard.code, hazard.scope ?? '-']);
  const withObjects = hazards.map(({ object }, index) => [...(cells[index] ?? []), object]);
  const whole = table([...HEAD, 'OBJECT'], withObjects, undefined);
  const fits = width === undefined || whole.every(line => line.length <= width);
  const [head = '', ...lines] = fits ? whole : table(HEAD, cells, undefined);
  const shown = new Map<string, string>();
  return [
    head,
    ...hazards.flatMap((hazard, index) => [
      lines[index] ?? '',
      ...paragraph(fits ? hazard.message : withObject(hazard), width, INDENT),
      ...(hazard.accepted ? [] : paragraph(hazard.fix ? `to do: ${hazard.fix}` : '', width, INDENT)),
      ...(hazard.accepted ? [] : exceptionLines(report, hazard, now, shown)),
    ]),
  ];
}

const HEAD = ['SEVERITY', 'CODE', 'SCOPE'];

/** Where the object has no column. */
function withObject({ object, message }: FoundHazard): string {
  return message.includes(object) ? message : `${object}: ${message}`;
}

/** One exception may take several findings away, and is shown once. @param shown names of those shown, by content */
function exceptionLines(report: HazardReport, hazard: FoundHazard, now: number, shown: Map<string, string>): string[] {
  const entry = exceptionFor(hazard, report, now);
  if (!entry) return [];
  const key = JSON.stringify([hazard.exception?.namespace, entry.selector, entry.ports]);
  if (shown.has(key)) return [`${INDENT}the exception that is proposed above takes this away too`];
  const name = freeName(entry.name, [...shown.values()]);
  shown.set(key, name);
  const text = dump([{ ...entry, name }], { lineWidth: -1, noRefs: true }).trimEnd();
  return [`${INDENT}for spec.exceptions:`, ...text.split('\n').map(line => `${INDENT}  ${line}`)];
}
