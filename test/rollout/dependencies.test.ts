/** Rollouts that wait for others. */
import assert from 'node:assert/strict';
import type { MtlsRollout } from '../../src/api/resource.ts';
import { type SpecInput, specSchema } from '../../src/api/schema.ts';
import type { Status } from '../../src/api/status.ts';
import { dependenciesOf } from '../../src/rollout/dependencies.ts';
import { refusal } from '../../src/rollout/refusal.ts';
import { ROOT, TestMesh } from './mesh.ts';

const SHOP = ['ad', 'cart'];
const DONE: Status = { phase: 'Completed', observedGeneration: 1 };

function rollout(name: string, waitsFor: string[] = [], status: Status = {}, namespace = ROOT): MtlsRollout {
  return {
    apiVersion: 'mtlsrollout.io/v1alpha1',
    kind: 'MtlsRollout',
    metadata: { name, namespace, uid: name, generation: 1, creationTimestamp: '2026-11-22T09:00:00Z' },
    spec: specSchema.parse({ target: { namespace: {} }, dependsOn: waitsFor.map(each => ({ name: each })) }),
    status,
  };
}

/** Rollout shop, which waits for `base`, with others beside it. */
function meshWith(others: MtlsRollout[], dependsOn: SpecInput['dependsOn'] = [{ name: 'base' }]): TestMesh {
  const mesh = new TestMesh({ target: { namespaces: { names: SHOP } }, dependsOn }, SHOP);
  mesh.others = others;
  return mesh;
}

describe('a rollout that depends on others', () => {
  it('waits for one that is not there, and begins when it is Completed', () => {
    const mesh = meshWith([]);
    mesh.step();
    assert.equal(mesh.status.phase, 'Pending');
    assert.equal(mesh.status.summary?.waitingOn, 'rollout istio-system/base');
    assert.equal(
      mesh.status.message,
      'wave rest, step 1/2: ad held since 09:00:00: MtlsRollout istio-system/base is not there, or cannot be read; it goes on when that is Completed, or is taken from spec.dependsOn',
    );
    mesh.others = [rollout('base', [], { phase: 'Soaking' })];
    mesh.step();
    assert.match(mesh.status.message, /MtlsRollout istio-system\/base is Soaking; /);
    mesh.rests();
    mesh.others = [rollout('base', [], DONE)];
    mesh.untilPhase('Completed');
  });

  const undone: [what: string, change: (done: MtlsRollout) => void][] = [
    ['of another generation', ({ metadata }) => void (metadata.generation = 2)],
    ['that is being deleted', ({ metadata }) => void (metadata.deletionTimestamp = '2026-11-22T10:00:00Z')],
    ['that nobody has looked at', done => void delete done.status],
    ['that was reverted', done => void (done.status = { ...DONE, phase: 'Reverted' })],
  ];
  for (const [what, change] of undone)
    it(`does not take one ${what} for completed`, () => {
      const base = rollout('base', [], DONE);
      change(base);
      const mesh = meshWith([base]);
      mesh.step();
      assert.equal(mesh.status.summary?.waitingOn, 'rollout istio-system/base');
    });

  it('holds before the next step when one is no longer completed, and a soak goes on', () => {
    const mesh = meshWith([rollout('base', [], DONE)]);
    mesh.until(({ step }) => step?.stage === 'Soaking');
    mesh.others = [rollout('base', [], { phase: 'Observing', observedGeneration: 1 })];
    mesh.until(({ summary }) => summary?.waitingOn === 'rollout istio-system/base');
    assert.deepEqual(
      SHOP.map(name => mesh.mode(name)),
      ['STRICT', 'PERMISSIVE'],
    );
    mesh.others = [rollout('base', [], DONE)];
    mesh.untilPhase('Completed');
  });

  it('names all that it waits for', () => {
    const mesh = meshWith(
      [rollout('base', [], DONE)],
      [{ name: 'base' }, { name: 'b' }, { name: 'c', namespace: 'cart' }],
    );
    mesh.step();
    assert.match(
      mesh.status.message!,
      /MtlsRollout istio-system\/b is not there, or cannot be read \(and 1 more rollout of spec.dependsOn: cart\/c\);/,
    );
  });

  it('says a circle, by names', () => {
    const mesh = meshWith([
      rollout('base', ['middle']),
      rollout('middle', ['other', 'shop']),
      rollout('other', ['base']),
    ]);
    mesh.step();
    assert.equal(mesh.condition('Stalled')?.reason, 'DependencyCycle');
    assert.match(
      mesh.status.message!,
      /leads back to this rollout: istio-system\/shop → istio-system\/base → istio-system\/middle → istio-system\/shop; take one of them out/,
    );
    mesh.others = [rollout('base', [], DONE)];
    mesh.untilPhase('Completed');
  });

  it('says that it waits for itself', () => {
    assert.deepEqual(dependenciesOf(rollout('a', ['a'], DONE), []).cycle, ['istio-system/a', 'istio-system/a']);
  });

  it('may not look into another namespace from outside of the root namespace', () => {
    const { world } = meshWith([]);
    const tenant = (namespace?: string): MtlsRollout => ({
      ...rollout('mine', [], {}, 'cart'),
      spec: specSchema.parse({ target: { namespace: {} }, dependsOn: [{ name: 'base', namespace }] }),
    });
    assert.equal(refusal(tenant('ad'), [], world)?.reason, 'NotInRootNamespace');
    assert.match(
      refusal(tenant('ad'), [], world)?.message ?? '',
      /^spec.dependsOn names ad\/base, which reaches beyond/,
    );
    assert.equal(refusal(tenant('cart'), [], world), undefined);
    assert.equal(refusal(tenant(), [], world), undefined);
  });
});
