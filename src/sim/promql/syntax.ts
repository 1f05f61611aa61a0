/** The part of PromQL that the embedded Prometheus understands, as a tree. */

export type MatchOp = '=' | '!=' | '=~' | '!~';

export interface Matcher {
  label: string;
  op: MatchOp;
  value: string;
}

export interface Selector {
  kind: 'selector';
  metric: string;
  matchers: Matcher[];
  /** Length of a range vector; undefined for an instant vector. */
  rangeMs: number | undefined;
  offsetMs: number;
}

export const AGGREGATIONS = ['sum', 'count', 'min', 'max', 'avg'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/** `(…)[45s:15s]`: the values that an expression had at every step of a span. */
export interface Subquery {
  kind: 'subquery';
  of: Expression;
  rangeMs: number;
  stepMs: number;
  offsetMs: number;
}

export const RANGE_FUNCTIONS = [
  'increase',
  'rate',
  'min_over_time',
  'max_over_time',
  'count_over_time',
  'present_over_time',
] as const;
export type RangeFunction = (typeof RANGE_FUNCTIONS)[number];

export type Operator = '+' | '-' | '*' | '/' | '==' | '!=' | '>' | '<' | '>=' | '<=' | 'and' | 'or' | 'unless';

export type Expression =
  | { kind: 'number'; value: number }
  | Selector
  | Subquery
  | { kind: 'range'; name: RangeFunction; of: Selector | Subquery }
  /** `vector(…)`: a number as a vector of one element without labels. */
  | { kind: 'vector'; of: Expression }
  | { kind: 'aggregate'; name: Aggregation; grouping: { by: boolean; labels: string[] }; of: Expression }
  | { kind: 'binary'; op: Operator; left: Expression; right: Expression };

/** The query is wrong, or needs more than is understood here. Prometheus calls the kind `bad_data`. */
export class PromqlError extends Error {
  override readonly name = 'PromqlError';
}
