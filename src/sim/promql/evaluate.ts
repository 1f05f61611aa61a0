/** Answers a PromQL tree from the counters of the simulated mesh. Increases are exact: nothing is extrapolated. */
import type { Series } from '../../probes/probe.ts';
import { alive, increaseOf, labelKey, type SeriesStore, type StoredSeries, valueOf } from '../mesh/series.ts';
import {
  type Aggregation,
  type Expression,
  type Matcher,
  type Operator,
  PromqlError,
  type RangeFunction,
  type Selector,
  type Subquery,
} from './syntax.ts';

export type Value = { kind: 'scalar'; value: number } | { kind: 'vector'; series: Series[] };

/** An instant vector looks this far back for a series that is gone. */
const LOOKBACK_MS = 5 * 60_000;

/** @param time milliseconds since the epoch */
export function evaluate(expression: Expression, store: SeriesStore, time: number): Value {
  const inner = (each: Expression) => evaluate(each, store, time);
  switch (expression.kind) {
    case 'number':
      return { kind: 'scalar', value: expression.value };
    case 'subquery':
      throw new PromqlError('invalid expression type "range vector" for an instant query');
    case 'selector':
      if (expression.rangeMs !== undefined)
        throw new PromqlError('invalid expression type "range vector" for an instant query');
      return vector(instant(expression, store, time));
    case 'range':
      return vector(overRange(expression.name, expression.of, store, time));
    case 'vector': {
      const value = inner(expression.of);
      if (value.kind !== 'scalar') throw new PromqlError('expected type scalar in call to function "vector"');
      return vector([{ labels: {}, value: value.value }]);
    }
    case 'aggregate': {
      const value = inner(expression.of);
      if (value.kind !== 'vector')
        throw new PromqlError(`expected type instant vector in aggregation ${expression.name}`);
      return vector(aggregate(expression.name, expression.grouping, value.series));
    }
    case 'binary':
      break;
  }
  return binary(expression.op, inner(expression.left), inner(expression.right));
}

function instant(selector: Selector, store: SeriesStore, time: number): Series[] {
  const at = time - selector.offsetMs;
  return matching(selector, store)
    .filter(series => alive(series, at - LOOKBACK_MS, at))
    .map(series => ({ labels: { __name__: series.metric, ...series.labels }, value: valueOf(series, at) }));
}

function overRange(name: RangeFunction, of: Selector | Subquery, store: SeriesStore, time: number): Series[] {
  const to = time - of.offsetMs;
  if (of.kind === 'subquery') return overSteps(name, of, store, to);
  const from = to - of.rangeMs!;
  return matching(of, store)
    .filter(series => alive(series, from, to))
    .map(series => ({ labels: { ...series.labels }, value: rangeValue(name, series, from, to) }));
}

function rangeValue(name: RangeFunction, series: StoredSeries, from: number, to: number): number {
  switch (name) {
    case 'increase':
      return increaseOf(series, from, to);
    case 'rate':
      return increaseOf(series, from, to) / ((to - from) / 1000);
    case 'min_over_time':
      // Counters only grow, and one that is born in the span begins at nothing.
      return valueOf(series, from);
    case 'max_over_time':
      return valueOf(series, to);
    case 'count_over_time':
      // as if read ten times a second, without a gap
      return Math.floor((to - from) / 100);
    case 'present_over_time':
      break;
  }
  return 1;
}

/** Steps lie on multiples of their length, as in Prometheus, whatever the time of the query. */
function overSteps(name: RangeFunction, { of, rangeMs, stepMs }: Subquery, store: SeriesStore, to: number): Series[] {
  const found = new Map<string, Series>();
  for (let at = (Math.floor((to - rangeMs) / stepMs) + 1) * stepMs; at <= to; at += stepMs) {
    const value = evaluate(of, store, at);
    const elements = value.kind === 'vector' ? value.series : [{ labels: {}, value: value.value }];
    for (const element of elements) {
      const labels = withoutName(element.labels);
      const known = found.get(labelKey(labels));
      const values = known === undefined ? [element.value] : [known.value, element.value];
      found.set(labelKey(labels), { labels, value: STEP_FOLDS[name](values) });
    }
  }
  return [...found.values()];
}

function matching({ metric, matchers }: Selector, store: SeriesStore): StoredSeries[] {
  const tests = matchers.map(testOf);
  return [...store.of(metric)].filter(({ labels }) => tests.every(test => test(labels)));
}

/** A label that is not there equals the empty string, as in Prometheus; patterns match the whole value. */
function testOf({ label, op, value }: Matcher): (labels: Readonly<Record<string, string>>) => boolean {
  if (op === '=') return labels => (labels[label] ?? '') === value;
  if (op === '!=') return labels => (labels[label] ?? '') !== value;
  const pattern = patternOf(value);
  return labels => pattern.test(labels[label] ?? '') === (op === '=~');
}

function patternOf(value: string): RegExp {
  try {
    return new RegExp(`^(?:${value})$`, 's');
  } catch {
    throw new PromqlError(`parse error: error parsing regexp: ${JSON.stringify(value)}`);
  }
}

const FOLDS: Record<Aggregation, (values: number[]) => number> = {
  sum: values => values.reduce((sum, value) => sum + value, 0),
  count: values => values.length,
  min: values => values.reduce((least, value) => Math.min(least, value)),
  max: values => values.reduce((most, value) => Math.max(most, value)),
  avg: values => values.reduce((sum, value) => sum + value, 0) / values.length,
};

const STEP_FOLDS: Record<RangeFunction, (values: number[]) => number> = {
  min_over_time: FOLDS.min,
  max_over_time: FOLDS.max,
  count_over_time: FOLDS.count,
  present_over_time: () => 1,
  // the parser lets neither of these through
  increase: () => Number.NaN,
  rate: () => Number.NaN,
};

function aggregate(name: Aggregation, { by, labels }: { by: boolean; labels: string[] }, series: Series[]): Series[] {
  const groups = new Map<string, { labels: Record<string, string>; values: number[] }>();
  for (const each of series) {
    const kept = Object.entries(each.labels).filter(
      ([label, value]) => labels.includes(label) === by && label !== '__name__' && value !== '',
    );
    const key = labelKey(Object.fromEntries(kept));
    const group = groups.get(key) ?? { labels: Object.fromEntries(kept), values: [] };
    groups.set(key, group);
    group.values.push(each.value);
  }
  return [...groups.values()].map(group => ({ labels: group.labels, value: FOLDS[name](group.values) }));
}

function binary(op: Operator, left: Value, right: Value): Value {
  if (op === 'and' || op === 'or' || op === 'unless') return vector(setOperation(op, left, right));
  const { compares, apply } = OPERATIONS[op];
  if (left.kind === 'scalar' && right.kind === 'scalar') {
    if (compares) throw new PromqlError('comparisons between scalars must use BOOL modifier');
    return { kind: 'scalar', value: apply(left.value, right.value) };
  }
  const pairs = matched(left, right);
  if (!compares) {
    return vector(pairs.map(({ labels, a, b }) => ({ labels: withoutName(labels), value: apply(a, b) })));
  }
  // A comparison lets elements of the vector through as they are.
  return vector(
    pairs
      .filter(({ a, b }) => apply(a, b) !== 0)
      .map(({ labels, a, b }) => ({ labels, value: left.kind === 'scalar' ? b : a })),
  );
}

/** Elements that go together: one with the number beside it, or one with the other of equal labels. */
function matched(left: Value, right: Value): { labels: Record<string, string>; a: number; b: number }[] {
  if (left.kind === 'vector' && right.kind === 'vector') {
    const others = new Map(right.series.map(series => [labelKey(withoutName(series.labels)), series.value]));
    return left.series.flatMap(({ labels, value }) => {
      const other = others.get(labelKey(withoutName(labels)));
      return other === undefined ? [] : [{ labels, a: value, b: other }];
    });
  }
  if (left.kind === 'vector') {
    const b = right.kind === 'scalar' ? right.value : Number.NaN;
    return left.series.map(({ labels, value }) => ({ labels, a: value, b }));
  }
  return right.kind === 'vector' ? right.series.map(({ labels, value }) => ({ labels, a: left.value, b: value })) : [];
}

const OPERATIONS: Record<
  Exclude<Operator, 'and' | 'or' | 'unless'>,
  { compares: boolean; apply: (a: number, b: number) => number }
> = {
  '+': { compares: false, apply: (a, b) => a + b },
  '-': { compares: false, apply: (a, b) => a - b },
  '*': { compares: false, apply: (a, b) => a * b },
  '/': { compares: false, apply: (a, b) => a / b },
  '==': { compares: true, apply: (a, b) => Number(a === b) },
  '!=': { compares: true, apply: (a, b) => Number(a !== b) },
  '>': { compares: true, apply: (a, b) => Number(a > b) },
  '<': { compares: true, apply: (a, b) => Number(a < b) },
  '>=': { compares: true, apply: (a, b) => Number(a >= b) },
  '<=': { compares: true, apply: (a, b) => Number(a <= b) },
};

function setOperation(op: 'and' | 'or' | 'unless', left: Value, right: Value): Series[] {
  if (left.kind !== 'vector' || right.kind !== 'vector') {
    throw new PromqlError(`set operator "${op}" not allowed in binary scalar expression`);
  }
  const key = ({ labels }: Series) => labelKey(withoutName(labels));
  const [ours, theirs] = [new Set(left.series.map(key)), new Set(right.series.map(key))];
  if (op === 'or') return [...left.series, ...right.series.filter(series => !ours.has(key(series)))];
  return left.series.filter(series => theirs.has(key(series)) === (op === 'and'));
}

function vector(series: Series[]): Value {
  return { kind: 'vector', series };
}

function withoutName(labels: Record<string, string>): Record<string, string> {
  const { __name__: _, ...rest } = labels;
  return rest;
}
