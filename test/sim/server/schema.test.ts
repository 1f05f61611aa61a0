import assert from 'node:assert/strict';
import { bench, MERGE, WIDGETS, widget, widgetDefinition } from './cluster.ts';

const SPEC = {
  type: 'object',
  required: ['size'],
  properties: {
    size: { type: 'integer', minimum: 1, maximum: 10 },
    ratio: { type: 'number' },
    color: { type: 'string', enum: ['red', 'green'], default: 'red' },
    code: { type: 'string', minLength: 2, maxLength: 5, pattern: '^[a-z]+$' },
    tags: { type: 'array', minItems: 1, maxItems: 2, items: { type: 'string' } },
    parts: { type: 'array', items: { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } } },
    either: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    map: { type: 'object', maxProperties: 2, additionalProperties: { type: 'integer' } },
    nothing: { type: 'string', nullable: true },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { n: { type: 'integer' } } },
    deep: { type: 'object', default: {}, properties: { x: { type: 'integer', default: 5 } } },
  },
};

describe('embedded server: schemas of custom resources', () => {
  const refusals: [string, object, string][] = [
    ['a missing field', {}, 'spec.size: Required value'],
    ['null where nothing is allowed', { size: null }, 'spec.size: Required value'],
    [
      'a wrong type',
      { size: 'x' },
      'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
    ],
    [
      'a fraction',
      { size: 1.5 },
      'spec.size: Invalid value: "number": spec.size in body must be of type integer: "number"',
    ],
    ['too small', { size: 0 }, 'spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1'],
    ['too large', { size: 11 }, 'spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10'],
    [
      'none of the values',
      { size: 1, color: 'blue' },
      'spec.color: Unsupported value: "blue": supported values: "red", "green"',
    ],
    [
      'too short',
      { size: 1, code: 'a' },
      'spec.code: Invalid value: "a": spec.code in body should be at least 2 chars long',
    ],
    ['too long', { size: 1, code: 'aaaaaa' }, 'spec.code: Too long: may not be more than 5 bytes'],
    ['no match', { size: 1, code: 'A1' }, `spec.code: Invalid value: "A1": spec.code in body should match '^[a-z]+$'`],
    ['too few', { size: 1, tags: [] }, 'spec.tags: Invalid value: 0: spec.tags in body should have at least 1 items'],
    ['too many', { size: 1, tags: ['a', 'b', 'c'] }, 'spec.tags: Too many: 3: must have at most 2 items'],
    ['inside a list', { size: 1, parts: [{ a: 1 }, {}] }, 'spec.parts[1].a: Required value'],
    [
      'inside a map',
      { size: 1, map: { k: true } },
      'spec.map.k: Invalid value: "boolean": spec.map.k in body must be of type integer: "boolean"',
    ],
    [
      'neither',
      { size: 1, either: 1.5 },
      'spec.either: Invalid value: "number": spec.either in body must be of type integer,string: "number"',
    ],
    [
      'inside the free part',
      { size: 1, free: { n: 'x' } },
      'spec.free.n: Invalid value: "string": spec.free.n in body must be of type integer: "string"',
    ],
  ];
  for (const [name, spec, problem] of refusals) {
    it(`refuses ${name}`, async () => {
      const { status, body } = await bench({}, SPEC).ask('POST', WIDGETS, widget('a', spec));
      assert.equal(body.message, `Widget.example.com "a" is invalid: ${problem}`);
      assert.equal(status, 422);
    });
  }

  it('fills in defaults, drops nulls and unknown fields, and keeps what is free', async () => {
    const { ask } = bench({}, SPEC);
    const spec = {
      size: 1,
      ratio: null,
      nothing: null,
      color: null,
      bogus: 1,
      either: 'x',
      free: { any: [{ y: null }] },
    };
    const { body, headers } = await ask('POST', WIDGETS, widget('a', spec));
    assert.deepEqual(body.spec, {
      size: 1,
      nothing: null,
      color: 'red',
      either: 'x',
      free: { any: [{ y: null }] },
      deep: { x: 5 },
    });
    assert.equal(headers.warning, '299 - "unknown field \\"spec.bogus\\""');
  });

  it('unknown fields refuse a strict request and pass an indifferent one in silence', async () => {
    const { ask } = bench({}, SPEC);
    const bogus = widget('a', { size: 1, bogus: 1 });
    const strict = await ask('POST', WIDGETS, bogus, { query: { fieldValidation: 'Strict' } });
    assert.equal(strict.status, 400);
    assert.match(strict.body.message!, /strict decoding error: unknown field "spec.bogus"$/);
    const ignoring = await ask('POST', WIDGETS, bogus, { query: { fieldValidation: 'Ignore' } });
    assert.deepEqual([ignoring.status, ignoring.headers.warning], [201, undefined]);
  });

  it('keys that JavaScript knows are plain keys', async () => {
    const { ask } = bench();
    const spec = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"x": 1}, "toString": 2}') as object;
    await ask('POST', WIDGETS, widget('a', spec));
    const patch = JSON.parse('{"spec": {"__proto__": {"more": 2}}}') as object;
    const { body } = await ask('PATCH', `${WIDGETS}/a`, patch, { contentType: MERGE });
    const expected = '{"__proto__":{"polluted":1,"more":2},"constructor":{"x":1},"toString":2}';
    assert.equal(JSON.stringify(body.spec), expected);
    assert.equal(({} as { polluted?: number }).polluted, undefined);
    const guarded = bench({}, SPEC);
    assert.deepEqual((await guarded.ask('POST', WIDGETS, widget('a', { size: 1, ...spec }))).status, 201);
  });

  it('what a stricter schema no longer allows may stay, not come', async () => {
    const { cluster, ask } = bench(
      {},
      { type: 'object', properties: { size: { type: 'integer' }, other: { type: 'integer' } } },
    );
    await ask('POST', WIDGETS, widget('a', { size: 20 }));
    cluster.put(
      widgetDefinition({ ...SPEC, required: [], properties: { ...SPEC.properties, other: { type: 'integer' } } }),
    );
    const patched = await ask('PATCH', `${WIDGETS}/a`, { spec: { other: 1 } }, { contentType: MERGE });
    assert.equal(patched.status, 200);
    assert.equal((await ask('PATCH', `${WIDGETS}/a`, { spec: { size: 21 } }, { contentType: MERGE })).status, 422);
  });

  it("a validator stands for the definition's own rules, and for no other", async () => {
    const rules = [{ rule: 'self.size != 7', message: 'seven is kept free' }];
    const validators = {
      'widgets.example.com': () => ['spec.size: seven is kept free', 'spec: something else entirely'],
    };
    const { ask } = bench({ validators }, { ...SPEC, 'x-kubernetes-validations': rules });
    const { body } = await ask('POST', WIDGETS, widget('a', { size: 7 }));
    assert.deepEqual(body.details?.causes, [
      { reason: 'FieldValueInvalid', message: 'Invalid value: 7: seven is kept free', field: 'spec.size' },
    ]);
    const broken = await ask('POST', WIDGETS, widget('a', {}));
    assert.match(broken.body.message!, /spec.size: Required value, <nil>: .* some validation rules were not checked/);
  });

  it('the rules of Istio are those of its definitions', async () => {
    const { ask } = bench();
    const path = '/apis/security.istio.io/v1/namespaces/shop/peerauthentications';
    const refusal = async (spec: object) => {
      const object = { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata: { name: 'p' }, spec };
      const { body } = await ask('POST', `${path}?dryRun=All`.replace('?dryRun=All', ''), object, {
        query: { dryRun: 'All' },
      });
      return body.details?.causes.map(({ field, message }) => `${field}: ${message}`);
    };
    const selector = { matchLabels: { app: 'a' } };
    const ports = (port: string) => ({ [port]: { mode: 'DISABLE' } });
    assert.equal(await refusal({ mtls: { mode: 'STRICT' }, selector, portLevelMtls: ports('8080') }), undefined);
    assert.deepEqual(await refusal({ portLevelMtls: ports('80') }), [
      'spec: Invalid value: portLevelMtls requires selector',
    ]);
    assert.deepEqual(await refusal({ selector, portLevelMtls: ports('0') }), [
      'spec.portLevelMtls: Invalid value: port must be between 1-65535',
    ]);
    assert.deepEqual(await refusal({ selector: { matchLabels: { '': 'x' } } }), [
      'spec.selector.matchLabels: Invalid value: key must not be empty',
    ]);
    assert.equal((await refusal({ selector, portLevelMtls: {} }))?.length, 1);
  });

  it('a definition that comes at run time is served at once, and again after a change', async () => {
    const { cluster, ask } = bench({ crds: [] });
    assert.equal((await ask('GET', WIDGETS)).status, 404);
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const created = await ask('POST', path, widgetDefinition(SPEC));
    assert.equal(created.status, 201);
    assert.match(JSON.stringify(created.body.status), /"type":"Established"/);
    assert.equal((await ask('POST', WIDGETS, widget('a', {}))).status, 422);
    cluster.put(widgetDefinition({ type: 'object' }));
    assert.equal((await ask('POST', WIDGETS, widget('a', {}))).status, 201);
    const twoStored = { ...widgetDefinition(SPEC), metadata: { name: 'other.example.com' } };
    assert.match((await ask('POST', path, twoStored)).body.message!, /must be spec.names.plural/);
  });
});
