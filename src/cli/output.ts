/** Reports as text, JSON or YAML. */
import { dump } from 'js-yaml';
import type { Call } from './arguments.ts';
import type { Surroundings } from './command.ts';

/** One report where a rollout was asked for by name, else a list of them. */
export function showReports<T>(
  { format, name }: Call,
  reports: readonly T[],
  lines: (report: T) => string[],
  { print }: Surroundings,
): void {
  if (format === 'json' || format === 'yaml') print(show(name === undefined ? itemsOf(reports) : reports[0], format));
  else print(reports.map(report => lines(report).join('\n') + '\n').join('\n'));
}

export function itemsOf<T>(items: readonly T[]): { items: readonly T[] } {
  return { items };
}

export function show(value: unknown, format: string): string {
  return format === 'yaml' ? dump(value, { lineWidth: 120, noRefs: true }) : `${JSON.stringify(value, null, 2)}\n`;
}
