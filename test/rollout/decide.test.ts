import assert from 'node:assert/strict';
import { statusSchema } from '../../src/api/status.ts';
import type { PeerAuthentication } from '../../src/istio/objects.ts';
import { TestMesh } from './mesh.ts';

const SHOP = ['ad', 'cart', 'frontend'];
const names = { names: SHOP };
const leafFirst = { waves: [{ name: 'leaf', names: ['ad', 'cart'], maxConcurrent: 2, soak: '5m' }] };

describe('a rollout', () => {
  it('moves every namespace to STRICT, wave by wave', () => {
    const mesh = new TestMesh({ target: { namespaces: names }, strategy: leafFirst }, SHOP);
    const status = mesh.untilPhase('Completed');
    for (const name of SHOP) assert.equal(mesh.mode(name), 'STRICT');
    assert.deepEqual(status.strict, { done: 3, total: 3 });
    assert.deepEqual(
      status.waves?.map(({ name, phase }) => [name, phase]),
      [
        ['leaf', 'Done'],
        ['rest', 'Done'],
      ],
    );
    assert.equal(status.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    assert.equal(statusSchema.safeParse(status).success, true);
    const order = mesh.writes.map(write =>
      write.verb === 'create' ? `create ${write.object.metadata.namespace}` : `${write.verb} ${write.target.namespace}`,
    );
    assert.deepEqual(order, [
      'create ad',
      'create cart',
      'patch ad',
      'patch cart',
      'create frontend',
      'patch frontend',
    ]);
  });

  it('needs no write and no probe where everything is STRICT already', () => {
    const mesh = new TestMesh({ target: { namespaces: names } }, SHOP);
    mesh.putPolicy('istio-system', 'default', { mtls: { mode: 'STRICT' } });
    mesh.judge = () => assert.fail('nothing to look at');
    mesh.untilPhase('Completed');
    assert.deepEqual(mesh.writes, []);
  });

  it('rolls the wave back exactly when a step turns unhealthy', () => {
    const mesh = new TestMesh(
      { target: { namespaces: names }, strategy: { waves: [{ name: 'leaf', names: ['ad', 'cart'] }] } },
      SHOP,
    );
    mesh.putPolicy('ad', 'default', { mtls: { mode: 'PERMISSIVE' } }, { labels: { mine: 'yes' } });
    const before = mesh.policy('ad', 'default');
    mesh.judge = (kind, scopes) => (kind === 'Soak' && scopes.includes('cart') ? 'Unhealthy' : 'Healthy');
    const status = mesh.untilPhase('RolledBack');
    assert.equal(mesh.policies.size, 1);
    assert.deepEqual(identity(mesh.policy('ad', 'default')), identity(before));
    assert.deepEqual(mesh.policy('ad', 'default')?.spec, before?.spec);
    assert.equal(status.conditions?.find(({ type }) => type === 'Stalled')?.status, 'True');
    assert.match(status.message ?? '', /Soak is Unhealthy/);
  });

  it('holds while probes have no data, and never switches', () => {
    const mesh = new TestMesh({ target: { namespaces: names }, analysis: { progressDeadline: '10m' } }, SHOP);
    mesh.judge = () => 'NoData';
    mesh.until(
      ({ conditions }) => conditions?.find(({ type }) => type === 'Stalled')?.reason === 'ProgressDeadlineExceeded',
    );
    for (const name of SHOP) assert.equal(mesh.mode(name), 'PERMISSIVE');
    mesh.judge = () => 'Healthy';
    mesh.untilPhase('Completed');
  });
});

/** What must survive a rollback besides the spec. */
function identity(policy: PeerAuthentication | undefined): object {
  const { uid, creationTimestamp, labels, annotations = {} } = policy?.metadata ?? {};
  return { uid, creationTimestamp, labels, annotations };
}
