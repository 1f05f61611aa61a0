import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { KubeConfig } from '@kubernetes/client-node';
import { KubeError } from '../../src/cluster/errors.ts';
import { HttpTransport, type HttpTransportOptions } from '../../src/cluster/httpTransport.ts';
import { certificate } from './certificates.ts';
import { configFor, type Exchange, json, type Script, ScriptedServer } from './scriptedServer.ts';

const GET = { method: 'GET', path: '/api/v1/pods' } as const;

describe('HTTP transport', () => {
  const closing: (() => Promise<void> | void)[] = [];
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'transport-'));
  });

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
    rmSync(folder, { recursive: true });
  });

  async function serve(script: Script, tls?: Parameters<typeof ScriptedServer.start>[1]): Promise<ScriptedServer> {
    const server = await ScriptedServer.start(script, tls);
    closing.push(() => server.close());
    return server;
  }

  function transportTo(config: KubeConfig, options?: HttpTransportOptions): HttpTransport {
    const transport = new HttpTransport(config, options);
    closing.push(() => transport.close());
    return transport;
  }

  const unavailable = (pattern: RegExp) => (error: unknown) => {
    assert.ok(error instanceof KubeError, String(error));
    assert.equal(error.kind, 'Unavailable', error.message);
    assert.match(error.message, pattern);
    return true;
  };

  it('sends method, path, query and body, and gives back status, headers and JSON', async () => {
    const server = await serve(exchange => json(exchange, 201, { told: exchange.body }, { 'X-Thing': 'a' }));
    const answer = await transportTo(server.config()).call({
      method: 'PATCH',
      path: '/api/v1/namespaces/shop/pods/a',
      query: { fieldManager: 'me', dropped: undefined, labelSelector: 'a in (b,c)&d' },
      body: { x: 'ü' },
      contentType: 'application/merge-patch+json',
    });
    assert.equal(answer.status, 201);
    assert.equal(answer.headers['x-thing'], 'a');
    assert.deepEqual(answer.body, { told: { x: 'ü' } });
    const [request] = server.requests;
    assert.equal(request!.method, 'PATCH');
    assert.equal(request!.path, '/api/v1/namespaces/shop/pods/a');
    assert.deepEqual(Object.fromEntries(request!.query), { fieldManager: 'me', labelSelector: 'a in (b,c)&d' });
    assert.equal(request!.headers['content-type'], 'application/merge-patch+json');
    assert.equal(request!.headers['user-agent'], 'mtls-rollout');
  });

  it('keeps the path of a cluster behind a proxy path', async () => {
    const server = await serve(exchange => json(exchange, 200, {}));
    await transportTo(configFor(`${server.url}/k8s/clusters/c-1/`)).call(GET);
    assert.equal(server.requests[0]!.path, '/k8s/clusters/c-1/api/v1/pods');
  });

  it('reuses connections: 200 calls one after the other take two, 200 at once at most 16', async () => {
    const server = await serve(exchange => json(exchange, 200, {}));
    const transport = transportTo(server.config());
    for (let i = 0; i < 200; i++) await transport.call(GET);
    assert.ok(server.connections <= 2, `${server.connections} connections`);
    await Promise.all(Array.from({ length: 200 }, () => transport.call(GET)));
    assert.ok(server.connections <= 16, `${server.connections} connections`);
    assert.equal(server.requests.length, 400);
  });

  it('a watch does not take the place of a call', async () => {
    const server = await serve(exchange => {
      if (exchange.query.has('watch')) exchange.response.writeHead(200).flushHeaders();
      else json(exchange, 200, {});
    });
    const transport = transportTo(server.config(), { connections: 1 });
    const stop = new AbortController();
    for (let i = 0; i < 20; i++) await transport.stream({ ...GET, query: { watch: 'true' }, signal: stop.signal });
    assert.equal((await transport.call(GET)).status, 200);
    stop.abort();
  });

  it('gives the text where the answer is not JSON, and rejects damaged JSON', async () => {
    const server = await serve(({ response }) => void response.writeHead(404).end('404 page not found'));
    const transport = transportTo(server.config());
    assert.equal((await transport.call(GET)).body, '404 page not found');
    server.script = ({ response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":');
    await assert.rejects(transport.call(GET), unavailable(/damaged document/));
  });

  it('gives up on a server that does not answer, and on one that stops half-way', async () => {
    const server = await serve(() => undefined);
    const transport = transportTo(server.config(), { callTimeoutMs: 150 });
    await assert.rejects(transport.call(GET), unavailable(/did not answer within 0\.15 s/));
    await assert.rejects(transport.stream(GET), unavailable(/did not answer within 0\.15 s/));
    server.script = ({ response }) => void response.writeHead(200, { 'content-length': '100' }).write('{');
    await assert.rejects(transport.call(GET), unavailable(/did not answer within 0\.15 s/));
    server.script = ({ response, socket }) =>
      void response.writeHead(200, { 'content-length': '100' }).write('{', () => socket.destroy());
    await assert.rejects(transport.call(GET), unavailable(/connection was closed before the answer was complete/));
  });

  it("ends a call with the caller's own reason", async () => {
    const server = await serve(() => undefined);
    const transport = transportTo(server.config());
    const stop = new AbortController();
    const reason = new Error('enough');
    const call = transport.call({ ...GET, signal: stop.signal });
    setTimeout(() => stop.abort(reason), 20);
    await assert.rejects(call, error => error === reason);
    await assert.rejects(transport.call({ ...GET, signal: stop.signal }), error => error === reason);
    assert.equal(server.requests.length, 1);
  });

  it('says that the connection is refused, and where', async () => {
    const server = await ScriptedServer.start(() => undefined);
    const address = new URL(server.url).host;
    await server.close();
    const call = transportTo(configFor(`http://${address}`)).call(GET);
    await assert.rejects(call, unavailable(new RegExp(`\\(${address}\\): connection refused`)));
  });

  it('says that something else than TLS answers', async () => {
    const plain = await serve(exchange => json(exchange, 200, {}));
    const call = transportTo(configFor(plain.url.replace('http:', 'https:'), {}, {})).call(GET);
    await assert.rejects(call, unavailable(/does not speak TLS/));
  });

  describe('lines of a watch', () => {
    const lines = async (transport: HttpTransport, signal?: AbortSignal) => {
      const got: string[] = [];
      const answer = await transport.stream(signal === undefined ? GET : { ...GET, signal });
      try {
        for await (const line of answer.lines) got.push(line);
      } catch (error) {
        return { got, error };
      }
      return { got, error: undefined };
    };

    it('come whole, however they were cut on the way', async () => {
      const text = '{"a":"ü€😀"}\n\n{"b":2}\n';
      const server = await serve(async ({ response, socket }) => {
        socket.setNoDelay(true);
        response.writeHead(200);
        for (const byte of Buffer.from(text)) {
          response.write(Buffer.of(byte));
          await new Promise(resolve => setImmediate(resolve));
        }
        response.end();
      });
      assert.deepEqual(await lines(transportTo(server.config())), {
        got: ['{"a":"ü€😀"}', '', '{"b":2}'],
        error: undefined,
      });
    });

    it('end with half a line where the server ends in the middle of one', async () => {
      const server = await serve(({ response }) => void response.writeHead(200).end('{"a":1}\n{"b"'));
      assert.deepEqual((await lines(transportTo(server.config()))).got, ['{"a":1}', '{"b"']);
    });

    it('break where the connection does, without the half line', async () => {
      const server = await serve(
        ({ response, socket }) =>
          void response.writeHead(200).write('{"a":1}\n{"b"', () => setTimeout(() => socket.resetAndDestroy(), 20)),
      );
      const { got, error } = await lines(transportTo(server.config()));
      assert.deepEqual(got, ['{"a":1}']);
      unavailable(/cannot reach the API server/)(error);
    });

    it("break with the caller's reason", async () => {
      const stop = new AbortController();
      const server = await serve(({ response }) => void response.writeHead(200).write('{"a":1}\n'));
      const reading = lines(transportTo(server.config()), stop.signal);
      const reason = new Error('silent for too long');
      setTimeout(() => stop.abort(reason), 50);
      assert.deepEqual(await reading, { got: ['{"a":1}'], error: reason });
    });

    it('outlive the deadline of calls', async () => {
      const server = await serve(({ response }) => {
        response.writeHead(200).write('{"a":1}\n');
        setTimeout(() => response.end('{"b":2}\n'), 400);
      });
      const { got, error } = await lines(transportTo(server.config(), { callTimeoutMs: 100 }));
      assert.deepEqual([got, error], [['{"a":1}', '{"b":2}'], undefined]);
    });
  });

  describe('credentials', () => {
    const authorization = ({ headers }: Exchange) => headers.authorization;

    it('are a bearer token, basic authentication or an impersonated user', async () => {
      const server = await serve(exchange => json(exchange, 200, {}));
      await transportTo(server.config({ token: 'abc\n' })).call(GET);
      await transportTo(server.config({ username: 'jane', password: 'ä' })).call(GET);
      await transportTo(server.config({ token: 'abc', impersonateUser: 'bob' })).call(GET);
      assert.deepEqual(server.requests.map(authorization), [
        'Bearer abc',
        `Basic ${Buffer.from('jane:ä').toString('base64')}`,
        'Bearer abc',
      ]);
      assert.equal(server.requests[2]!.headers['impersonate-user'], 'bob');
    });

    it('follow a token file that is rotated', async () => {
      const tokenFile = join(folder, 'token');
      writeFileSync(tokenFile, 'first\n');
      const server = await serve(exchange => json(exchange, 200, {}));
      const authProvider = { name: 'tokenFile', config: { tokenFile } };
      const transport = transportTo(server.config({ authProvider }));
      mock.timers.enable({ apis: ['Date'], now: Date.now() });
      closing.push(() => mock.timers.reset());
      await transport.call(GET);
      writeFileSync(tokenFile, 'second\n');
      mock.timers.tick(61_000);
      await transport.call(GET);
      assert.deepEqual(server.requests.map(authorization), ['Bearer first', 'Bearer second']);
    });

    it('come from a plug-in that is started once for many requests', async () => {
      const log = join(folder, 'runs');
      const credential = {
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: 'T' },
      };
      const program = `require('fs').appendFileSync(${JSON.stringify(log)}, 'x'); console.log(${JSON.stringify(JSON.stringify(credential))})`;
      const server = await serve(exchange => json(exchange, 200, {}));
      const exec = { command: process.execPath, args: ['-e', program] };
      const transport = transportTo(server.config({ exec }));
      await Promise.all(Array.from({ length: 10 }, () => transport.call(GET)));
      assert.deepEqual(new Set(server.requests.map(authorization)), new Set(['Bearer T']));
      assert.equal(readFileSync(log, 'utf8'), 'x');
    });

    it('that cannot be had are reported as such, within the deadline', async () => {
      const server = await serve(exchange => json(exchange, 200, {}));
      const missing = transportTo(server.config({ exec: { command: join(folder, 'none'), args: [] } }));
      await assert.rejects(missing.call(GET), (error: unknown) => {
        assert.ok(error instanceof KubeError);
        assert.equal(error.kind, 'Unauthorized');
        assert.match(error.message, /no credentials for http.*none/);
        return true;
      });
      const hangs = { command: process.execPath, args: ['-e', 'setTimeout(() => {}, 1500)'] };
      const slow = transportTo(server.config({ exec: hangs }), { callTimeoutMs: 200 });
      await assert.rejects(slow.call(GET), unavailable(/did not answer/));
      assert.equal(server.requests.length, 0);
    });
  });

  describe('certificates', () => {
    const ca = certificate({ name: 'test-ca' });
    const trusted = { caData: Buffer.from(ca.cert).toString('base64') };

    it('of the server are checked against the CA of the cluster', async () => {
      const { cert, key } = certificate({ name: 'kube', issuer: ca });
      const server = await serve(exchange => json(exchange, 200, {}), { cert, key });
      assert.equal((await transportTo(server.config({}, trusted)).call(GET)).status, 200);
      const other = { caData: Buffer.from(certificate({ name: 'other-ca' }).cert).toString('base64') };
      const call = transportTo(server.config({}, other)).call(GET);
      await assert.rejects(call, unavailable(/not signed by the configured CA/));
    });

    it('of the server that have expired are named as the reason', async () => {
      const yesterday = new Date(Date.now() - 86_400_000);
      const { cert, key } = certificate({ name: 'kube', issuer: ca, notBefore: new Date(0), notAfter: yesterday });
      const server = await serve(exchange => json(exchange, 200, {}), { cert, key });
      const transport = transportTo(server.config({}, trusted));
      await assert.rejects(transport.call(GET), unavailable(/https:.*the server's certificate has expired: renew it/));
      await assert.rejects(transport.stream(GET), unavailable(/the server's certificate has expired/));
    });

    it('of the client are taken up when their files change, on new connections', async () => {
      const clientCa = certificate({ name: 'client-ca' });
      const [certFile, keyFile] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
      const install = (name: string) => {
        const { cert, key } = certificate({ name, issuer: clientCa });
        writeFileSync(certFile, cert);
        writeFileSync(keyFile, key);
      };
      const { cert, key } = certificate({ name: 'kube', issuer: ca });
      const script: Script = exchange => {
        const { CN } = (exchange.socket as TLSSocket).getPeerCertificate().subject;
        if (exchange.query.has('watch')) exchange.response.writeHead(200).write(`${String(CN)}\n`);
        else json(exchange, 200, CN);
      };
      const server = await serve(script, { cert, key, ca: clientCa.cert, requestCert: true });
      const transport = transportTo(server.config({ certFile, keyFile }, trusted));
      install('one');
      assert.equal((await transport.call(GET)).body, 'one');
      assert.equal((await transport.call(GET)).body, 'one');
      const stop = new AbortController();
      const watch = await transport.stream({ ...GET, query: { watch: 'true' }, signal: stop.signal });
      install('two');
      assert.equal((await transport.call(GET)).body, 'two');
      // what was open before goes on
      const first = await watch.lines[Symbol.asyncIterator]().next();
      assert.equal(first.value, 'one');
      stop.abort();
    });
  });

  it('goes through an HTTP proxy', async () => {
    const ca = certificate({ name: 'test-ca' });
    const server = await serve(exchange => json(exchange, 200, 'behind'), certificate({ name: 'kube', issuer: ca }));
    const proxy = await proxyTo(server);
    closing.push(proxy.close);
    const caData = Buffer.from(ca.cert).toString('base64');
    const config = configFor('https://localhost:1', {}, { caData, proxyUrl: proxy.url });
    assert.equal((await transportTo(config).call(GET)).body, 'behind');
  });

  it('refuses a configuration without a server, and options that make no sense', () => {
    assert.throws(() => new HttpTransport(configFor('nonsense')), /names no cluster with an address/);
    assert.throws(() => new HttpTransport(configFor('https://x'), { callTimeoutMs: 0 }), RangeError);
    assert.throws(() => new HttpTransport(configFor('https://x'), { connections: 0 }), RangeError);
  });
});

/** A proxy that tunnels every CONNECT to the one server, whatever its name. */
async function proxyTo(server: ScriptedServer): Promise<{ url: string; close: () => Promise<void> }> {
  const { connect } = await import('node:net');
  const { port } = new URL(server.url);
  const listener = createServer(socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const through = connect(Number(port), '127.0.0.1');
      socket.pipe(through).pipe(socket);
      through.on('error', () => socket.destroy());
      socket.on('error', () => through.destroy());
    });
  });
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    close: () => new Promise(resolve => listener.close(() => resolve())),
  };
}
