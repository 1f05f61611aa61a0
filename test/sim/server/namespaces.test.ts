import assert from 'node:assert/strict';
import { bench, MERGE, WIDGETS, widget } from './cluster.ts';

const SHOP = '/api/v1/namespaces/shop';

describe('embedded server: namespaces that go', () => {
  it('are Terminating first, then lose their content, then themselves', async () => {
    const { cluster, clock, ask } = bench();
    await ask('POST', WIDGETS, widget('a'));
    await ask('POST', `${SHOP}/configmaps`, { metadata: { name: 'c' } });
    const before = cluster.revision;
    const { body } = await ask('DELETE', SHOP);
    assert.deepEqual(body.status, { phase: 'Terminating' });
    await clock.settle();
    const after = cluster.history.filter(({ revision }) => revision > before);
    assert.deepEqual(
      after.map(({ verb, object }) => `${verb} ${object.kind}`),
      ['update Namespace', 'delete Widget', 'delete ConfigMap', 'delete Namespace'],
    );
    assert.equal((await ask('GET', SHOP)).status, 404);
  });

  it('wait for finalizers, and take nothing new meanwhile', async () => {
    const { clock, ask } = bench();
    await ask('POST', WIDGETS, widget('a', {}, { finalizers: ['example.com/hold'] }));
    await ask('DELETE', SHOP);
    await clock.settle();
    assert.equal((await ask('GET', SHOP)).status, 200);
    const { status, body } = await ask('POST', WIDGETS, widget('b'));
    assert.deepEqual([status, body.reason], [403, 'Forbidden']);
    assert.match(body.message!, /because it is being terminated$/);
    await ask('PATCH', `${WIDGETS}/a`, { metadata: { finalizers: null } }, { contentType: MERGE });
    await clock.settle();
    assert.equal((await ask('GET', SHOP)).status, 404);
  });

  it('come back as strangers', async () => {
    const { cluster, clock, ask } = bench();
    const { body: first } = await ask('GET', SHOP);
    await ask('DELETE', SHOP);
    await clock.settle();
    cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    const { body: second } = await ask('GET', SHOP);
    assert.notEqual(second.metadata.uid, first.metadata.uid);
    assert.equal((await ask('GET', WIDGETS)).body.items.length, 0);
  });

  it('do not include the ones a cluster needs', async () => {
    assert.equal((await bench().ask('DELETE', '/api/v1/namespaces/kube-system')).status, 403);
  });
});

describe('embedded server: scenario objects', () => {
  it('put creates and replaces, with status, and says so when it cannot', async () => {
    const { cluster, ask } = bench();
    const object = { ...widget('a', { size: 1 }, { namespace: 'shop' }), status: { phase: 'Go' } };
    const first = cluster.put(object);
    assert.deepEqual([first.status, first.metadata.generation], [{ phase: 'Go' }, 1]);
    const second = cluster.put({ ...object, spec: { size: 2 } });
    assert.deepEqual([second.metadata.uid, second.metadata.generation], [first.metadata.uid, 2]);
    assert.deepEqual((await ask('GET', `${WIDGETS}/a`)).body.spec, { size: 2 });
    assert.equal(cluster.list('example.com/v1', 'Widget', 'shop').length, 1);
    assert.ok(cluster.remove('example.com/v1', 'Widget', 'shop', 'a'));
    assert.ok(!cluster.remove('example.com/v1', 'Widget', 'shop', 'a'));
    assert.throws(() => cluster.put({ ...object, kind: 'Gadget' }), /nothing serves Gadget in example.com\/v1/);
    assert.throws(() => cluster.put(widget('a', {}, { namespace: 'nowhere' })), /namespaces "nowhere" not found/);
  });

  it('the same randomness makes the same cluster', () => {
    const seeded = () => {
      let state = 7;
      const random = () => (state = (state * 16807) % 2147483647) / 2147483647;
      const { cluster } = bench({ random });
      cluster.put(widget('a', {}, { namespace: 'shop' }));
      return cluster.history;
    };
    assert.deepEqual(seeded(), seeded());
  });

  it('questions about permissions are answered by the option', async () => {
    const { ask } = bench({ allow: ({ verb }) => verb === 'get' });
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const review = async (verb: string) => {
      const { body } = await ask('POST', path, { spec: { resourceAttributes: { verb, resource: 'pods' } } });
      return (body.status as { allowed: boolean }).allowed;
    };
    assert.deepEqual([await review('get'), await review('delete')], [true, false]);
  });
});
