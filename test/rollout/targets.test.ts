import assert from 'node:assert/strict';
import { ROOT, TestMesh } from './mesh.ts';
import { planIn, shape, shop } from './shop.ts';

describe('the scopes of a target', () => {
  it('are the namespaces that names and selector pick, sorted, without the root namespace', () => {
    const target = { namespaces: { names: ['other', ROOT, 'gone'], selector: { matchLabels: { team: 'shop' } } } };
    assert.deepEqual(shape(planIn(shop({ target }))), ['rest: ad cart other pay web']);
  });

  it('are all namespaces but those of Kubernetes, and at the end the mesh', () => {
    const mesh = shop({ target: { mesh: {} } });
    for (const name of ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage']) mesh.addNamespace(name);
    assert.deepEqual(shape(planIn(mesh)), ['rest: ad cart other pay web', 'mesh: (mesh)']);
  });

  it('are nothing but the own namespace outside the root namespace', () => {
    const mesh = new TestMesh({ target: { namespace: {} } }, ['a', 'b'], 'b');
    assert.deepEqual(shape(planIn(mesh)), ['rest: b']);
  });

  it('are the workloads that the author lists, with their ports in order', () => {
    const workloads = [
      { name: 'cart', selector: { matchLabels: { app: 'cart' } }, ports: [9090, 7070] },
      { name: 'ad', selector: { matchLabels: { app: 'ad' } } },
    ];
    const plan = planIn(new TestMesh({ target: { workloads } }, [], 'shop'));
    assert.deepEqual(plan.waves[0]?.scopes, [
      { kind: 'Workload', namespace: 'shop', name: 'cart', selector: { app: 'cart' }, ports: [7070, 9090] },
      { kind: 'Workload', namespace: 'shop', name: 'ad', selector: { app: 'ad' } },
    ]);
  });

  it('leave out a namespace that is being deleted', () => {
    const mesh = shop();
    mesh.namespaces.find(({ name }) => name === 'cart')!.terminating = true;
    assert.deepEqual(shape(planIn(mesh)), ['rest: ad pay web']);
  });

  it('are the workloads of the namespaces where those are the unit', () => {
    const mesh = shop({ strategy: { unit: 'Workload' } });
    mesh.addWorkload('web', 'front');
    mesh.addWorkload('ad', 'front');
    mesh.addWorkload('other', 'front');
    assert.deepEqual(shape(planIn(mesh)), ['rest: ad/front web/front']);
  });

  it('tell workloads of one name apart by their kind, and by nothing that comes or goes beside them', () => {
    const mesh = shop({ strategy: { unit: 'Workload' } });
    mesh.addWorkload('ad', 'db', { kind: 'StatefulSet', selector: { app: 'db', run: 'sts' } });
    assert.deepEqual(shape(planIn(mesh)), ['rest: ad/sts/db']);
    mesh.addWorkload('ad', 'db', { kind: 'DaemonSet', selector: { app: 'db', run: 'ds' } });
    mesh.addWorkload('ad', 'db', { selector: { app: 'db', run: 'deploy' } });
    const plan = planIn(mesh);
    assert.deepEqual(shape(plan), ['rest: ad/ds/db ad/db ad/sts/db']);
    assert.equal(plan.scopes.size, 3);
  });

  it('are one where two workloads have the same selector, since Istio obeys one policy of it', () => {
    const mesh = shop({ strategy: { unit: 'Workload' } });
    mesh.addWorkload('ad', 'db', { kind: 'StatefulSet' });
    mesh.addWorkload('ad', 'db');
    mesh.addWorkload('cart', 'db');
    assert.deepEqual(shape(planIn(mesh)), ['rest: ad/db cart/db']);
  });

  it('have keys that fit into status, however long the names', () => {
    const mesh = new TestMesh({ target: { namespace: {} }, strategy: { unit: 'Workload' } }, [], 'n'.repeat(63));
    for (const end of ['a', 'b']) mesh.addWorkload('n'.repeat(63), `${'w'.repeat(200)}${end}`);
    const keys = [...planIn(mesh).scopes.keys()];
    assert.equal(new Set(keys).size, 2);
    for (const key of keys) assert.ok(key.length <= 127, key);
  });
});
