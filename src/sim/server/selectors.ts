/** Label and field selectors of a list or watch. */
import { badRequest } from './failure.ts';
import type { Resource } from './resource.ts';
import { type KubeObject, textOf, valueAt } from './value.ts';

export type Matcher = (object: KubeObject) => boolean;

const everything: Matcher = () => true;

/** `a=b,c!=d,e in (f,g),h notin (i),j,!k` */
export function labelMatcher(selector: string | undefined): Matcher {
  if (!selector?.trim()) return everything;
  const rules = splitOutside(selector).map(labelRule);
  return object => rules.every(rule => rule(object.metadata.labels ?? {}));
}

type LabelRule = (labels: Readonly<Record<string, string>>) => boolean;

function labelRule(text: string): LabelRule {
  const requirement = text.trim();
  const set = /^([\w./-]+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(requirement);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map(value => value.trim()));
    return operator === 'in'
      ? labels => Object.hasOwn(labels, key) && values.has(labels[key]!)
      : labels => !Object.hasOwn(labels, key) || !values.has(labels[key]!);
  }
  const equality = /^([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)$/.exec(requirement);
  if (equality) {
    const [, key = '', operator, value] = equality;
    return operator === '!='
      ? labels => !Object.hasOwn(labels, key) || labels[key] !== value
      : labels => Object.hasOwn(labels, key) && labels[key] === value;
  }
  const existence = /^(!?)\s*([\w./-]+)$/.exec(requirement);
  if (existence) {
    const [, not, key = ''] = existence;
    return labels => Object.hasOwn(labels, key) === (not === '');
  }
  const found = /^[\w./-]+\s+(\S+)/.exec(requirement)?.[1] ?? requirement;
  throw badRequest(`unable to parse requirement: found '${found}', expected: in, notin, =, ==, !=, gt, lt`);
}

/** Splits at commas that are not inside parentheses. */
function splitOutside(selector: string): string[] {
  return selector.split(/,(?![^(]*\))/);
}

/** `metadata.name=x,status.phase!=Running`; only the fields that the resource offers. */
export function fieldMatcher(resource: Resource, selector: string | undefined): Matcher {
  if (!selector?.trim()) return everything;
  const rules = selector.split(',').map(text => fieldRule(resource, text.trim()));
  return object => rules.every(rule => rule(object));
}

function fieldRule(resource: Resource, text: string): Matcher {
  const [, field = '', operator, value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(text) ?? [];
  if (!operator)
    throw badRequest(`invalid field selector: ${JSON.stringify(text)}; can't understand ${JSON.stringify(text)}`);
  const known = ['metadata.name', 'metadata.namespace', ...resource.selectableFields];
  if (!known.includes(field)) throw badRequest(`field label not supported: ${field}`);
  const path = field.split('.');
  return object => (textOf(valueAt(object, path)) === value) === (operator !== '!=');
}

/** The name when the selector asks for exactly one, so that a list need not look at the others. */
export function singleName(selector: string | undefined): string | undefined {
  return /^metadata\.name==?([^,=!]+)$/.exec(selector?.trim() ?? '')?.[1];
}
