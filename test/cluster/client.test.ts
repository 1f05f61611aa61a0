import assert from 'node:assert/strict';
import { KubeClient } from '../../src/cluster/client.ts';
import type { Clock } from '../../src/cluster/clock.ts';
import { KubeError } from '../../src/cluster/errors.ts';
import { HttpTransport } from '../../src/cluster/httpTransport.ts';
import { json, ScriptedServer, status } from './scriptedServer.ts';
import { listOf, sizeOf, widget, WIDGETS } from './widgets.ts';

const A = { resource: WIDGETS, namespace: 'shop', name: 'a' };
const PATH = '/apis/example.io/v1/namespaces/shop/widgets';
const SEEN = { uid: 'u', resourceVersion: '7' };

describe('client', () => {
  let server: ScriptedServer;
  let transport: HttpTransport;
  let client: KubeClient;
  /** What the client waited for, without having waited. */
  let waits: number[];

  beforeEach(async () => {
    waits = [];
    const clock: Clock = {
      now: () => 0,
      monotonic: () => 0,
      wait: async ms => void waits.push(ms),
    };
    server = await ScriptedServer.start(exchange => json(exchange, 200, widget('a', 8, 'S')));
    transport = new HttpTransport(server.config());
    client = new KubeClient(transport, clock);
  });

  afterEach(async () => {
    await transport.close();
    await server.close();
  });

  const fail = (code: number, times: number, headers = {}) => {
    server.script = exchange =>
      server.requests.length <= times
        ? status(exchange, code, 'X', 'no', headers)
        : json(exchange, 200, exchange.path === PATH ? listOf(9, [widget('a', 8, 'S')]) : widget('a', 8, 'S'));
  };
  const kind = (wanted: string) => (error: unknown) => error instanceof KubeError && error.kind === wanted;

  it('asks once which version is served, takes the best, and asks again when it is no longer there', async () => {
    const resource = { ...WIDGETS, versions: ['v1beta1', 'v1', 'v1alpha1'] };
    let served = ['v1', 'v1beta1'];
    server.script = exchange => {
      const version = exchange.path.split('/')[3] ?? '';
      if (!served.includes(version)) return status(exchange, 404, 'NotFound', 'no');
      const isList = exchange.path === `/apis/example.io/${version}`;
      return json(exchange, 200, isList ? { resources: [{ name: 'widgets' }] } : widget('a', 8, 'S'));
    };
    const read = async () => await client.get({ ...A, resource });
    await read();
    await read();
    served = ['v1'];
    await assert.rejects(read(), kind('NotFound'));
    await read();
    await read();
    assert.deepEqual(
      server.requests.map(({ path }) => path.split('/').slice(3).join('/')),
      ['v1beta1', 'v1beta1', 'v1beta1', 'v1beta1', 'v1beta1', 'v1', 'v1', 'v1'].map((version, index) =>
        [0, 4, 5].includes(index) ? version : `${version}/namespaces/shop/widgets/a`,
      ),
    );
  });

  it('asks for the version it knows where none is served', async () => {
    server.script = exchange => status(exchange, 404, 'NotFound', 'no');
    await assert.rejects(client.get({ ...A, resource: { ...WIDGETS, versions: ['v2', 'v1'] } }), kind('NotFound'));
    assert.deepEqual(
      server.requests.map(({ path }) => path),
      ['/apis/example.io/v2', '/apis/example.io/v1', `${PATH}/a`],
    );
  });

  it('sends what Kubernetes expects, and says who writes', async () => {
    await client.get(A);
    await client.create(WIDGETS, 'shop', { metadata: { name: 'a' } });
    await client.mergePatch(A, { spec: { size: null } });
    await client.replaceStatus(A, { metadata: { name: 'a', resourceVersion: '7' }, status: {} });
    await client.delete(A, SEEN);
    const sent = server.requests.map(({ method, path, query, body, headers }) => [
      `${method} ${path}`,
      query.get('fieldManager'),
      headers['content-type'],
      body,
    ]);
    assert.deepEqual(sent, [
      [`GET ${PATH}/a`, null, undefined, undefined],
      [`POST ${PATH}`, 'mtls-rollout', 'application/json', { metadata: { name: 'a' } }],
      [`PATCH ${PATH}/a`, 'mtls-rollout', 'application/merge-patch+json', { spec: { size: null } }],
      [
        `PUT ${PATH}/a/status`,
        'mtls-rollout',
        'application/json',
        {
          apiVersion: 'example.io/v1',
          kind: 'Widget',
          metadata: { name: 'a', resourceVersion: '7' },
          status: {},
        },
      ],
      [
        `DELETE ${PATH}/a`,
        null,
        'application/json',
        {
          apiVersion: 'v1',
          kind: 'DeleteOptions',
          preconditions: { uid: 'u', resourceVersion: '7' },
          propagationPolicy: 'Background',
        },
      ],
    ]);
  });

  it('counts requests by verb and resource, tries included', async () => {
    await client.get(A);
    await client.mergePatch(A, {});
    server.requests.length = 0;
    fail(500, 1);
    await client.get(A);
    assert.deepEqual(
      [...client.requests.asked],
      [
        ['get widgets.example.io', 3],
        ['patch widgets.example.io', 1],
      ],
    );
  });

  it('lists page by page, as the caller goes on', async () => {
    const pages: Record<string, object> = {
      '': listOf(10, [widget('a', 3, 'S'), widget('b', 4, 'S')], 'two'),
      two: listOf(10, [widget('c', 5, 'S')], 'three'),
      three: listOf(10, [widget('d', 5, 'S')]),
    };
    server.script = exchange => json(exchange, 200, pages[exchange.query.get('continue') ?? '']);
    const names: string[] = [];
    const options = { namespace: 'shop', labelSelector: 'app in (a,b)', limit: 2 };
    for await (const item of client.list(WIDGETS, options)) {
      names.push(sizeOf(item).name);
      if (names.length === 3) break;
    }
    assert.deepEqual(names, ['a', 'b', 'c']);
    assert.equal(server.requests.length, 2, 'the third page was not asked for');
    for (const { path, query } of server.requests) {
      assert.deepEqual([path, query.get('limit'), query.get('labelSelector')], [PATH, '2', 'app in (a,b)']);
      assert.equal(query.has('resourceVersion'), false);
    }
  });

  it('tries reads again, three times at most', async () => {
    fail(503, 2);
    assert.equal((await client.get<{ kind: string }>(A)).kind, 'Widget');
    assert.deepEqual([server.requests.length, waits], [3, [250, 1000]]);
    server.requests.length = 0;
    fail(500, 9);
    await assert.rejects(client.get(A), kind('Unavailable'));
    assert.equal(server.requests.length, 3);
    server.requests.length = 0;
    await assert.rejects(client.list(WIDGETS, { namespace: 'shop' }).next(), kind('Unavailable'));
    assert.equal(server.requests.length, 3);
  });

  it('tries a read again whose connection broke', async () => {
    server.script = exchange => {
      if (server.requests.length === 1) exchange.socket.resetAndDestroy();
      else json(exchange, 200, widget('a', 8, 'S'));
    };
    await client.get(A);
    assert.equal(server.requests.length, 2);
  });

  it('waits as long as Retry-After says, unless that is too long to wait for', async () => {
    fail(429, 1, { 'retry-after': '3' });
    await client.get(A);
    assert.deepEqual(waits, [3000]);
    server.requests.length = 0;
    fail(429, 1, { 'retry-after': '120' });
    await assert.rejects(
      client.get(A),
      (error: KubeError) => error.kind === 'Throttled' && error.retryAfterMs === 120_000,
    );
    assert.equal(server.requests.length, 1);
  });

  it('does not try again what would fail again', async () => {
    for (const [code, wanted] of [
      [400, 'Invalid'],
      [401, 'Unauthorized'],
      [403, 'Forbidden'],
      [404, 'NotFound'],
      [410, 'Gone'],
    ] as const) {
      server.requests.length = 0;
      fail(code, 9);
      await assert.rejects(client.get(A), kind(wanted));
      assert.equal(server.requests.length, 1);
    }
  });

  it('never tries a write again, whatever went wrong', async () => {
    const writes: (() => Promise<unknown>)[] = [
      () => client.create(WIDGETS, 'shop', { metadata: { name: 'a' } }),
      () => client.mergePatch(A, {}),
      () => client.replace(A, {}),
      () => client.replaceStatus(A, {}),
      () => client.delete(A, SEEN),
    ];
    for (const code of [429, 500, 503]) {
      for (const write of writes) {
        server.requests.length = 0;
        fail(code, 9, { 'retry-after': '0' });
        await assert.rejects(write(), kind(code === 429 ? 'Throttled' : 'Unavailable'));
        assert.equal(server.requests.length, 1);
      }
    }
    server.script = ({ socket }) => void socket.destroy();
    for (const write of writes) {
      server.requests.length = 0;
      await assert.rejects(write(), kind('Unavailable'));
      assert.equal(server.requests.length, 1);
    }
  });

  it('gives the error of a refused watch', async () => {
    fail(403, 9);
    const options = { resourceVersion: '1', timeoutSeconds: 1, signal: new AbortController().signal };
    await assert.rejects(client.watch(WIDGETS, options), kind('Forbidden'));
  });

  it('does not take for a list what is none', async () => {
    for (const body of [{}, 'text', null, { items: {}, metadata: { resourceVersion: '1' } }, { items: [] }]) {
      server.script = exchange => json(exchange, 200, body);
      await assert.rejects(client.list(WIDGETS).next(), kind('Unavailable'));
    }
    server.script = exchange => json(exchange, 200, { items: null, metadata: { resourceVersion: '1' } });
    assert.equal((await client.list(WIDGETS).next()).done, true);
  });

  it('stops waiting when told to', async () => {
    fail(500, 9);
    const stop = new AbortController();
    const reason = new Error('enough');
    const waiting: Clock = { now: () => 0, monotonic: () => 0, wait: async () => stop.abort(reason) };
    await assert.rejects(new KubeClient(transport, waiting).get(A, stop.signal), error => error === reason);
    assert.equal(server.requests.length, 1);
  });
});
