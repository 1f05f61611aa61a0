/** The part of Kubernetes' JSONPath that printer columns use: members, indexes, `[*]` and simple filters. */
import { isObject } from './value.ts';

type Step = (values: unknown[]) => unknown[];

/** All values at the path, in order. Throws SyntaxError for a path that is not understood. */
export function find(value: unknown, path: string): unknown[] {
  return parse(path).reduce((values, step) => step(values), [value]);
}

function parse(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path
    .trim()
    .replace(/^\{(.*)\}$/s, '$1')
    .replace(/^\$/, '');
  while (rest !== '') {
    const token = TOKENS.find(({ pattern }) => pattern.test(rest));
    const match = token?.pattern.exec(rest);
    if (!token || !match)
      throw new SyntaxError(`cannot read JSONPath ${JSON.stringify(path)} at ${JSON.stringify(rest)}`);
    steps.push(token.step(match));
    rest = rest.slice(match[0].length);
  }
  return steps;
}

const TOKENS: { pattern: RegExp; step(match: RegExpExecArray): Step }[] = [
  { pattern: /^\.?\[\*\]|^\.\*/, step: () => values => values.flatMap(membersOf) },
  {
    pattern: /^\.?\[(-?[0-9]+)\]/,
    step:
      ([, index]) =>
      values =>
        values.flatMap(value => itemAt(value, Number(index))),
  },
  {
    pattern: /^\.?\['([^']*)'\]/,
    step:
      ([, name = '']) =>
      values =>
        values.flatMap(value => memberOf(value, name)),
  },
  {
    pattern: /^\.?\[\?\(\s*@\.([\w.\-/]+)\s*(==|!=)\s*("[^"]*"|'[^']*'|[\w.-]+)\s*\)\]/,
    step: ([, field = '', operator, literal = '']) => {
      const wanted = readLiteral(literal);
      return values =>
        values.flatMap(membersOf).filter(item => {
          const [found] = field
            .split('.')
            .reduce<unknown[]>((at, name) => at.flatMap(value => memberOf(value, name)), [item]);
          return (found === wanted) === (operator === '==');
        });
    },
  },
  {
    pattern: /^\.?((?:[\w/-]|\\.)+)/,
    step:
      ([, name = '']) =>
      values =>
        values.flatMap(value => memberOf(value, name.replaceAll(/\\(.)/g, '$1'))),
  },
];

function memberOf(value: unknown, name: string): unknown[] {
  return isObject(value) && Object.hasOwn(value, name) ? [value[name]] : [];
}

function membersOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

function itemAt(value: unknown, index: number): unknown[] {
  if (!Array.isArray(value)) return [];
  const item: unknown = value.at(index);
  return item === undefined ? [] : [item];
}

function readLiteral(text: string): unknown {
  if (/^["']/.test(text)) return text.slice(1, -1);
  if (text === 'true' || text === 'false') return text === 'true';
  return Number.isNaN(Number(text)) ? text : Number(text);
}
