/** Figures as calm, aligned lines, and the few statistics behind them. */

export interface Figure {
  name: string;
  /** With its unit. */
  value: string;
  /** What to know to read it right. */
  remark?: string;
}

const VALUE = 24;

/** A heading and its figures, names and remarks below each other. */
export function page(title: string, figures: readonly Figure[]): string {
  const width = Math.max(...figures.map(({ name }) => name.length));
  const lines = figures.map(({ name, value, remark = '' }) =>
    `  ${name.padEnd(width)}  ${value.padStart(VALUE)}  ${remark}`.trimEnd(),
  );
  return `${[title, ...lines].join('\n')}\n`;
}

/** Middle of the values in order; the upper one of two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (middle === undefined) throw new RangeError('no values, no median');
  return middle;
}

/** `1.24 (1.20 to 1.31)`: median, smallest and largest. */
export function spread(values: readonly number[], digits: number): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${least.toFixed(digits)} to ${most.toFixed(digits)})`;
}

/** `1,234,567`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
