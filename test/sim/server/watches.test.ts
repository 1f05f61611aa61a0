import assert from 'node:assert/strict';
import { bench, MERGE, watch, WIDGETS, widget } from './cluster.ts';

const BOOKMARKS = { allowWatchBookmarks: 'true' };

describe('embedded server: watches', () => {
  it('bookmarks come every minute and before the end, and no timer is left', async () => {
    const { clock, transport, ask } = bench();
    const { events, ended } = await watch(transport, WIDGETS, { ...BOOKMARKS, timeoutSeconds: '150' });
    await clock.advance(59_000);
    assert.equal(events.length, 0);
    const { body } = await ask('POST', '/api/v1/namespaces/shop/configmaps', { metadata: { name: 'other' } });
    await clock.advance(91_000);
    await ended;
    assert.deepEqual(
      events.map(({ type }) => type),
      ['BOOKMARK', 'BOOKMARK', 'BOOKMARK'],
    );
    assert.equal(events[0]?.object.metadata.resourceVersion, body.metadata.resourceVersion);
    assert.equal(clock.pending, 0);
  });

  it('ends without a bookmark where none was asked for', async () => {
    const { clock, transport, cluster } = bench();
    const { events, ended } = await watch(transport, WIDGETS, { timeoutSeconds: '5' });
    await clock.advance(4_999);
    assert.equal(cluster.watching, 1);
    await clock.advance(1);
    await ended;
    assert.deepEqual(events, []);
    assert.equal(cluster.watching, 0);
  });

  it('a version that is forgotten gets ERROR 410 and the end', async () => {
    const { cluster, transport, ask } = bench();
    const { body } = await ask('POST', WIDGETS, widget('a'));
    await ask('DELETE', `${WIDGETS}/a`);
    cluster.compact();
    const { events, ended, status } = await watch(transport, WIDGETS, {
      resourceVersion: body.metadata.resourceVersion,
    });
    await ended;
    assert.equal(status, 200);
    assert.deepEqual(
      events.map(({ type, object }) => [type, object.reason]),
      [['ERROR', 'Expired']],
    );
    const fresh = await watch(transport, WIDGETS, { resourceVersion: String(cluster.revision) });
    await ask('POST', WIDGETS, widget('b'));
    cluster.cutWatches();
    await fresh.ended;
    assert.deepEqual(
      fresh.events.map(({ type }) => type),
      ['ADDED'],
    );
  });

  it('old revisions go by themselves when there are too many', async () => {
    const { cluster, transport, ask } = bench({ historyLimit: 10 });
    const { body } = await ask('POST', WIDGETS, widget('a', { size: 0 }));
    for (let size = 1; size < 40; size++) {
      await ask('PATCH', `${WIDGETS}/a`, { spec: { size } }, { contentType: MERGE });
    }
    assert.ok(cluster.history.length >= 10 && cluster.history.length < 20, String(cluster.history.length));
    const { events, ended } = await watch(transport, WIDGETS, { resourceVersion: body.metadata.resourceVersion });
    await ended;
    assert.equal(events[0]?.type, 'ERROR');
  });

  it('a page from before is gone, and says how to go on without consistency', async () => {
    const { cluster, ask } = bench();
    for (const name of ['a', 'b', 'c']) await ask('POST', WIDGETS, widget(name));
    const { body: first } = await ask('GET', WIDGETS, undefined, { query: { limit: '1' } });
    await ask('DELETE', `${WIDGETS}/b`);
    cluster.compact();
    const { body: gone, status } = await ask('GET', WIDGETS, undefined, {
      query: { continue: first.metadata.continue },
    });
    assert.deepEqual([status, gone.reason], [410, 'Expired']);
    const { body: rest } = await ask('GET', WIDGETS, undefined, { query: { continue: gone.metadata.continue } });
    assert.deepEqual(
      rest.items.map(({ metadata }) => metadata.name),
      ['c'],
    );
  });

  it('an aborted watch throws the reason and is forgotten', async () => {
    const { cluster, clock, transport } = bench();
    const stop = new AbortController();
    const { ended } = await watch(transport, WIDGETS, { ...BOOKMARKS, timeoutSeconds: '100' }, stop.signal);
    stop.abort(new Error('enough'));
    await assert.rejects(ended, /enough/);
    await clock.settle();
    assert.deepEqual([cluster.watching, clock.pending], [0, 0]);
    await assert.rejects(watch(transport, WIDGETS, {}, stop.signal), /enough/);
  });

  it('watches can be cut cleanly and as a broken connection', async () => {
    const { cluster, transport } = bench();
    const clean = await watch(transport, WIDGETS);
    cluster.cutWatches();
    await clean.ended;
    const broken = await watch(transport, WIDGETS);
    cluster.cutWatches(new Error('ECONNRESET'));
    await assert.rejects(broken.ended, /ECONNRESET/);
    assert.equal(cluster.watching, 0);
  });

  it('initial events can be asked for, up to a bookmark that says so', async () => {
    const { cluster, transport, ask } = bench();
    await ask('POST', WIDGETS, widget('a'));
    const query = { ...BOOKMARKS, sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };
    const { events, ended } = await watch(transport, WIDGETS, { ...query, resourceVersion: '1' });
    await ask('POST', WIDGETS, widget('b'));
    cluster.cutWatches();
    await ended;
    assert.deepEqual(
      events.map(({ type, object }) => [type, object.metadata.name]),
      [
        ['ADDED', 'a'],
        ['BOOKMARK', undefined],
        ['ADDED', 'b'],
      ],
    );
    assert.match(JSON.stringify(events[1]), /"k8s.io\/initial-events-end":"true"/);
    const stream = await transport.stream({
      method: 'GET',
      path: WIDGETS,
      query: { watch: '1', sendInitialEvents: 'true' },
    });
    assert.equal(stream.status, 422);
  });

  it('one object can be watched by its name', async () => {
    const { cluster, transport, ask } = bench();
    const { events, ended } = await watch(transport, `${WIDGETS}/a`, { resourceVersion: String(cluster.revision) });
    for (const name of ['a', 'b']) await ask('POST', WIDGETS, widget(name));
    cluster.cutWatches();
    await ended;
    assert.deepEqual(
      events.map(({ object }) => object.metadata.name),
      ['a'],
    );
  });

  it('a definition that goes takes its objects and ends their watches', async () => {
    const { cluster, transport, ask } = bench();
    await ask('POST', WIDGETS, widget('a'));
    const { events, ended } = await watch(transport, WIDGETS);
    await ask('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com');
    await ended;
    assert.equal(events[0]?.type, 'ADDED');
    assert.equal((await ask('GET', WIDGETS)).status, 404);
    assert.equal(cluster.history.filter(({ object, verb }) => object.kind === 'Widget' && verb === 'delete').length, 1);
  });
});
