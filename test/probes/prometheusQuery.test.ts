import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { fill, type NamedQuery, type ParameterType, problemsOf, written } from '../../src/probes/namedQuery.ts';
import { type Asker, prometheusQuery, type QueryOptions } from '../../src/probes/prometheusQuery.ts';
import { PrometheusError } from '../../src/probes/prometheus.ts';
import type { Scope } from '../../src/rollout/scope.ts';
import { cart, look, metrics, MINUTE, NOW, SECOND, shop } from './scene.ts';

const LATENCY: NamedQuery = {
  name: 'latency',
  expr: 'p99{namespace="${namespace}",route="${route}"}[${window}] > ${least}',
  parameters: [
    { name: 'route', type: 'Label' },
    { name: 'least', type: 'Number' },
  ],
};
const QUERIES: NamedQuery[] = [
  { name: 'errors', expr: 'errors{namespace="${namespace}"}[${window}]', parameters: [] },
  { name: 'mesh', expr: 'mesh[${window}]', parameters: [] },
  { name: 'of-workload', expr: 'x{workload="${workload}"}', parameters: [] },
  { name: 'of-other', expr: 'x{ns="${other}"}', parameters: [{ name: 'other', type: 'Namespace' }] },
  { name: 'theirs', expr: 'x', parameters: [], namespaces: ['payments'] },
  LATENCY,
];
const ROOT: Asker = { namespace: 'istio-system', isRoot: true, queries: QUERIES };
const TENANT: Asker = { namespace: 'cart', isRoot: false, queries: QUERIES };

function probe(answer: readonly number[] | Error, given: Partial<QueryOptions>, asker = TENANT) {
  const sight = metrics(() => (answer instanceof Error ? answer : answer.map(value => ({ labels: {}, value }))));
  const options: QueryOptions = { window: '2m', parameters: {}, query: 'errors', ...given };
  return { sight, probe: prometheusQuery('own', options, sight, asker) };
}

async function seen(answer: readonly number[] | Error, given: Partial<QueryOptions>, asker = TENANT, at: object = {}) {
  const made = probe(answer, given, asker);
  const observation = await made.probe.observe(look([], { changedAt: NOW - 10 * MINUTE, ...at }));
  return { ...observation, asked: made.sight.asked.map(({ query }) => query) };
}

describe('prometheus', () => {
  const VERDICTS: [string, number[], Partial<QueryOptions>, string, RegExp][] = [
    ['below max', [0.1], { max: 1 }, 'Healthy', /^query errors over the last 2m gives 0\.1 for cart$/],
    ['at max', [1], { max: 1 }, 'Healthy', /gives 1 for cart$/],
    ['above max', [1.5], { max: 1 }, 'Unhealthy', /gives 1\.5 for cart, more than max 1$/],
    ['above min', [5], { min: 2 }, 'Healthy', /gives 5 for cart$/],
    ['below min', [1], { min: 2 }, 'Unhealthy', /gives 1 for cart, less than min 2$/],
    ['between both', [3], { min: 2, max: 4 }, 'Healthy', /gives 3 for cart$/],
    ['the worst element above max', [0, 7, 1], { max: 1 }, 'Unhealthy', /gives 7 for cart/],
    ['the worst element below min', [9, 1, 5], { min: 2 }, 'Unhealthy', /gives 1 for cart/],
    ['nothing', [], { max: 1 }, 'NoData', /gives nothing for cart$/],
    ['NaN', [Number.NaN], { max: 1 }, 'NoData', /no number \(NaN or infinite\) for cart$/],
    ['infinity', [Infinity], { min: 1 }, 'NoData', /no number/],
    ['NaN beside what is well', [0, Number.NaN], { max: 1 }, 'NoData', /no number/],
    ['NaN beside what is not', [9, Number.NaN], { max: 1 }, 'Unhealthy', /gives 9 for cart/],
  ];
  for (const [title, answer, limits, verdict, message] of VERDICTS) {
    it(`${title}: ${verdict}`, async () => {
      const observation = await seen(answer, limits);
      assert.equal(observation.verdict, verdict);
      assert.match(observation.message, message);
    });
  }

  it('asks for each namespace of the step, and once where the query names none', async () => {
    const two = { scopes: [cart, shop] };
    const each = await seen([0], { max: 1 }, ROOT, two);
    assert.deepEqual(each.asked.toSorted(), ['errors{namespace="cart"}[120s]', 'errors{namespace="shop"}[120s]']);
    assert.equal(each.message, 'query errors over the last 2m gives 0 for cart; 0 for shop');
    assert.deepEqual((await seen([0], { query: 'mesh', max: 1 }, ROOT, two)).asked, ['mesh[120s]']);
    const redis: Scope = { kind: 'Workload', namespace: 'cart', name: 'redis', selector: {} };
    const scopes = { scopes: [redis] };
    assert.deepEqual((await seen([0], { query: 'of-workload', max: 1 }, ROOT, scopes)).asked, ['x{workload="redis"}']);
  });

  it('never looks back beyond the change', async () => {
    const window = async (given: object) => (await seen([0], { max: 1 }, TENANT, given)).asked;
    assert.deepEqual(await window({ changedAt: NOW - 40 * SECOND }), ['errors{namespace="cart"}[40s]']);
    const inForce = { changedAt: NOW - 90 * SECOND, inForceAt: NOW - 20 * SECOND };
    assert.deepEqual(await window(inForce), ['errors{namespace="cart"}[20s]']);
    assert.deepEqual(await window({ changedAt: NOW - 14 * SECOND }), []);
    assert.deepEqual(await window({ changedAt: undefined }), ['errors{namespace="cart"}[120s]'], 'entry');
  });

  const ERRORS: [string, Partial<QueryOptions>, Asker, object, RegExp][] = [
    ['a name that nobody configured', { query: 'no' }, TENANT, {}, /has no query no for this namespace/],
    ["a query of somebody else's", { query: 'theirs' }, TENANT, {}, /has no query theirs for this namespace/],
    [
      'text outside the root namespace',
      { query: undefined, expr: 'up' },
      TENANT,
      {},
      /only for a rollout in the mesh root/,
    ],
    ['a missing parameter', { query: 'latency' }, TENANT, {}, /query latency needs parameter route/],
    ['an unknown parameter', { parameters: { x: '1' } }, TENANT, {}, /query errors has no parameter x/],
    [
      'a parameter of the wrong form',
      { query: 'latency', parameters: { route: '/', least: '1e9 or up' } },
      TENANT,
      {},
      /parameter least must be a number/,
    ],
    [
      'a foreign namespace',
      { query: 'of-other', parameters: { other: 'shop' } },
      TENANT,
      {},
      /other must be cart here/,
    ],
    [
      'a workload where the scope is none',
      { query: 'of-workload' },
      TENANT,
      {},
      /asks for a workload, which the scope cart/,
    ],
    [
      'a namespace where the scope is the mesh',
      {},
      ROOT,
      { scopes: [{ kind: 'Mesh', namespace: 'istio-system' }] },
      /asks for a namespace, which the scope \(mesh\)/,
    ],
  ];
  for (const [title, given, asker, at, message] of ERRORS) {
    it(`is an Error for ${title}, and asks nothing`, async () => {
      const observation = await seen([0], { max: 1, ...given }, asker, at);
      assert.equal(observation.verdict, 'Error');
      assert.match(observation.message, message);
      assert.deepEqual(observation.asked, []);
    });
  }

  it('is open to whom it may be, and takes text in the root namespace', async () => {
    const theirs = { query: 'theirs', max: 1 };
    assert.equal((await seen([0], theirs, ROOT)).verdict, 'Healthy');
    assert.equal((await seen([0], theirs, { ...TENANT, namespace: 'payments' })).verdict, 'Healthy');
    const text = { query: undefined, expr: 'sum(x{a="${namespace}"}[${window}])', max: 1 };
    assert.deepEqual((await seen([0], text, ROOT)).asked, ['sum(x{a="cart"}[120s])']);
  });

  it('is an Error when Prometheus cannot be asked', async () => {
    const down = new PrometheusError('Unreachable', 'Prometheus at prom:9090 cannot be reached');
    const { verdict, message } = await seen(down, { max: 1 });
    assert.deepEqual([verdict, message], ['Error', 'could not look: Prometheus at prom:9090 cannot be reached']);
  });
});

describe('a named query', () => {
  const check = (expr: string, ...parameters: [string, ParameterType][]) =>
    problemsOf({ expr, parameters: parameters.map(([name, type]) => ({ name, type })) });

  it('is well where every placeholder has a meaning and every range is the window', () => {
    assert.deepEqual(problemsOf(LATENCY), []);
    assert.deepEqual(check('max_over_time(x[${window}:${step}])', ['step', 'Duration']), []);
    assert.deepEqual(check('x{a="[5m] offset @"} # offset [5m]'), []);
    assert.deepEqual(check('x{a!="${b}"} + y{c = "${b}"}', ['b', 'Label']), []);
    assert.deepEqual(check('offset_total > ${n} and rate(y:z{offset="@"}[${window}]) > 2.5e3', ['n', 'Number']), []);
  });

  const WRONG: [string, [string, ParameterType][], RegExp][] = [
    ['x[5m]', [], /^expr: every range must be \[\$\{window\}\]/],
    ['x[${window}] + y[1h]', [], /^expr: every range/],
    ['x[${window} * 2]', [], /^expr: every range/],
    ['x[', [], /^expr: is not PromQL: it ends too soon$/],
    ['sum(x', [], /^expr: is not PromQL: it ends too soon$/],
    [
      'sum(x)) by (a)',
      [],
      /^expr: is not PromQL at character 7, from "\) by \(a\)" on: no such function, or a mistake there$/,
    ],
    ['sum(rat(x[${window}]))', [], /^expr: is not PromQL at character 8, from "\(x\[\$\{window\}\]\)\)" on/],
    ['x{a=b}', [], /^expr: is not PromQL at character 5, from "b\}" on/],
    ['rate(x[${window}] smoothed)', [], /^expr: must not use "smoothed"/],
    ['max_over_time(rate(x[${window}])[${window}:1m])', [], /^expr: must not have a range within a subquery/],
    ['x_${namespace}', [], /^expr: /],
    ['sum(${w})', [['w', 'Workload']], /^expr: \$\{w\} must stand in a string, such as label="\$\{w\}"$/],
    ['x[${window}] offset 1h', [], /^expr: must not use "offset", which looks at another time/],
    ['x[${window}] OFFSET -1h', [], /^expr: must not use/],
    ['x @ end()', [], /^expr: must not use/],
    ['x{a="${b}"}', [], /^\$\{b\} in expr is neither a parameter nor one of namespace, workload, window/],
    ['x', [['b', 'Number']], /^parameter b has no place in expr/],
    [
      'x > ${b} + ${b}',
      [
        ['b', 'Number'],
        ['b', 'Number'],
      ],
      /^parameter b is there already/,
    ],
    ['x{a="${window}"}', [['window', 'Duration']], /^parameter window is there already/],
    ['x{a=~"${b}"}', [['b', 'Label']], /^\$\{b\} is a Label and must be the whole of a string/],
    ['x{a="v${b}"}', [['b', 'Label']], /^\$\{b\} is a Label/],
    ["x{a='${b}'}", [['b', 'Label']], /^\$\{b\} is a Label/],
    ['x{a="${b}"} > ${b}', [['b', 'Label']], /^\$\{b\} is a Label/],
  ];
  for (const [expr, parameters, problem] of WRONG) {
    it(`says what is wrong with ${expr}`, () => assert.match(check(expr, ...parameters).join('; '), problem));
  }

  it('has parameters that cannot change what it asks', () => {
    const types: ParameterType[] = ['Namespace', 'Workload', 'Duration', 'Number', 'Label'];
    const hostile = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom('"', '\\', '}', '$', '{', 'a', '\n', "'") }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...types), hostile, (type, value) => {
        const query = { parameters: [{ name: 'p', type }] };
        const given = written(query, { p: value });
        if ('problem' in given) return;
        const text = fill('x{a="${p}"}', given.values);
        // one string literal of Go, whatever it holds
        assert.match(text, /^x\{a="(?:[^"\\\n]|\\["\\])*"\}$/);
        if (type !== 'Label') assert.doesNotMatch(given.values.get('p')!, /["\\{}$()[\]\s]/);
      }),
    );
  });
});
