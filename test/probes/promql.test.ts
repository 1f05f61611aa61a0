import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import * as promql from '../../src/probes/promql.ts';

/** Reads one query as Prometheus' lexer does and gives the matchers of its first selector; throws on anything else. */
function readSelector(text: string): { label: string; op: string; value: string }[] {
  const open = text.indexOf('{');
  let rest = text.slice(open + 1);
  const matchers: { label: string; op: string; value: string }[] = [];
  while (!rest.startsWith('}')) {
    const match = /^([a-z_]+)(=~|!=|=)"((?:[^"\\\n]|\\.)*)"(,|(?=\}))/.exec(rest);
    if (!match) throw new Error(`not a matcher: ${rest}`);
    matchers.push({ label: match[1]!, op: match[2]!, value: unquote(match[3]!) });
    rest = rest.slice(match[0].length);
  }
  assert.match(rest, /^\}\[60s\]\)\)$/, 'nothing may follow the selector but its window');
  return matchers;
}

const unquote = (text: string) => text.replaceAll(/\\(.)/gs, (_, c: string) => (c === 'n' ? '\n' : c));

const HOSTILE = [
  '"',
  '\\',
  '\\"',
  '"} or up{a="',
  '",namespace!="',
  '"}[1m]))or vector(1)#',
  '.*',
  '.+',
  'a|b',
  '|',
  '(',
  ')',
  '[',
  ']',
  '(?i)CART',
  '^',
  '$',
  '^$',
  'cart|.*',
  'cart"|"',
  '{}',
  '{__name__=~".+"}',
  '\n',
  '\r\n',
  '\t',
  '\0',
  '\u2028',
  '`',
  "'",
  '#',
  '# comment',
  'cart#',
  '//',
  '/*',
  '*/',
  '${x}',
  '{{x}}',
  '%s',
  '%22',
  '&quot;',
  '\\x22',
  '\\u0022',
  '\\042',
  '\\n',
  '\\\\',
  '\\\\"',
  '\\Q',
  '\\E',
  '\\Q.*\\E',
  '\\d',
  '\\pL',
  '[[:alpha:]]',
  'a{1000}',
  'a**',
  '(a+)+$',
  '..',
  '../..',
  'cart ',
  ' cart',
  'CART',
  'cа',
  '😀',
  'a'.repeat(10_000),
  '__proto__',
  'constructor',
  'unknown',
  'or',
  'unless',
  'offset 1h',
  '@ end()',
  '=~',
  '!~',
  '-',
  '+Inf',
  'NaN',
];

describe('PromQL that carries names of others', () => {
  for (const hostile of HOSTILE) {
    it(`asks for exactly ${JSON.stringify(hostile.slice(0, 30))}`, () => assertExact(['cart', hostile]));
  }

  it('asks for exactly the names that were given, whatever they are', () => {
    const name = fc.oneof(fc.string({ minLength: 1, unit: 'binary' }), fc.constantFrom(...HOSTILE));
    fc.assert(fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), assertExact), { numRuns: 500 });
  });

  it('refuses to ask for no name at all, which would ask for all', () => {
    assert.throws(() => query([]), RangeError);
    assert.throws(() => query(['cart', '']), RangeError);
  });

  it('rounds windows down to whole seconds and never to none', () => {
    const window = (ms: number) => /\[(.*)\]/.exec(promql.increase('istio_requests_total', [], ['pod'], ms))![1];
    assert.deepEqual([86_400_000, 15_999, 10, 0].map(window), ['86400s', '15s', '1s', '1s']);
  });
});

describe('PromQL of refused connections', () => {
  const matchers = [
    { label: 'listener_address', op: '=', value: '0.0.0.0_15006' },
    { label: 'namespace', op: 'in', values: ['cart', 'a.b'] },
  ] as const;
  const chosen = String.raw`envoy_listener_no_filter_chain_match{listener_address="0.0.0.0_15006",namespace=~"cart|a\\.b"}`;
  const by = ['namespace', 'pod'] as const;

  it('takes the smaller of the way between the readings and their increase', () => {
    const grown = `increase(${chosen}[120s])`;
    assert.equal(
      promql.readIncrease('envoy_listener_no_filter_chain_match', matchers, by, 120_000),
      `sum by (namespace, pod) (max_over_time(${chosen}[120s]) - min_over_time(${chosen}[120s]) < ${grown} or ${grown})`,
    );
  });

  it('counts counters by label, or all of them', () => {
    const name = 'envoy_listener_no_filter_chain_match';
    assert.equal(promql.presence(name, matchers, by), `count by (namespace, pod) (${chosen})`);
    assert.equal(promql.presence(name, matchers), `count(${chosen})`);
  });
});

function query(values: string[]): string {
  const matchers = [{ label: 'namespace', op: 'in', values }] as const;
  return promql.increase('istio_requests_total', matchers, ['namespace'], 60_000);
}

function assertExact(names: string[]) {
  const [matcher, ...others] = readSelector(query(names));
  assert.equal(others.length, 0);
  assert.equal(matcher!.label, 'namespace');
  if (names.length === 1) return assert.deepEqual([matcher!.op, matcher!.value], ['=', names[0]]);
  assert.equal(matcher!.op, '=~');
  // Prometheus anchors so itself, and lets "." match line ends
  const pattern = new RegExp(`^(?:${matcher!.value})$`, 's');
  for (const name of names) assert.ok(pattern.test(name), `does not ask for ${JSON.stringify(name)}`);
  for (const other of ['', 'other', 'cartx', 'xcart', 'a', ...names.map(name => `${name}x`), ...HOSTILE]) {
    assert.equal(pattern.test(other), names.includes(other), `asks for ${JSON.stringify(other)}`);
  }
}
