/** Every kind of port in every mode: what a probe said of it, what clients got there, and whether that agrees. */
import { MODES, type Mode } from '../../../src/istio/objects.ts';
import { type Got, PORT_KINDS, type PortKind } from './portKinds.ts';
import { figure } from './suite.ts';

/** A pod with a port of every kind, and the modes of these. */
export interface Row {
  title: string;
  namespace: string;
  mode: Mode;
  /** Every other port has this one. */
  other?: { mode: Mode; odd: boolean };
  meshed: boolean;
}

/** One kind of port in one mode. */
export interface Cell {
  row: Row;
  kind: PortKind;
  mode: Mode;
  /** `VERDICT ROUND` → how often. */
  says: Map<string, number>;
  stranger: Map<Got, number>;
  member: Map<Got, number>;
}

export const ROWS: readonly Row[] = [
  { title: 'no policy', namespace: 'unset', mode: 'PERMISSIVE', meshed: true },
  ...MODES.map(mode => ({ title: mode, namespace: mode.toLowerCase(), mode, meshed: true })),
  ...mixed('STRICT', 'PERMISSIVE'),
  ...mixed('PERMISSIVE', 'STRICT'),
  ...mixed('STRICT', 'DISABLE'),
  { title: 'no sidecar', namespace: 'bare', mode: 'DISABLE', meshed: false },
];

/** Two pods, so that each kind of port is once the rule and once the exception. */
function mixed(mode: Mode, other: Mode): Row[] {
  return [true, false].map(odd => ({
    title: `${mode}, ${odd ? '2nd, 4th, …' : '1st, 3rd, …'} ${other}`,
    namespace: `${mode}-${other}-${odd ? 'odd' : 'even'}`.toLowerCase(),
    mode,
    other: { mode: other, odd },
    meshed: true,
  }));
}

/** Modes of single ports, by number. */
export function exceptions({ other }: Row): Record<string, { mode: Mode }> | undefined {
  if (other === undefined) return undefined;
  const ports = PORT_KINDS.filter((_, index) => (index % 2 === 1) === other.odd);
  return Object.fromEntries(ports.map(({ port }) => [port, { mode: other.mode }]));
}

export function cellsOf(row: Row): Cell[] {
  const other = exceptions(row);
  return PORT_KINDS.map(kind => {
    const mode = other?.[kind.port]?.mode ?? row.mode;
    return { row, kind, mode, says: new Map(), stranger: new Map(), member: new Map() };
  });
}

export function count<K>(counts: Map<K, number>, what: K): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** What does not agree in a cell. Where nobody listens clients get nothing, and the mode alone is the truth. */
export function falseAnswers(cell: Cell): string[] {
  const { row, kind, mode, says, stranger, member } = cell;
  const where = `${row.title}, ${kind.name}`;
  const strict = mode === 'STRICT';
  const wrong = strict ? 'Unhealthy' : 'Healthy';
  const found = [...says]
    .filter(([said]) => said.startsWith(wrong) || (said.startsWith('NoData') && !mayBeUnsure(cell, said)))
    .map(([said, times]) => `${where}: ${said}, ${times} times`);
  if (kind.serves === undefined) return found;
  const expected = strict ? 'refused' : 'served';
  // a member that calls the address of a pod, and not that of a Service, speaks plaintext
  const expectedOfMember = kind.declared === undefined ? 'served' : expected;
  const unexpected = (who: string, got: Map<Got, number>, only: Got) =>
    [...got].flatMap(([what, times]) => (what === only ? [] : [`${where}: ${who} was ${what}, ${times} times`]));
  return [
    ...found,
    ...unexpected('a stranger', stranger, expected),
    ...unexpected('a member', member, expectedOfMember),
  ];
}

/** Only resets come from where nobody listens, and from an HTTP port that is PERMISSIVE. */
function mayBeUnsure({ kind, mode }: Cell, said: string): boolean {
  return kind.serves === undefined || (kind.name === 'http-web' && mode === 'PERMISSIVE' && said.endsWith('Soak'));
}

export function noData(cells: readonly Cell[]): number {
  const all = cells.flatMap(({ says }) => [...says]).filter(([said]) => said.startsWith('NoData'));
  return all.reduce((sum, [, times]) => sum + times, 0);
}

export function printTable(cells: readonly Cell[]): void {
  const width = Math.max(...PORT_KINDS.map(({ name }) => name.length)) + 1;
  const line = (title: string, rest: readonly string[]) =>
    `\n      ${title.padEnd(32)}${rest.map(text => text.padEnd(width)).join('')}`;
  const lines = ROWS.map(row =>
    line(
      row.title,
      cells.filter(cell => cell.row === row).map(cell => `${gotOf(cell)} ${saidOf(cell)}`),
    ),
  );
  const legend =
    'a stranger is served (+) or not (x); the probe says Healthy (H), Unhealthy (U), NoData (N), or U while STRICT spreads and N when soaking (U/N)';
  figure(
    legend,
    `${line(
      '',
      PORT_KINDS.map(({ name }) => name),
    )}${lines.join('')}`,
  );
}

function gotOf({ stranger }: Cell): string {
  return [...stranger.keys()].map(got => (got === 'served' ? '+' : 'x')).join('');
}

function saidOf({ says }: Cell): string {
  const letters = (round: string) => {
    const verdicts = [...says.keys()].filter(said => said.endsWith(round));
    return verdicts
      .map(verdict => verdict.charAt(0))
      .sort()
      .join('');
  };
  const [spreading, soaking] = [letters('Enforcement'), letters('Soak')];
  return spreading === soaking ? spreading : `${spreading}/${soaking}`;
}
