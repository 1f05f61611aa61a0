import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { APPLIED_ANNOTATION, ORIGINAL_ANNOTATION } from '../../src/api/resource.ts';
import type { PeerAuthentication } from '../../src/istio/objects.ts';
import { restore } from '../../src/rollout/intended.ts';
import { markOf } from '../../src/rollout/marks.ts';
import type { Scope } from '../../src/rollout/scope.ts';
import { CART, meshWith, PORTS, raiseIn, setting, SHOP, situation } from './arbitraries.ts';
import { TestMesh } from './mesh.ts';

/** Restores whatever carries a mark. */
function restoreAll(mesh: TestMesh): void {
  for (const policy of mesh.policies.values()) {
    const mark = markOf(policy);
    const write = mark && restore(policy, mark);
    if (write) mesh.perform(write);
  }
}

/** Everything about policies but what the API server counts up. */
function contents(mesh: TestMesh): unknown[] {
  return [...mesh.policies.values()].map(({ spec, metadata }) => ({ spec, ...metadata, resourceVersion: '' }));
}

describe('restoring', () => {
  it('is the exact inverse of any sequence of raises', () => {
    fc.assert(
      fc.property(situation, ({ of, raises, spec, mesh: wide, namespace }) => {
        const mesh = meshWith(of, spec, wide, namespace);
        const before = contents(mesh);
        for (const [next, mode] of raises) raiseIn(mesh, next, mode);
        restoreAll(mesh);
        assert.deepEqual(contents(mesh), before);
      }),
      { numRuns: 2000 },
    );
  });

  it("keeps somebody else's mode, and puts back every field that they left alone", () => {
    fc.assert(
      fc.property(situation, fc.constantFrom(...PORTS, undefined), setting, ({ of, raises, spec }, port, theirs) => {
        const mesh = meshWith(of, spec);
        for (const [next, mode] of raises) raiseIn(mesh, next, mode);
        const last = [...mesh.policies.values()].find(policy => markOf(policy));
        fc.pre(last !== undefined && (port === undefined || of.kind === 'Workload'));
        const { namespace, name } = last.metadata;
        const now = port === undefined ? last.spec.mtls : last.spec.portLevelMtls?.[String(port)];
        fc.pre(now?.mode !== theirs.mode && theirs.mode !== undefined);
        mesh.tamper(namespace, name, {
          spec: port === undefined ? { mtls: theirs } : { portLevelMtls: { [String(port)]: theirs } },
        });
        restoreAll(mesh);
        const after = mesh.policies.get(`${namespace}/${name}`);
        assert.ok(after, 'a policy that somebody changed is never deleted');
        const { mtls, portLevelMtls = {} } = after.spec;
        const expected = { mtls: spec?.mtls, ports: { ...spec?.portLevelMtls } };
        if (port === undefined) expected.mtls = theirs;
        else expected.ports[String(port)] = theirs;
        assert.deepEqual({ mtls, ports: portLevelMtls }, expected);
        assert.equal(markOf(after), undefined);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps fields, labels and annotations that somebody added meanwhile', () => {
    const of: Scope = { kind: 'Namespace', namespace: SHOP };
    const mesh = meshWith(of, { mtls: { mode: 'PERMISSIVE' } });
    raiseIn(mesh, of, 'STRICT');
    mesh.tamper(SHOP, 'theirs', {
      metadata: { labels: { more: 'yes' }, annotations: { and: 'this' } },
      spec: { future: 1 },
    });
    restoreAll(mesh);
    const { metadata, spec } = mesh.policy(SHOP, 'theirs')!;
    assert.deepEqual(spec, { mtls: { mode: 'PERMISSIVE' }, future: 1 });
    assert.deepEqual(metadata.labels, { mine: 'yes', more: 'yes' });
    assert.deepEqual(metadata.annotations, { note: 'kept', and: 'this' });
  });

  it('deletes what it created only while nobody changed it', () => {
    const of: Scope = { kind: 'Namespace', namespace: SHOP };
    const mesh = new TestMesh({ target: { mesh: {} } }, [SHOP]);
    raiseIn(mesh, of, 'PERMISSIVE');
    raiseIn(mesh, of, 'STRICT');
    mesh.tamper(SHOP, 'mtls-rollout', { spec: { selector: { matchLabels: CART } } });
    restoreAll(mesh);
    assert.deepEqual(mesh.policy(SHOP)?.spec, { selector: { matchLabels: CART } });
  });

  /** A marked policy with one annotation changed. */
  function damaged(key: string, change: (text: string) => string): PeerAuthentication {
    const of: Scope = { kind: 'Workload', namespace: SHOP, name: 'cart', selector: CART, ports: [80, 90] };
    const mesh = meshWith(of, {
      selector: { matchLabels: CART },
      mtls: { mode: 'PERMISSIVE' },
      portLevelMtls: { 80: { mode: 'DISABLE' }, 443: { mode: 'STRICT' } },
    });
    raiseIn(mesh, of, 'STRICT');
    const policy = mesh.policy(SHOP, 'theirs')!;
    const annotations = { ...policy.metadata.annotations };
    annotations[key] = change(annotations[key]!);
    return { ...policy, metadata: { ...policy.metadata, annotations } };
  }

  for (const key of [ORIGINAL_ANNOTATION, APPLIED_ANNOTATION])
    it(`never goes by a damaged ${key}: 10,000 random bit flips, no restore`, () => {
      let tried = 0;
      const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 7 })), { minLength: 1, maxLength: 3 });
      fc.assert(
        fc.property(flips, list => {
          let same = false;
          const policy = damaged(key, text => {
            const bytes = Buffer.from(text);
            for (const [place, bit] of list) bytes[place % bytes.length]! ^= 1 << bit;
            same = bytes.toString() === text;
            return bytes.toString();
          });
          fc.pre(!same);
          tried++;
          assert.equal(restore(policy, markOf(policy)!), undefined);
        }),
        { numRuns: 10_000 },
      );
      assert.equal(tried, 10_000);
    });

  it('does without a word about what was set, or about what was there, nothing', () => {
    for (const key of [ORIGINAL_ANNOTATION, APPLIED_ANNOTATION])
      for (const text of ['', '{}', 'null', '[]', '{"spec":null}', '{"mode":"STRICT","scope":"shop","set":{}}']) {
        const policy = damaged(key, () => text);
        assert.equal(restore(policy, markOf(policy)!), undefined, `${key} ${text}`);
      }
    const { metadata, ...rest } = damaged(ORIGINAL_ANNOTATION, text => text);
    const { [APPLIED_ANNOTATION]: _, ...annotations } = metadata.annotations!;
    const policy = { ...rest, metadata: { ...metadata, annotations } };
    assert.equal(restore(policy, markOf(policy)!), undefined);
  });
});
