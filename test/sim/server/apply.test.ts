import assert from 'node:assert/strict';
import { APPLY, bench, type Body, MERGE, WIDGETS, widget } from './cluster.ts';

describe('embedded server: server-side apply', () => {
  function applying() {
    const given = bench();
    const apply = (manager: string, object: object, query: Record<string, string> = {}) =>
      given.ask('PATCH', `${WIDGETS}/a`, object, { contentType: APPLY, query: { fieldManager: manager, ...query } });
    return { ...given, apply };
  }

  const owners = (body: Body) =>
    body.metadata.managedFields?.map(entry => [entry.manager, entry.operation, entry.fieldsV1]);

  it('creates, owns what was applied, and changes nothing when applied again', async () => {
    const { apply, cluster } = applying();
    const object = widget('a', { mode: 'STRICT', list: [1, 2] }, { labels: { l: '1' } });
    const { status, body } = await apply('git', object);
    assert.equal(status, 201);
    const fields = { 'f:metadata': { 'f:labels': { 'f:l': {} } }, 'f:spec': { 'f:mode': {}, 'f:list': {} } };
    assert.deepEqual(owners(body), [['git', 'Apply', fields]]);
    const before = cluster.revision;
    assert.equal((await apply('git', object)).status, 200);
    assert.equal(cluster.revision, before);
  });

  it('a field of somebody else is a conflict unless forced, and then changes hands', async () => {
    const { apply } = applying();
    await apply('git', widget('a', { mode: 'STRICT', size: 1 }));
    const { status, body } = await apply('other', widget('a', { mode: 'PERMISSIVE' }));
    assert.equal(status, 409);
    assert.equal(body.message, 'Apply failed with 1 conflict: conflict with "git": .spec.mode');
    const forced = await apply('other', widget('a', { mode: 'PERMISSIVE' }), { force: 'true' });
    assert.deepEqual(forced.body.spec, { mode: 'PERMISSIVE', size: 1 });
    assert.deepEqual(owners(forced.body), [
      ['git', 'Apply', { 'f:spec': { 'f:size': {} } }],
      ['other', 'Apply', { 'f:spec': { 'f:mode': {} } }],
    ]);
  });

  it('the same value is no conflict, and is owned by both', async () => {
    const { apply } = applying();
    await apply('git', widget('a', { mode: 'STRICT' }));
    const { status, body } = await apply('other', widget('a', { mode: 'STRICT' }));
    assert.equal(status, 200);
    assert.deepEqual(
      owners(body)?.map(([manager]) => manager),
      ['git', 'other'],
    );
    const left = await apply('other', widget('a', {}));
    assert.deepEqual(left.body.spec, { mode: 'STRICT' }, 'the other owner keeps it');
  });

  it('what is no longer applied goes, unless somebody else owns it', async () => {
    const { apply } = applying();
    await apply('git', widget('a', { mode: 'STRICT', size: 1, deep: { x: 1 } }, { labels: { l: '1' } }));
    const { body } = await apply('git', widget('a', { size: 1 }));
    assert.deepEqual(body.spec, { size: 1 });
    assert.equal(body.metadata.labels, undefined);
  });

  it('a patch takes a field over', async () => {
    const { apply, ask } = applying();
    await apply('git', widget('a', { mode: 'STRICT', size: 1 }));
    const query = { fieldManager: 'operator' };
    const patched = await ask('PATCH', `${WIDGETS}/a`, { spec: { mode: 'PERMISSIVE' } }, { contentType: MERGE, query });
    assert.deepEqual(owners(patched.body), [
      ['git', 'Apply', { 'f:spec': { 'f:size': {} } }],
      ['operator', 'Update', { 'f:spec': { 'f:mode': {} } }],
    ]);
    const { body } = await apply('git', widget('a', { mode: 'STRICT', size: 1 }));
    assert.equal(
      body.message,
      'Apply failed with 1 conflict: conflict with "operator" using example.com/v1: .spec.mode',
    );
  });

  it('needs a manager, takes no unknown field, and never makes a stranger of a known uid', async () => {
    const { ask } = bench({}, { type: 'object', properties: { mode: { type: 'string' } } });
    const apply = (object: object, query: Record<string, string>) =>
      ask('PATCH', `${WIDGETS}/a`, object, { contentType: APPLY, query });
    assert.equal((await apply(widget('a', {}), {})).status, 422);
    const unknown = await apply(widget('a', { bogus: 1 }), { fieldManager: 'git' });
    assert.deepEqual([unknown.status, unknown.body.message?.includes('.spec.bogus: field not declared')], [500, true]);
    const known = await apply(widget('a', {}, { uid: 'u' }), { fieldManager: 'git' });
    assert.deepEqual([known.status, known.body.reason], [409, 'Conflict']);
  });
});
