/** Cuts a PromQL text into tokens. */
import { PromqlError } from './syntax.ts';

export interface Token {
  kind: 'name' | 'number' | 'string' | 'duration' | 'sign' | 'end';
  text: string;
  /** Position in the text, from 1. */
  at: number;
}

const DURATION = /(?:[0-9]+(?:ms|[smhdwy]))+(?![0-9A-Za-z_])/y;
const NUMBER = /(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y;
const NAME = /[A-Za-z_][A-Za-z0-9_:]*/y;
const STRING = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y;
const SIGN = /!=|=~|!~|==|>=|<=|[=><(){}[\],+\-*/@:^%]/y;
const BLANK = /(?:\s|#[^\n]*)+/y;

const KINDS: [Token['kind'], RegExp][] = [
  ['duration', DURATION],
  ['number', NUMBER],
  ['name', NAME],
  ['string', STRING],
  ['sign', SIGN],
];

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const blank = match(BLANK, text, at);
    if (blank !== undefined) {
      at += blank.length;
      continue;
    }
    const token = tokenAt(text, at);
    found.push(token);
    at += token.text.length;
  }
  found.push({ kind: 'end', text: '', at: text.length + 1 });
  return found;
}

/** Value of a quoted string. */
export function unquoted(token: Token): string {
  const inner = token.text.slice(1, -1);
  if (token.text.startsWith('`')) return inner;
  return inner.replaceAll(/\\(.)/g, (_, character: string) => {
    const plain = { n: '\n', t: '\t', r: '\r', '\\': '\\', '"': '"', "'": "'" }[character];
    if (plain === undefined)
      throw new PromqlError(`1:${token.at}: parse error: unknown escape sequence \\${character}`);
    return plain;
  });
}

const UNIT_MS: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  y: 365 * 86_400_000,
};

/** Milliseconds of a duration token. */
export function milliseconds(token: Token): number {
  let total = 0;
  for (const [, digits, unit] of token.text.matchAll(/([0-9]+)(ms|[smhdwy])/g))
    total += Number(digits) * UNIT_MS[unit!]!;
  return total;
}

function tokenAt(text: string, at: number): Token {
  for (const [kind, pattern] of KINDS) {
    const found = match(pattern, text, at);
    if (found !== undefined) return { kind, text: found, at: at + 1 };
  }
  const quote = '"\'`'.includes(text[at]!);
  throw new PromqlError(
    `1:${at + 1}: parse error: ${quote ? 'unterminated quoted string' : `unexpected character: ${JSON.stringify(text[at])}`}`,
  );
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}
