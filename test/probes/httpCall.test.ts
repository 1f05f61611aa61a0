import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { Socket } from 'node:net';
import { httpCall } from '../../src/probes/httpCall.ts';
import type { HttpRequest } from '../../src/probes/probe.ts';
import { type Behaviour, certificate, echo, hangUp, House, reset, silent, strict } from './doors.ts';

const says =
  (text: string): Behaviour =>
  socket =>
    void socket.once('data', () => socket.end(text));
const MEGABYTES = 64;

describe('an HTTP request', () => {
  const house = new House();
  const mesh = certificate('URI:spiffe://cluster.local/ns/cart/sa/cart');
  after(() => house.close());

  const asked = async (behaviour: Behaviour, given: Partial<HttpRequest> & { scheme?: string } = {}, ms = 5_000) => {
    const { scheme = 'http', ...request } = given;
    const port = await house.open('127.0.0.1', behaviour);
    const origin = `${scheme}://127.0.0.1:${port}`;
    return httpCall({ method: 'GET', origin, path: '/', headers: {}, ...request }, AbortSignal.timeout(ms));
  };

  for (const status of [200, 204, 404, 500, 503])
    it(`tells status ${status}`, async () =>
      assert.deepEqual(await asked(says(`HTTP/1.1 ${status} X\r\ncontent-length: 0\r\n\r\n`)), {
        kind: 'Answer',
        status,
        text: '',
      }));

  it('does not follow a redirect, whatever it leads to', async () => {
    const elsewhere = await house.open('127.0.0.2', echo);
    const answer = await asked(says(`HTTP/1.1 302 X\r\nlocation: http://127.0.0.2:${elsewhere}/\r\n\r\n`));
    assert.deepEqual(answer, { kind: 'Answer', status: 302, text: '' });
    assert.equal(house.visits.get(`127.0.0.2:${elsewhere}`), undefined);
  });

  it('takes a new connection each time, and asks for the name it is given', async () => {
    const heard: string[] = [];
    const port = await house.open('127.0.0.1', socket => {
      socket.once('data', request => {
        heard.push(request.toString());
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    const request = {
      method: 'POST',
      origin: `http://127.0.0.1:${port}`,
      path: '/x?y=1',
      headers: { host: 'web.cart.svc', 'content-type': 'application/json' },
      body: '{}',
    } as const;
    for (let times = 0; times < 2; times += 1) await httpCall(request, AbortSignal.timeout(5_000));
    assert.equal(house.visits.get(`127.0.0.1:${port}`), 2);
    assert.match(heard[0]!, /^POST \/x\?y=1 HTTP\/1\.1\r\n/);
    assert.match(heard[0]!, /\r\nhost: web\.cart\.svc\r\n/i);
    assert.match(heard[0]!, /\r\n\r\n\{\}$/);
  });

  const others: [string, Behaviour, object][] = [
    ['a reset', reset, { kind: 'Closed' }],
    ['a port that hangs up', hangUp, { kind: 'Closed' }],
    ['plaintext to a port that is STRICT', strict(mesh), { kind: 'Closed' }],
    ['something that is not HTTP', says('220 mail.example.com ESMTP\r\n'), { kind: 'NotHttp' }],
    ['headers without end', says(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(64 * 1024)}\r\n\r\n`), { kind: 'NotHttp' }],
  ];
  for (const [what, behaviour, expected] of others)
    it(`tells ${what}`, async () => assert.deepEqual(await asked(behaviour), expected));

  it('tells that nothing listens', async () => {
    const request = { method: 'GET', origin: 'http://127.0.0.1:1', path: '/', headers: {} } as const;
    assert.deepEqual(await httpCall(request, AbortSignal.timeout(5_000)), { kind: 'Refused' });
  });

  it('rejects when the time is over, for one that never answers', async () =>
    assert.rejects(asked(silent, {}, 100), { name: 'TimeoutError' }));

  it('reads no more of an endless body than was asked for', async () => {
    let sent = 0;
    const pour = (socket: Socket) => {
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      const more = () => {
        let isRoom = true;
        for (; isRoom && sent < MEGABYTES && !socket.destroyed; sent += 1) isRoom = socket.write(chunk);
        socket.once('drain', more);
      };
      socket.once('data', () => {
        socket.write('HTTP/1.1 500 X\r\ntransfer-encoding: identity\r\n\r\n');
        more();
      });
    };
    const answer = await asked(pour, { text: 4096 });
    assert.ok(answer.kind === 'Answer' && answer.text === 'x'.repeat(4096), JSON.stringify(answer).slice(0, 100));
    assert.ok(sent < MEGABYTES, `${sent} MiB`);
  });

  it('takes any certificate where it may, and only a trusted one of the right name elsewhere', async () => {
    const pair = certificate('DNS:hook.example.com');
    const server = createServer(pair, (_, answer) => void answer.end('fine'));
    const secured: Behaviour = socket => server.emit('connection', socket);
    const fine = { kind: 'Answer', status: 200, text: 'fine' };
    const ask = (given: Partial<HttpRequest>) => asked(secured, { scheme: 'https', text: 10, ...given });
    assert.deepEqual(await ask({ trust: 'Anybody' }), fine);
    assert.deepEqual(await ask({}), { kind: 'NotTls', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    const trust = { ca: pair.cert };
    assert.deepEqual(await ask({ trust, headers: { host: 'hook.example.com' } }), fine);
    assert.deepEqual(await ask({ trust }), { kind: 'NotTls', code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('is refused by a port that is STRICT, which asks for a certificate', async () => {
    const answer = await asked(strict(mesh), { scheme: 'https', trust: 'Anybody' });
    assert.ok(answer.kind === 'NotTls' || answer.kind === 'Closed', JSON.stringify(answer));
  });
});
