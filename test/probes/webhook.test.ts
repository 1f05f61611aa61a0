import assert from 'node:assert/strict';
import { specSchema } from '../../src/api/schema.ts';
import { httpCall } from '../../src/probes/httpCall.ts';
import type { HttpAnswer, HttpRequest } from '../../src/probes/probe.ts';
import { type Receiver, type Told, webhook } from '../../src/probes/webhook.ts';
import { House, silent } from './doors.ts';
import { look, NOW } from './scene.ts';

const RECEIVER: Receiver = {
  name: 'checks',
  url: 'https://checks.example.com:8443/gate?team=shop',
  timeoutMs: 10_000,
  namespaces: ['shop'],
};
const TOLD: Told = {
  author: { namespace: 'shop', name: 'rollout', uid: 'u' },
  isRoot: false,
  plan: '9f2c41ab',
  receivers: [RECEIVER],
};
const status = (code: number, text = ''): HttpAnswer => ({ kind: 'Answer', status: code, text });

interface Scene {
  answer?: HttpAnswer;
  options?: object;
  told?: Partial<Told>;
  receiver?: Partial<Receiver>;
  changedAt?: number | undefined;
}

async function observed({ answer = status(200), options = {}, told = {}, receiver = {}, ...given }: Scene) {
  const [spec] = specSchema.shape.probes.parse([{ name: 'gate', webhook: { name: 'checks', ...options } }]);
  const asked: HttpRequest[] = [];
  const call = (request: HttpRequest) => {
    asked.push(request);
    return Promise.resolve(answer);
  };
  const known = { ...TOLD, receivers: [{ ...RECEIVER, ...receiver }], ...told };
  const probe = webhook('gate', spec!.webhook!, known, { call });
  const seen = await probe.observe(look([], 'changedAt' in given ? {} : { changedAt: NOW }));
  return { ...seen, asked };
}

describe('the probe webhook', () => {
  it('sends what Flagger sends, with the token of the configuration', async () => {
    const bearerToken = () => Promise.resolve('secret');
    const { asked } = await observed({ options: { metadata: { team: 'shop' } }, receiver: { bearerToken, ca: 'PEM' } });
    const [{ body, ...request }] = asked as [HttpRequest];
    assert.deepEqual(request, {
      method: 'POST',
      origin: 'https://checks.example.com:8443',
      path: '/gate?team=shop',
      headers: { 'content-type': 'application/json', authorization: 'Bearer secret' },
      trust: { ca: 'PEM' },
      text: 4096,
    });
    assert.deepEqual(JSON.parse(body!), {
      name: 'rollout',
      namespace: 'shop',
      phase: 'Promoting',
      checksum: '9f2c41ab',
      metadata: { team: 'shop' },
    });
    const before = await observed({ changedAt: undefined });
    assert.match(before.asked[0]?.body ?? '', /"phase":"Progressing"/);
  });

  const judged: [HttpAnswer, string, RegExp][] = [
    [status(200), 'Healthy', /^webhook checks answered with status 200$/],
    [status(204), 'Healthy', /status 204/],
    [status(302), 'Error', /redirects \(status 302\), which is not followed/],
    [status(400, 'orders fail\nsecond line'), 'Unhealthy', /^webhook checks answered with status 400: orders fail$/],
    [status(500, '\u001b[31mbad\u0000'), 'Unhealthy', /^[^\p{Cc}]*status 500:[^\p{Cc}]*bad[^\p{Cc}]*$/u],
    [status(403, 'closed'), 'Error', /status 403: closed$/],
    [status(404), 'Error', /status 404$/],
    [status(429), 'Error', /status 429/],
    [status(503), 'Error', /status 503/],
    [{ kind: 'Refused' }, 'Error', /refused the connection: check the address/],
    [{ kind: 'Closed' }, 'Error', /cut the connection off/],
    [{ kind: 'NotTls', code: 'CERT_HAS_EXPIRED' }, 'Error', /could not be reached \(CERT_HAS_EXPIRED\)/],
  ];
  for (const [answer, verdict, says] of judged)
    it(`takes ${answer.kind === 'Answer' ? answer.status : answer.kind} for ${verdict}`, async () => {
      const seen = await observed({ answer });
      assert.equal(seen.verdict, verdict);
      assert.match(seen.message, says);
      assert.ok(seen.message.length < 300);
    });

  it('calls nobody whom the configuration does not name', async () => {
    const { verdict, message, asked } = await observed({ told: { receivers: [] } });
    assert.deepEqual([verdict, asked], ['Error', []]);
    assert.match(message, /the configuration of the operator has no webhook checks/);
  });

  const rights: [string, Partial<Told>, string[], boolean][] = [
    ['a namespace that is listed', {}, ['shop'], true],
    ['any namespace where all are', {}, ['*'], true],
    ['a namespace that is not listed', {}, ['other'], false],
    ['an ordinary namespace where none is', {}, [], false],
    ['the mesh root namespace, always', { isRoot: true }, [], true],
  ];
  for (const [whose, told, namespaces, may] of rights)
    it(`${may ? 'calls' : 'calls nobody'} for ${whose}`, async () => {
      const { verdict, message, asked } = await observed({ told, receiver: { namespaces } });
      assert.deepEqual([verdict, asked.length], may ? ['Healthy', 1] : ['Error', 0]);
      if (!may) assert.match(message, /not for rollouts of namespace shop/);
    });

  it('says so when the token cannot be read, and repeats nothing of it', async () => {
    const bearerToken = () => Promise.reject(new Error('ENOENT /secret/path'));
    const { verdict, message, asked } = await observed({ receiver: { bearerToken } });
    assert.deepEqual([verdict, asked], ['Error', []]);
    assert.match(message, /the token for webhook checks cannot be read: check the mounted file$/);
  });

  it('gives up on a receiver that never answers', async () => {
    const house = new House();
    const port = await house.open('127.0.0.1', silent);
    const receiver = { ...RECEIVER, url: `http://127.0.0.1:${port}/`, timeoutMs: 100 };
    const [spec] = specSchema.shape.probes.parse([{ name: 'gate', webhook: { name: 'checks' } }]);
    const probe = webhook('gate', spec!.webhook!, { ...TOLD, receivers: [receiver] }, { call: httpCall });
    const { verdict, message } = await probe.observe(look([], { changedAt: NOW }));
    await house.close();
    assert.equal(verdict, 'Error');
    assert.match(message, /webhook checks did not answer within 0\.1 s/);
  });
});
