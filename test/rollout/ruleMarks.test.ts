import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { APPLIED_ANNOTATION, ORIGINAL_ANNOTATION } from '../../src/api/resource.ts';
import { projectRule } from '../../src/cluster/policies.ts';
import type { KubeObject } from '../../src/cluster/resource.ts';
import type { DestinationRule } from '../../src/istio/objects.ts';
import { mergePatch } from '../../src/rollout/mergePatch.ts';
import { pinOf } from '../../src/rollout/pins.ts';
import { adoption, clientRuleOf, newClientRule, undo } from '../../src/rollout/ruleMarks.ts';
import { TestMesh } from './mesh.ts';

const { rollout } = new TestMesh({ target: { mesh: {} } });
const AT = '2026-11-22T09:00:00Z';
const SERVICE = { name: 'web', namespace: 'ad' };

const words = fc.constantFrom('a', 'b', 'ISTIO_MUTUAL');
const tls = fc.record(
  {
    mode: fc.constantFrom('DISABLE', 'SIMPLE', 'MUTUAL'),
    sni: words,
    subjectAltNames: fc.array(words, { maxLength: 2 }),
    insecureSkipVerify: fc.boolean(),
    future: fc.record({ nested: words }),
  },
  { requiredKeys: [] },
);
const trafficPolicy = fc.record(
  {
    tls,
    loadBalancer: fc.record({ simple: words }),
    portLevelSettings: fc.constant([{ port: { number: 9 }, tls: { mode: 'DISABLE' } }]),
  },
  { requiredKeys: [] },
);
const spec = fc.record(
  { host: fc.constant('web'), trafficPolicy, subsets: fc.constant([{ name: 'v1' }]), exportTo: fc.constant(['*']) },
  { requiredKeys: ['host'] },
);

function rawOf(given: object): KubeObject {
  const metadata = { name: 'theirs', namespace: 'ad', uid: 'u', resourceVersion: '1', annotations: { note: 'kept' } };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata,
    spec: JSON.parse(JSON.stringify(given)) as object,
  };
}

/** As the operator goes about it: by what it sees of the object, on the object as it is. */
function adopted(raw: KubeObject): KubeObject {
  return mergePatch(raw, adoption(rollout, ['ad'], projectRule(raw), AT)) as KubeObject;
}

describe('a rule that is taken over', () => {
  it('says mutual TLS and nothing else of TLS, and is given back exactly', () => {
    fc.assert(
      fc.property(spec, given => {
        const raw = rawOf(given);
        const set = adopted(raw);
        const seen = projectRule(set);
        assert.deepEqual(seen.spec.trafficPolicy?.tls, { mode: 'ISTIO_MUTUAL' });
        const client = clientRuleOf(seen);
        assert.ok(client?.untouched);
        assert.equal(pinOf(seen), undefined);
        const write = undo(client);
        assert.ok(write?.verb === 'patch', 'what somebody else made is never deleted');
        assert.deepEqual(mergePatch(set, write.patch), raw);
      }),
      { numRuns: 1000 },
    );
  });

  for (const key of [ORIGINAL_ANNOTATION, APPLIED_ANNOTATION])
    it(`is never given back by a damaged ${key}`, () => {
      const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 7 })), { minLength: 1, maxLength: 3 });
      const before = projectRule(adopted(rawOf({ host: 'web', trafficPolicy: { tls: { mode: 'SIMPLE', sni: 'x' } } })));
      const text = before.metadata.annotations?.[key] ?? '';
      fc.assert(
        fc.property(flips, list => {
          const bytes = Buffer.from(text);
          for (const [place, bit] of list) bytes[place % bytes.length]! ^= 1 << bit;
          fc.pre(bytes.toString() !== text);
          const annotations = { ...before.metadata.annotations, [key]: bytes.toString() };
          const damaged: DestinationRule = { ...before, metadata: { ...before.metadata, annotations } };
          assert.equal(undo(clientRuleOf(damaged)!), undefined);
        }),
        { numRuns: 3000 },
      );
    });

  it('is cut down to what decides about TLS until then, and kept whole from then on', () => {
    const raw = rawOf({ host: 'web', trafficPolicy: { loadBalancer: {} }, subsets: [] });
    assert.deepEqual(projectRule(raw).spec, { host: 'web', trafficPolicy: {} });
    assert.deepEqual(projectRule(adopted(raw)).spec['subsets'], []);
  });
});

describe('a rule that is made', () => {
  it('is deleted as it was made, and left to whoever has changed it', () => {
    const rule = newClientRule(rollout, ['ad'], SERVICE, AT);
    const there = { ...rule, metadata: { ...rule.metadata, uid: 'u', resourceVersion: '1' } };
    assert.equal(pinOf(there), undefined);
    assert.equal(undo(clientRuleOf(there)!)?.verb, 'delete');
    const changed = { ...there, spec: { ...there.spec, exportTo: ['.'] } };
    const write = undo(clientRuleOf(changed)!);
    assert.ok(write?.verb === 'patch');
    assert.equal(write.patch['spec'], undefined);
  });

  it('is younger than its two clocks', () => {
    const rule = newClientRule(rollout, ['ad'], SERVICE, AT);
    const later = '2026-11-22T09:00:30Z';
    const there = { ...rule, metadata: { ...rule.metadata, creationTimestamp: later } };
    assert.equal(clientRuleOf(there)?.since, Date.parse(later) + 1000);
    assert.equal(clientRuleOf(rule)?.since, Date.parse(AT));
  });
});
