import assert from 'node:assert/strict';
import type { Listening } from '../../../src/sim/server/http.ts';
import { systemClock } from '../../../src/cluster/clock.ts';
import { EmbeddedCluster, type Intercept } from '../../../src/sim/server/server.ts';
import { waitFor } from '../../bed/waiting.ts';
import { type Body, widgetDefinition } from './cluster.ts';

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';
const JSON_TYPE = { 'content-type': 'application/json' };

describe('embedded server: over HTTP', () => {
  let intercept: Intercept | undefined;
  let cluster: EmbeddedCluster;
  let server: Listening;

  before(async () => {
    cluster = new EmbeddedCluster({
      clock: systemClock,
      crds: [widgetDefinition({ type: 'object', properties: { size: { type: 'integer' } } })],
      intercept: (request, proceed) => (intercept ? intercept(request, proceed) : proceed()),
    });
    server = await cluster.listen();
  });
  after(() => server.close());
  afterEach(() => (intercept = undefined));

  const send = (path: string, init?: RequestInit) => fetch(server.url + path, init);
  const post = (name: string) =>
    send(CONFIG_MAPS, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ metadata: { name } }) });

  it('listens on loopback', () => assert.match(server.url, /^http:\/\/127\.0\.0\.1:[0-9]+$/));

  it('takes JSON and answers JSON', async () => {
    const created = await post('a');
    assert.equal(created.status, 201);
    assert.equal(created.headers.get('content-type'), 'application/json');
    const { metadata } = (await created.json()) as Body;
    assert.equal(cluster.get('v1', 'ConfigMap', 'default', 'a')?.metadata.uid, metadata.uid);
  });

  it('streams a watch until either side ends it', async () => {
    const stop = new AbortController();
    const query = `?watch=1&resourceVersion=${cluster.revision}&fieldSelector=metadata.name%3Dw`;
    const answer = await send(CONFIG_MAPS + query, { signal: stop.signal });
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    await post('w');
    assert.equal((JSON.parse((await reader.read()).value!) as { type: string }).type, 'ADDED');
    assert.equal(cluster.watching, 1);
    stop.abort();
    await assert.rejects(reader.read());
    await waitFor(() => cluster.watching === 0, 'the watch to be given up', 5000);
    const ended = await send(`${CONFIG_MAPS}?watch=1&resourceVersion=${cluster.revision}`);
    cluster.cutWatches();
    assert.equal(await ended.text(), '');
    const broken = await send(`${CONFIG_MAPS}?watch=1&resourceVersion=${cluster.revision}`);
    cluster.cutWatches(new Error('cut'));
    await assert.rejects(broken.text());
  });

  it('a lost answer is a connection that breaks', async () => {
    intercept = async (_request, proceed) => {
      await proceed();
      throw new Error('lost');
    };
    await assert.rejects(post('lost'), TypeError);
    assert.ok(cluster.get('v1', 'ConfigMap', 'default', 'lost'));
  });

  it('takes an apply in YAML', async () => {
    const body = 'apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: y}\nspec: {size: 3}\n';
    const headers = { 'content-type': 'application/apply-patch+yaml' };
    const path = '/apis/example.com/v1/namespaces/default/widgets/y?fieldManager=git';
    const answer = await send(path, { method: 'PATCH', headers, body });
    assert.deepEqual(((await answer.json()) as Body).spec, { size: 3 });
  });

  const malformed: [string, string, RequestInit, number][] = [
    ['a body that is no JSON', CONFIG_MAPS, { method: 'POST', headers: JSON_TYPE, body: '{bad' }, 400],
    ['no body', CONFIG_MAPS, { method: 'POST', headers: JSON_TYPE }, 400],
    ['a body that is no object', CONFIG_MAPS, { method: 'POST', headers: JSON_TYPE, body: '"x"' }, 400],
    ['a body too large', CONFIG_MAPS, { method: 'POST', headers: JSON_TYPE, body: `"${'x'.repeat(3 << 20)}"` }, 413],
    [
      'protobuf of an unknown kind',
      CONFIG_MAPS,
      { method: 'POST', headers: { 'content-type': 'application/vnd.kubernetes.protobuf' }, body: 'k8s\0zz' },
      415,
    ],
    ['a path that is not UTF-8', '/api/v1/%ff', {}, 404],
    ['another method', `${CONFIG_MAPS}/a`, { method: 'OPTIONS' }, 405],
  ];
  for (const [name, path, init, status] of malformed) {
    it(`${name} is answered with ${status}`, async () => assert.equal((await send(path, init)).status, status));
  }

  it('close ends what is open', async () => {
    const other = await cluster.listen();
    const answer = await fetch(`${other.url}${CONFIG_MAPS}?watch=1`);
    await other.close();
    await assert.rejects(answer.text());
    await assert.rejects(fetch(other.url), TypeError);
  });

  it('says when it cannot listen', async () => {
    await assert.rejects(cluster.listen({ port: Number(new URL(server.url).port) }), /EADDRINUSE/);
  });
});
