/** A rule that two judges apply: the API server as CEL, and this program for objects that never met an API server. */
import type { z } from 'zod';

export interface Rule<T> {
  /** What the API server evaluates; every list, string and map it walks needs a bound. None: too costly for CEL. */
  cel?: string;
  /** The same in TypeScript. */
  holds: (value: T) => boolean;
  /** What the value must be, and with it what to do; it follows the path of the field. */
  message: string;
}

/** The schema with the rules attached: checked by `parse`, and carried into the CRD as `x-kubernetes-validations`. */
export function ruled<S extends z.ZodType>(schema: S, ...rules: Rule<z.output<S>>[]): S {
  const checked = schema.superRefine((value, context) => {
    for (const { holds, message } of rules) {
      if (!holds(value)) context.addIssue({ code: 'custom', message });
    }
  });
  const validations = rules.flatMap(({ cel, message }) => (cel === undefined ? [] : [{ rule: cel, message }]));
  return validations.length === 0 ? checked : checked.meta({ 'x-kubernetes-validations': validations });
}

/**
 * A list whose items go by their names and have no order. The API server compares keys of its own accord; the same in
 * CEL takes it a second for 256 items, at every write of the status too.
 */
export function keyedByName<S extends z.ZodType<{ name: string }[]>>(list: S, what: string): S {
  const { holds, message } = uniqueNames(what);
  return ruled<z.ZodType<{ name: string }[]>>(list, { holds, message }).meta({
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
  }) as S;
}

/** Items of a short list, in which the order means something, have different names. */
export function uniqueNames(what: string): Rule<{ name: string }[]> {
  return {
    cel: 'self.all(a, self.exists_one(b, b.name == a.name))',
    holds: list => new Set(list.map(item => item.name)).size === list.length,
    message: `names of ${what} must be unique: rename one of those that share a name`,
  };
}

/** An object has exactly one of the members. */
export function exactlyOne<K extends string>(members: readonly K[], advice: string): Rule<{ [key in K]?: unknown }> {
  return {
    cel: `[${members.map(member => `has(self.${member})`).join(', ')}].filter(given, given).size() == 1`,
    holds: value => members.filter(member => value[member] !== undefined).length === 1,
    message: `${advice}: exactly one of ${members.join(', ')}`,
  };
}
