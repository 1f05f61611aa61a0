import assert from 'node:assert/strict';
import { type SpecInput, specSchema } from '../../src/api/schema.ts';
import { seenService } from '../../src/istio/inventory/projections.ts';
import { http } from '../../src/probes/http.ts';
import { httpCall } from '../../src/probes/httpCall.ts';
import { tlsHello } from '../../src/probes/hello.ts';
import type { HttpAnswer, HttpRequest, Sight } from '../../src/probes/probe.ts';
import { isSpecialAddress } from '../../src/probes/specialAddress.ts';
import { type Behaviour, certificate, House, reset, strict } from './doors.ts';
import { look, NOW } from './scene.ts';

type Options = NonNullable<NonNullable<SpecInput['probes']>[number]['http']>;
type Eyes = Pick<Sight, 'call' | 'hello'>;

const SERVICE = {
  metadata: { namespace: 'cart', name: 'web' },
  spec: { clusterIP: '10.96.0.11', selector: { app: 'web' }, ports: [{ port: 80 }, { port: 53, protocol: 'UDP' }] },
};
const OPTIONS: Options = { service: 'web', port: 80, path: '/healthz' };

/** One look at a Service as the API serves it. */
async function observed(eyes: Eyes, service: object | 'none' = SERVICE, given: Partial<Options> = {}) {
  const [spec] = specSchema.shape.probes.parse([{ name: 'smoke', http: { ...OPTIONS, ...given } }]);
  const cluster = { service: () => Promise.resolve(service === 'none' ? undefined : seenService(service)) };
  const probe = http('smoke', { ...spec!.http!, namespace: 'cart' }, eyes, cluster);
  return probe.observe(look([], { changedAt: NOW }));
}

const answering = (answer: HttpAnswer, asked: HttpRequest[] = []): Eyes => ({
  call: request => {
    asked.push(request);
    return Promise.resolve(answer);
  },
  hello: () => Promise.resolve({ kind: 'Reset' }),
});
const status = (code: number): HttpAnswer => ({ kind: 'Answer', status: code, text: '' });
const unasked: Eyes = {
  call: () => Promise.reject(new Error('no request expected')),
  hello: () => Promise.reject(new Error('no hello expected')),
};

describe('the probe http', () => {
  it('asks the cluster IP by the name of the Service, with no header of an author', async () => {
    const asked: HttpRequest[] = [];
    await observed(answering(status(200), asked));
    assert.deepEqual(asked, [
      {
        method: 'GET',
        origin: 'http://10.96.0.11:80',
        path: '/healthz',
        headers: { host: 'web.cart.svc' },
        trust: 'Anybody',
      },
    ]);
    await observed(answering(status(200), asked), { ...SERVICE, spec: { ...SERVICE.spec, clusterIP: 'fd00::1' } });
    assert.equal(asked[1]?.origin, 'http://[fd00::1]:80');
    await observed(answering(status(200), asked), SERVICE, { scheme: 'HTTPS' });
    assert.equal(asked[2]?.origin, 'https://10.96.0.11:80');
  });

  const judged: [number, string | undefined, string][] = [
    [200, undefined, 'Healthy'],
    [302, undefined, 'Healthy'],
    [399, undefined, 'Healthy'],
    [400, undefined, 'Unhealthy'],
    [503, undefined, 'Unhealthy'],
    [302, '200-299', 'Unhealthy'],
    [404, '404', 'Healthy'],
    [200, '404', 'Unhealthy'],
  ];
  for (const [code, expectStatus, verdict] of judged)
    it(`takes ${code} for ${verdict} where ${expectStatus ?? 'nothing'} is expected`, async () => {
      const seen = await observed(answering(status(code)), SERVICE, expectStatus ? { expectStatus } : {});
      assert.deepEqual([seen.verdict, seen.value], [verdict, String(code)]);
    });

  const answers: [HttpAnswer, string, RegExp][] = [
    [{ kind: 'Refused' }, 'Unhealthy', /port 80 of Service cart\/web was refused/],
    [{ kind: 'Closed' }, 'Unhealthy', /was cut off before any answer/],
    [{ kind: 'NotHttp' }, 'Unhealthy', /something that is not HTTP: check port and scheme/],
    [{ kind: 'Silent', code: 'EHOSTUNREACH' }, 'Error', /no answer \(EHOSTUNREACH\).*NetworkPolicy/],
  ];
  for (const [answer, verdict, says] of answers)
    it(`takes ${answer.kind} for ${verdict}`, async () => {
      const seen = await observed(answering(answer));
      assert.equal(seen.verdict, verdict);
      assert.match(seen.message, says);
    });

  const service = (spec: object) => ({ ...SERVICE, spec: { ...SERVICE.spec, ...spec } });
  const hindered: [string, object | 'none', Partial<Options>, RegExp][] = [
    ['that is not there', 'none', {}, /there is no Service cart\/web: correct its name/],
    ['of type ExternalName', service({ type: 'ExternalName', externalName: 'example.com' }), {}, /not followed/],
    ['without selector', service({ selector: undefined }), {}, /no selector, so its endpoints may be anything/],
    ['that is headless', service({ clusterIP: 'None' }), {}, /no cluster IP to ask: name one that is not headless/],
    ['without address yet', service({ clusterIP: '' }), {}, /no cluster IP to ask/],
    ['that claims the metadata service', service({ clusterIP: '169.254.169.254' }), {}, /which is never asked/],
    ['without the port', SERVICE, { port: 8080 }, /no TCP port 8080, only 80: correct the port/],
    ['with the port for UDP', SERVICE, { port: 53 }, /no TCP port 53, only 80/],
  ];
  for (const [what, found, given, says] of hindered)
    it(`does not ask a Service ${what}, and says so`, async () => {
      const seen = await observed(unasked, found, given);
      assert.equal(seen.verdict, 'Error');
      assert.match(seen.message, says);
    });

  describe('to a real port', () => {
    const house = new House();
    after(() => house.close());

    /** Eyes for which the cluster IP leads to a port of this machine. */
    const leadingTo = async (behaviour: Behaviour): Promise<Eyes> => {
      const port = await house.open('127.0.0.1', behaviour);
      const hello = tlsHello(1_000);
      return {
        call: (request, signal) => httpCall({ ...request, origin: `http://127.0.0.1:${port}` }, signal),
        hello: (_address, _port, alpn, signal) => hello('127.0.0.1', port, alpn, signal),
      };
    };

    it('that is STRICT is an Error with a way out, since it refuses whoever is outside the mesh', async () => {
      const seen = await observed(await leadingTo(strict(certificate('URI:spiffe://cluster.local/ns/cart/sa/web'))));
      assert.equal(seen.verdict, 'Error');
      assert.match(seen.message, /port 80 of Service cart\/web is STRICT and refuses the operator, .* job probe/);
    });

    it('that resets without being STRICT is Unhealthy', async () => {
      const seen = await observed(await leadingTo(reset));
      assert.equal(seen.verdict, 'Unhealthy');
    });
  });
});

describe('special addresses', () => {
  for (const address of [
    '127.0.0.1',
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
    'fe80::1',
    'fd00:ec2::254',
    'localhost',
    '',
  ])
    it(`are ${address === '' ? 'nothing at all' : address}`, () => assert.ok(isSpecialAddress(address)));
  for (const address of ['10.96.0.1', '192.168.1.1', '100.64.0.1', 'fd00::1', '2001:db8::1'])
    it(`are not ${address}`, () => assert.ok(!isSpecialAddress(address)));
});
