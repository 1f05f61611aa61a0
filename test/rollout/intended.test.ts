import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ORIGINAL_ANNOTATION, ROLLOUT_ANNOTATION } from '../../src/api/resource.ts';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import { type Mode, MODES } from '../../src/istio/objects.ts';
import { weaker } from '../../src/istio/slots.ts';
import { raise } from '../../src/rollout/intended.ts';
import type { Scope } from '../../src/rollout/scope.ts';
import { scopeState } from '../../src/rollout/scopeState.ts';
import { CART, meshWith, PORTS, raiseIn, SHOP, situation } from './arbitraries.ts';
import { ROOT, TestMesh } from './mesh.ts';

function modesIn(mesh: TestMesh): Mode[] {
  const { policies } = mesh.world;
  const { workload, ports } = effectiveModes(policies, ROOT, SHOP, CART);
  const beside = effectiveModes(policies, ROOT, SHOP, {}).workload;
  return [beside.mode, workload.mode, ...PORTS.map(port => (ports.get(port) ?? workload).mode)];
}

describe('raising a scope', () => {
  it('never weakens any port, whatever is in the slot and around it', () => {
    fc.assert(
      fc.property(situation, fc.constantFrom(...MODES), ({ of, spec, mesh: wide, namespace }, mode) => {
        const mesh = meshWith(of, spec, wide, namespace);
        const before = modesIn(mesh);
        raiseIn(mesh, of, mode);
        for (const [index, now] of modesIn(mesh).entries()) assert.ok(!weaker(now, before[index]!), `${index}: ${now}`);
      }),
      { numRuns: 2000 },
    );
  });

  it('brings every port of the scope at least to the mode', () => {
    fc.assert(
      fc.property(situation, fc.constantFrom(...MODES), ({ of, spec, mesh: wide, namespace }, mode) => {
        const mesh = meshWith(of, spec, wide, namespace);
        raiseIn(mesh, of, mode);
        const { effective } = scopeState(mesh.rollout, of, mesh.world.policies, ROOT);
        assert.ok(!weaker(effective.mode, mode), `${effective.mode} after ${mode}`);
      }),
      { numRuns: 1000 },
    );
  });

  it('has nothing to do the second time', () => {
    fc.assert(
      fc.property(situation, fc.constantFrom(...MODES), ({ of, spec, mesh: wide, namespace }, mode) => {
        const mesh = meshWith(of, spec, wide, namespace);
        raiseIn(mesh, of, mode);
        const { policies } = mesh.world;
        assert.equal(raise(mesh.rollout, scopeState(mesh.rollout, of, policies, ROOT), mode, policies), undefined);
      }),
    );
  });

  it('leaves ports alone that inherit more than it brings', () => {
    const of: Scope = { kind: 'Workload', namespace: SHOP, name: 'cart', selector: CART, ports: [80, 90] };
    const spec = { selector: { matchLabels: CART }, portLevelMtls: { 80: { mode: 'DISABLE' as const } } };
    const mesh = meshWith(of, spec, 'STRICT');
    raiseIn(mesh, of, 'PERMISSIVE');
    assert.deepEqual([mesh.mode(SHOP, CART, 80), mesh.mode(SHOP, CART, 90)], ['PERMISSIVE', 'STRICT']);
  });

  it('makes a policy with a free name, its selector, and the marks of its owner', () => {
    const of: Scope = { kind: 'Workload', namespace: SHOP, name: 'cart', controller: 'sts', selector: CART };
    const mesh = new TestMesh({ target: { mesh: {} } }, [SHOP]);
    mesh.putPolicy(SHOP, 'mtls-rollout-cart-sts', { selector: { matchLabels: { app: 'else' } } });
    raiseIn(mesh, of, 'PERMISSIVE');
    const made = [...mesh.policies.values()].at(-1)!;
    assert.match(made.metadata.name, /^mtls-rollout-cart-sts-[0-9a-f]{8}$/);
    assert.deepEqual(made.spec, { selector: { matchLabels: CART }, mtls: { mode: 'PERMISSIVE' } });
    assert.equal(made.metadata.annotations?.[ROLLOUT_ANNOTATION], 'istio-system/shop/rollout-uid');
    assert.equal(made.metadata.ownerReferences, undefined);
  });

  it('gives a policy a name that Kubernetes takes, however long that of the workload', () => {
    const of: Scope = { kind: 'Workload', namespace: SHOP, name: 'w'.repeat(253), selector: CART };
    const mesh = new TestMesh({ target: { mesh: {} } }, [SHOP]);
    raiseIn(mesh, of, 'PERMISSIVE');
    assert.ok([...mesh.policies.values()].every(({ metadata: { name } }) => name.length <= 253));
  });

  it('writes the original once, and never again', () => {
    fc.assert(
      fc.property(situation, ({ of, raises, spec, mesh: wide, namespace }) => {
        const mesh = meshWith(of, spec, wide, namespace);
        const seen = new Map<string, string>();
        for (const [next, mode] of raises) {
          raiseIn(mesh, next, mode);
          for (const { metadata } of mesh.policies.values()) {
            const original = metadata.annotations?.[ORIGINAL_ANNOTATION];
            if (original) assert.equal(seen.get(metadata.name) ?? original, original);
            if (original) seen.set(metadata.name, original);
          }
        }
      }),
    );
  });
});
