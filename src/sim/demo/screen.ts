/** Draws the demo as lines of text: a calm picture of a hundred columns and thirty rows, or one line for an event. */
import type { Verdict } from '../../api/status.ts';
import type { Mode } from '../../istio/objects.ts';
import { cell, type Line, paint, piece, wrap } from './text.ts';
import type { DemoEvent, DemoView, ModeRow, Tone } from './view.ts';

export interface Paper {
  width: number;
  height: number;
  colour: boolean;
}

const MESSAGE_LINES = 3;
const FEWEST_EVENTS = 4;
const TIME_WIDTH = 10;
const WAVE_WIDTH = 12;
const NAMESPACE_WIDTH = 18;
const MODE_WIDTH = 11;

const BARS: Record<Mode, { bar: string; tone: Tone }> = {
  DISABLE: { bar: '■□□', tone: 'Bad' },
  PERMISSIVE: { bar: '■■□', tone: 'Warning' },
  STRICT: { bar: '■■■', tone: 'Good' },
};

const VERDICTS: Record<Verdict, Tone> = { Healthy: 'Good', Unhealthy: 'Bad', NoData: 'Warning', Error: 'Bad' };

const PHASES: Record<string, Tone> = {
  Completed: 'Good',
  RollingBack: 'Bad',
  RolledBack: 'Bad',
  Refused: 'Bad',
  Paused: 'Warning',
};

/** At most `height` lines of at most `width` characters. */
export function screen(view: DemoView, { width, height, colour }: Paper): string[] {
  const head = heading(view, width);
  const probes = probeLines(view);
  const room = height - head.length - probes.length - 2;
  const table = tableLines(view, Math.max(2, room - FEWEST_EVENTS));
  const events = eventLines(view, Math.max(0, room - table.length), width);
  const lines = [...head, ...table, [], ...probes, [], ...events];
  return lines.slice(0, height).map(line => paint(line, width, colour));
}

/** An event as a line of a log. */
export function logLine({ at, text }: DemoEvent): string {
  return paint([piece(`${time(at)}  ${text}`)], Number.POSITIVE_INFINITY, false);
}

function heading(view: DemoView, width: number): Line[] {
  const clock = `${time(view.now)}  ${view.speed}x`;
  const title = cell(view.title, Math.max(0, width - clock.length), 'Plain', true);
  const status = [
    cell(view.phase, 14, PHASES[view.phase] ?? 'Plain', true),
    piece(`step ${view.step || '-'}   STRICT ${view.strict || '-'}`),
  ];
  const message = wrap(view.message, width, MESSAGE_LINES);
  while (message.length < MESSAGE_LINES) message.push('');
  return [[title, piece(clock, 'Quiet')], [], status, ...message.map(text => [piece(text)]), []];
}

/** The table of all waves in at most `most` lines, its head among them. */
function tableLines({ waves }: DemoView, most: number): Line[] {
  const head: Line = [
    cell('WAVE', WAVE_WIDTH, 'Quiet'),
    cell('NAMESPACE', NAMESPACE_WIDTH, 'Quiet'),
    cell('BEFORE', MODE_WIDTH + 6, 'Quiet'),
    cell('NOW', MODE_WIDTH + 4, 'Quiet'),
    piece('CLIENTS', 'Quiet'),
  ];
  const rows = waves.flatMap(({ name, phase, rows: all }) =>
    all.map((row, index) => ({ row, wave: index === 0 ? name : '', done: phase === 'Done' })),
  );
  const fits = rows.length <= most - 1;
  // where not all fit, those that move come first: they are what happens
  const shown = fits ? rows : [...rows].sort((a, b) => Number(b.row.moving) - Number(a.row.moving)).slice(0, most - 2);
  const lines = shown.map(({ row, wave, done }) => modeLine(row, wave, done));
  const more: Line[] = fits ? [] : [[piece(`… and ${rows.length - shown.length} more`, 'Quiet')]];
  return [head, ...lines, ...more];
}

function modeLine(row: ModeRow, wave: string, done: boolean): Line {
  const [before, now] = [BARS[row.before], BARS[row.now]];
  return [
    cell(wave, WAVE_WIDTH, done ? 'Good' : 'Plain'),
    cell(row.namespace, NAMESPACE_WIDTH - 2, 'Plain', row.moving),
    piece(row.moving ? '▸ ' : '  ', 'Warning'),
    piece(`${before.bar} `, 'Quiet'),
    cell(row.before, MODE_WIDTH, 'Quiet'),
    piece('→ ', 'Quiet'),
    piece(`${now.bar} `, now.tone),
    cell(row.now, MODE_WIDTH, now.tone),
    piece(row.note, row.tone),
  ];
}

function probeLines({ probes }: DemoView): Line[] {
  return probes.map(({ name, verdict, value, message }) => [
    cell(name, 16),
    cell(verdict, 11, VERDICTS[verdict]),
    cell(value, 22),
    piece(message, verdict === 'Healthy' ? 'Quiet' : 'Plain'),
  ]);
}

/** The newest events that fit, oldest first; a long sentence takes two lines. */
function eventLines({ events }: DemoView, most: number, width: number): Line[] {
  const lines: Line[] = [];
  for (const { at, tone, text } of events.toReversed()) {
    const [first = '', ...more] = wrap(text, width - TIME_WIDTH, 2);
    const rest = more.map((line): Line => [piece(' '.repeat(TIME_WIDTH)), piece(line, tone)]);
    if (lines.length + 1 + rest.length > most) break;
    lines.unshift([piece(`${time(at)}  `, 'Quiet'), piece(first, tone)], ...rest);
  }
  return lines;
}

/** Time of day, UTC. */
function time(at: number): string {
  return new Date(at).toISOString().slice(11, 19);
}
