/** What is wrong with a spec, in sentences of the form `spec.path: what it must be`. */
import type { z } from 'zod';

/** More than this many help nobody; the last sentence then says how many are left. */
const MAX_PROBLEMS = 20;

type RawIssue = z.core.$ZodRawIssue;

/** Words for the issues that no schema has words of its own for. */
export function explain(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? `must be given: ${article(issue.expected)}`
        : `must be ${article(issue.expected)}, not ${brief(issue.input)}`;
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.join(', ')}, not ${brief(issue.input)}`;
    case 'unrecognized_keys':
      return `does not know ${issue.keys.map(key => brief(key)).join(', ')}: correct the name or remove it`;
    case 'too_small':
      return size(issue.origin, 'at least', issue.minimum);
    case 'too_big':
      return size(issue.origin, 'at most', issue.maximum);
    case 'invalid_format':
      return `must match ${issue.pattern ?? issue.format}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'invalid_union':
    default:
      return 'is not valid'; // the schemas give these words of their own
  }
}

/** Sentences for the issues of a failed parse of the value at `root`; '' is the object itself. */
export function sentences(root: string, issues: readonly z.core.$ZodIssue[]): string[] {
  const all = issues.map(issue => `${fieldPath(root, issue.path) || 'object'}: ${issue.message}`);
  if (all.length <= MAX_PROBLEMS) return all;
  return [...all.slice(0, MAX_PROBLEMS), `${root}: ${all.length - MAX_PROBLEMS} more problems: correct these first`];
}

/** `spec.strategy.waves[1].maxConcurrent`; a key that is no plain word stands in brackets and quotes. */
export function fieldPath(root: string, path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (text === '') return String(part);
    if (typeof part === 'number') return `${text}[${part}]`;
    return /^\w{1,64}$/.test(String(part)) ? `${text}.${String(part)}` : `${text}[${brief(String(part))}]`;
  }, root);
}

function size(origin: string, limit: string, bound: number | bigint): string {
  if (origin === 'string') return `must have ${limit} ${bound} ${bound === 1 ? 'character' : 'characters'}`;
  if (origin === 'array') return `must have ${limit} ${bound} ${bound === 1 ? 'item' : 'items'}`;
  return `must be ${limit} ${bound}`;
}

function article(type: string): string {
  if (type === 'record') return 'an object';
  if (type === 'int') return 'a whole number';
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

/** A value as a message can quote it: one line, short. */
function brief(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : article(typeof value);
}
