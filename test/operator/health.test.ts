import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { startHealth, type Health } from '../../src/operator/health.ts';

const metrics = { contentType: 'text/plain; version=0.0.4', text: async () => '# TYPE a gauge\na 1\n' };

describe('health endpoint', () => {
  let missing: string[];
  let health: Health;
  const at = (path: string) => `http://127.0.0.1:${health.port}${path}`;

  beforeEach(async () => {
    missing = ['namespaces', 'rollouts'];
    health = await startHealth({ address: '127.0.0.1', port: 0, missing: () => missing, metrics });
  });
  afterEach(() => health.close());

  it('is alive from the start', async () => {
    const response = await fetch(at('/healthz'));
    assert.equal(response.status, 200);
    assert.equal(await response.text(), 'ok\n');
  });

  it('is ready only when nothing is missing, and says what is', async () => {
    const before = await fetch(at('/readyz'));
    assert.equal(before.status, 503);
    assert.equal(await before.text(), 'waiting for: namespaces, rollouts\n');
    missing = [];
    assert.equal((await fetch(at('/readyz?verbose'))).status, 200);
    missing = ['policies'];
    assert.equal((await fetch(at('/readyz'))).status, 503);
  });

  it('hands out metrics as they are at that moment', async () => {
    const response = await fetch(at('/metrics'));
    assert.equal(response.headers.get('content-type'), metrics.contentType);
    assert.equal(await response.text(), '# TYPE a gauge\na 1\n');
  });

  it('answers nothing else', async () => {
    for (const path of ['/', '/metric', '/healthz/', '/readyz/../secret']) {
      assert.equal((await fetch(at(path))).status, 404, path);
    }
    const post = await fetch(at('/healthz'), { method: 'POST', body: 'x' });
    assert.equal(post.status, 405);
    assert.equal(post.headers.get('allow'), 'GET, HEAD');
    assert.equal((await fetch(at('/healthz'), { method: 'HEAD' })).status, 200);
  });

  it('says which port is taken, and what to change', async () => {
    const second = startHealth({ address: '127.0.0.1', port: health.port, missing: () => [], metrics });
    await assert.rejects(second, {
      message: `health endpoint cannot listen on 127.0.0.1 port ${health.port}: another process uses it; choose another with health.port or --health-port`,
    });
  });

  it('says that an address is not of this machine', async () => {
    // 192.0.2.0/24 is kept for documentation
    const elsewhere = startHealth({ address: '192.0.2.1', port: 0, missing: () => [], metrics });
    await assert.rejects(
      elsewhere,
      /192\.0\.2\.1 port 0: this machine does not have that address; check health\.address/,
    );
  });

  it('is not kept from the kubelet by connections that say nothing', async () => {
    const silent = Array.from({ length: 64 }, () => createConnection(health.port, '127.0.0.1').resume());
    const ended = silent.map(each => new Promise(resolve => each.once('close', resolve).once('error', () => {})));
    await Promise.all(ended);
    assert.equal((await fetch(at('/healthz'))).status, 200);
  });

  it('closes at once even with idle connections, and the port is free again', async () => {
    const idle = createConnection(health.port, '127.0.0.1');
    await new Promise(resolve => idle.once('connect', resolve));
    const ended = new Promise(resolve => idle.once('close', resolve).once('error', () => {}));
    await health.close();
    await ended;
    const again = await startHealth({ address: '127.0.0.1', port: health.port, missing: () => [], metrics });
    await again.close();
  });
});
