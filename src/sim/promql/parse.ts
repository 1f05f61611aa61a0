/** Reads a PromQL text into a tree. What is valid PromQL but not understood here is refused by name, never guessed. */
import { milliseconds, type Token, tokens, unquoted } from './lexer.ts';
import {
  AGGREGATIONS,
  type Expression,
  type Matcher,
  type MatchOp,
  type Operator,
  PromqlError,
  RANGE_FUNCTIONS,
  type Selector,
} from './syntax.ts';

/** Operators by how tightly they bind, loosest first. */
const LEVELS: Operator[][] = [['or'], ['and', 'unless'], ['==', '!=', '>', '<', '>=', '<='], ['+', '-'], ['*', '/']];
const MATCH_OPS: readonly MatchOp[] = ['=', '!=', '=~', '!~'];
const UNKNOWN_MODIFIERS = ['on', 'ignoring', 'group_left', 'group_right', 'bool'];

export function parse(text: string): Expression {
  return new Parser(tokens(text)).whole();
}

class Parser {
  readonly #tokens: Token[];
  #next = 0;

  constructor(list: Token[]) {
    this.#tokens = list;
  }

  whole(): Expression {
    if (this.#atEnd) throw new PromqlError('unknown position: parse error: no expression found in input');
    const expression = this.#binary(0);
    if (!this.#atEnd) throw this.#unexpected();
    return expression;
  }

  #binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const op = operators.find(candidate => candidate === this.#peek.text);
      if (op === undefined || this.#peek.kind === 'string') return left;
      this.#take();
      if (UNKNOWN_MODIFIERS.includes(this.#peek.text)) throw this.#notUnderstood(`the modifier ${this.#peek.text}`);
      left = { kind: 'binary', op, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): Expression {
    if (this.#accept('-'))
      return { kind: 'binary', op: '*', left: { kind: 'number', value: -1 }, right: this.#unary() };
    return this.#accept('+') ? this.#unary() : this.#primary();
  }

  #primary(): Expression {
    const operand = this.#operand();
    return this.#peek.text === '[' ? this.#subquery(operand) : operand;
  }

  #operand(): Expression {
    const token = this.#peek;
    if (this.#accept('(')) {
      const inner = this.#binary(0);
      this.#expect(')');
      return inner;
    }
    if (token.kind === 'number') return { kind: 'number', value: Number(this.#take().text) };
    if (token.text === '{') throw this.#notUnderstood('a selector without metric name');
    if (token.kind !== 'name') throw this.#unexpected();
    const aggregation = AGGREGATIONS.find(name => name === token.text);
    const after = this.#tokens[this.#next + 1]!.text;
    if (aggregation !== undefined && ['(', 'by', 'without'].includes(after)) return this.#aggregate(aggregation);
    return after === '(' ? this.#call() : this.#selector();
  }

  #aggregate(name: (typeof AGGREGATIONS)[number]): Expression {
    this.#take();
    const before = this.#grouping();
    this.#expect('(');
    const of = this.#binary(0);
    this.#expect(')');
    const grouping = before ?? this.#grouping() ?? { by: true, labels: [] };
    return { kind: 'aggregate', name, grouping, of };
  }

  #grouping(): { by: boolean; labels: string[] } | undefined {
    const word = this.#peek.text;
    if (word !== 'by' && word !== 'without') return undefined;
    this.#take();
    this.#expect('(');
    const labels: string[] = [];
    while (!this.#accept(')')) {
      labels.push(this.#expectKind('name').text);
      if (this.#peek.text !== ')') this.#expect(',');
    }
    return { by: word === 'by', labels };
  }

  #call(): Expression {
    const token = this.#take();
    this.#expect('(');
    if (token.text === 'vector') {
      const of = this.#binary(0);
      this.#expect(')');
      return { kind: 'vector', of };
    }
    const name = RANGE_FUNCTIONS.find(known => known === token.text);
    if (name === undefined) throw this.#notUnderstood(`the function ${token.text}`, token);
    const of = this.#binary(0);
    const subquery = of.kind === 'subquery';
    if (subquery && (name === 'increase' || name === 'rate')) throw this.#notUnderstood(`${name} of a subquery`, token);
    if (!subquery && (of.kind !== 'selector' || of.rangeMs === undefined)) {
      throw new PromqlError(`1:${token.at}: parse error: expected type range vector in call to function "${name}"`);
    }
    this.#expect(')');
    return { kind: 'range', name, of };
  }

  #selector(): Selector {
    const metric = this.#take().text;
    const matchers = this.#accept('{') ? this.#matchers() : [];
    let rangeMs: number | undefined;
    if (this.#peek.text === '[' && this.#tokens[this.#next + 2]?.text === ']') {
      this.#take();
      rangeMs = this.#span();
      this.#expect(']');
    }
    const offsetMs = this.#offset();
    return { kind: 'selector', metric, matchers, rangeMs, offsetMs };
  }

  #subquery(of: Expression): Expression {
    if (of.kind === 'selector' && of.rangeMs !== undefined) throw this.#unexpected();
    this.#expect('[');
    const rangeMs = this.#span();
    this.#expect(':');
    if (this.#peek.text === ']') throw this.#notUnderstood('a subquery without step');
    const stepMs = this.#span();
    this.#expect(']');
    return { kind: 'subquery', of, rangeMs, stepMs, offsetMs: this.#offset() };
  }

  #span(): number {
    const token = this.#expectKind('duration');
    const length = milliseconds(token);
    if (length === 0) throw new PromqlError(`1:${token.at}: parse error: duration must be greater than 0`);
    return length;
  }

  #offset(): number {
    if (this.#peek.text === '@') throw this.#notUnderstood('the modifier @');
    if (!this.#accept('offset')) return 0;
    const sign = this.#accept('-') ? -1 : 1;
    return sign * milliseconds(this.#expectKind('duration'));
  }

  #matchers(): Matcher[] {
    const matchers: Matcher[] = [];
    while (!this.#accept('}')) {
      const label = this.#expectKind('name').text;
      const op = MATCH_OPS.find(known => known === this.#peek.text);
      if (op === undefined) throw this.#unexpected();
      this.#take();
      matchers.push({ label, op, value: unquoted(this.#expectKind('string')) });
      if (this.#peek.text !== '}') this.#expect(',');
    }
    return matchers;
  }

  get #atEnd(): boolean {
    return this.#next === this.#tokens.length - 1;
  }

  get #peek(): Token {
    return this.#tokens[this.#next]!;
  }

  #take(): Token {
    const token = this.#peek;
    if (!this.#atEnd) this.#next++;
    return token;
  }

  #accept(text: string): boolean {
    if (this.#peek.text !== text || this.#peek.kind === 'string') return false;
    this.#take();
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw this.#unexpected(`"${text}"`);
  }

  #expectKind(kind: Exclude<Token['kind'], 'end'>): Token {
    if (this.#peek.kind !== kind) throw this.#unexpected(kind);
    return this.#take();
  }

  #unexpected(expected?: string): PromqlError {
    const { kind, text, at } = this.#peek;
    const found = kind === 'end' ? 'end of input' : `"${text}"`;
    return new PromqlError(`1:${at}: parse error: unexpected ${found}${expected ? `, expected ${expected}` : ''}`);
  }

  #notUnderstood(what: string, { at } = this.#peek): PromqlError {
    return new PromqlError(`1:${at}: the embedded Prometheus does not understand ${what}`);
  }
}
