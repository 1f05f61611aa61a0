/** Queries that the operator's configuration gives a name, and how values get into one without changing what it asks. */
import { DURATION_PATTERN } from '../api/duration.ts';
import { OPERATORS_OWN, PLACEHOLDER, placeholdersOf, type StandsFor, wrongQuery } from '../api/queryText.ts';

export const PARAMETER_TYPES = ['Namespace', 'Workload', 'Duration', 'Number', 'Label'] as const;
export type ParameterType = (typeof PARAMETER_TYPES)[number];

export interface NamedQuery {
  name: string;
  /** PromQL with placeholders: `${namespace}`, `${workload}`, `${window}`, and one for each parameter. */
  expr: string;
  parameters: { name: string; type: ParameterType }[];
  /** Namespaces whose rollouts may use it; all unless given. The mesh root namespace always may. */
  namespaces?: string[] | undefined;
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const FORMS: Readonly<Record<ParameterType, { standsFor: StandsFor; form: RegExp; must: string }>> = {
  Namespace: { standsFor: 'Text', form: NAME, must: 'the name of a namespace' },
  Workload: { standsFor: 'Text', form: NAME, must: 'the name of a workload' },
  Duration: { standsFor: 'Duration', form: DURATION_PATTERN, must: 'a duration such as 30s or 5m' },
  Number: { standsFor: 'Number', form: /^-?[0-9]{1,15}(\.[0-9]{1,15})?$/, must: 'a number such as 5 or 0.25' },
  Label: { standsFor: 'Text', form: /^[^\p{Cc}\p{Cs}]{0,253}$/u, must: 'at most 253 printable characters' },
};

/** What is wrong with a query that somebody configured; empty: nothing that shows without Prometheus. */
export function problemsOf({ expr, parameters }: Pick<NamedQuery, 'expr' | 'parameters'>): string[] {
  const declared = parameters.map(({ name }) => name);
  const used = placeholdersOf(expr);
  const wrong = wrongQuery(expr, new Map(parameters.map(({ name, type }) => [name, FORMS[type].standsFor])));
  return [
    ...declared
      .filter((name, i) => declared.indexOf(name) < i || isOwn(name))
      .map(name => `parameter ${name} is there already`),
    ...declared.filter(name => !used.includes(name)).map(name => `parameter ${name} has no place in expr`),
    ...used
      .filter(name => !declared.includes(name) && !isOwn(name))
      .map(name => `\${${name}} in expr is neither a parameter nor one of ${OPERATORS_OWN.join(', ')}`),
    ...parameters
      .filter(({ name, type }) => type === 'Label' && !isWholeString(expr, name))
      .map(
        ({ name }) => `\${${name}} is a Label and must be the whole of a string that is compared: label="\${${name}}"`,
      ),
    ...(wrong === undefined ? [] : [`expr: ${wrong}`]),
  ];
}

/** What fills the placeholders, by name. */
export type Values = ReadonlyMap<string, string>;

/** The values that a rollout gives, checked and written as PromQL wants them; or what is wrong with them. */
export function written(
  { parameters }: Pick<NamedQuery, 'parameters'>,
  given: Readonly<Record<string, string>>,
): { values: Values } | { problem: string } {
  const unknown = Object.keys(given).find(name => !parameters.some(parameter => parameter.name === name));
  if (unknown !== undefined) return { problem: `has no parameter ${unknown}: take it out` };
  const values = new Map<string, string>();
  for (const { name, type } of parameters) {
    const value = Object.hasOwn(given, name) ? given[name]! : undefined;
    if (value === undefined) return { problem: `needs parameter ${name}: give it` };
    if (!FORMS[type].form.test(value)) return { problem: `parameter ${name} must be ${FORMS[type].must}` };
    values.set(name, type === 'Label' ? escaped(value) : value);
  }
  return { values };
}

/** The text with every placeholder that has a value filled, in one pass: what a value holds is no placeholder. */
export function fill(expr: string, values: Values): string {
  return expr.replaceAll(PLACEHOLDER, (whole, name: string) => values.get(name) ?? whole);
}

function isOwn(name: string): boolean {
  return OPERATORS_OWN.some(own => own === name);
}

/** Compared with `=` or `!=`, never as a pattern, and alone between double quotes. */
function isWholeString(expr: string, name: string): boolean {
  const whole = new RegExp(`=\\s*"\\$\\{${name}\\}"`, 'g');
  return expr.split(`\${${name}}`).length - 1 === [...expr.matchAll(whole)].length;
}

/** Within double quotes, by Go's escapes. Control characters are refused before. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}
