import assert from 'node:assert/strict';
import type { Pod } from '../../src/istio/objects.ts';
import { enforcement } from '../../src/probes/enforcement.ts';
import { tlsHello } from '../../src/probes/hello.ts';
import type { HelloAnswer, Look } from '../../src/probes/probe.ts';
import {
  applicationTls,
  type Behaviour,
  certificate,
  echo,
  House,
  http,
  permissiveHttp,
  reset,
  silent,
  strict,
} from './doors.ts';
import { cart, look, MINUTE, NOW, pod, shop } from './scene.ts';

const round = (kind: 'Enforcement' | 'Soak', given: Partial<Look> = {}) => ({
  round: kind,
  changedAt: NOW - MINUTE,
  ...given,
});

describe('enforcement, against real ports', () => {
  const house = new House();
  const mesh = certificate('URI:spiffe://cluster.local/ns/cart/sa/cartservice');
  const own = certificate('DNS:app.example.com');
  const elsewhere = certificate('URI:spiffe://cluster.local/ns/shop/sa/frontend');
  const probe = enforcement('enforced', { samples: 20 }, { hello: tlsHello(300) });
  let next = 1;
  after(() => house.close());

  /** A pod at an address of its own, with one port for each behaviour. */
  async function podWith(...behaviours: Behaviour[]): Promise<Pod> {
    const ip = `127.0.4.${next++}`;
    const ports = [];
    for (const behaviour of behaviours) ports.push(await house.open(ip, behaviour));
    return pod({ name: `cart-${next}`, ip, ports });
  }

  const at = (one: Pod) => `port ${one.ports[0]} of cart/${one.name}`;

  it('takes part after STRICT was written only, and asks nobody before', async () => {
    assert.deepEqual(probe.rounds, ['Enforcement', 'Soak', 'Restored']);
    const one = await podWith(echo);
    assert.equal((await probe.observe(look([one]))).verdict, 'NoData');
    assert.equal(house.visits.size, 0);
  });

  it('is Healthy when every port shows the identity of its workload', async () => {
    const pods = [await podWith(strict(mesh), strict(mesh)), await podWith(strict(mesh))];
    const seen = await probe.observe(look(pods, round('Soak')));
    assert.deepEqual([seen.verdict, seen.value, seen.samples], ['Healthy', '3/3 ports', 3]);
    assert.equal(seen.message, "3 ports refused a stranger with the mesh's certificate");
  });

  describe('after a way back', () => {
    const back = { round: 'Restored', changedAt: undefined } as const;
    const backCases: [string, Behaviour, 'Healthy' | 'Unhealthy' | 'NoData', RegExp][] = [
      ['still STRICT', strict(mesh), 'Unhealthy', /^port \d+ of cart\/cart-\d+ is still STRICT$/],
      [
        'PERMISSIVE before an HTTP application',
        permissiveHttp(mesh),
        'Healthy',
        /^1 port no longer asks for mutual TLS$/,
      ],
      ['answered by the application', echo, 'Healthy', /^1 port no longer asks/],
      ['closed', reset, 'NoData', /resets every hello/],
      ['silent', silent, 'NoData', /did not answer/],
    ];
    for (const [what, behaviour, verdict, message] of backCases)
      it(`is ${verdict} about a port that is ${what}`, async () => {
        const seen = await probe.observe(look([await podWith(behaviour)], back));
        assert.equal(seen.verdict, verdict, seen.message);
        assert.match(seen.message, message);
      });

    it('asks no port that is STRICT by other hands, or was before', async () => {
      const one = await podWith(strict(mesh), echo);
      const seen = await probe.observe(look([one], { ...back, exempt: () => [one.ports[0]!] }));
      assert.deepEqual([seen.verdict, seen.value], ['Healthy', '1/1 ports']);
      assert.equal((await probe.observe(look([one], { ...back, exempt: () => 'All' }))).verdict, 'Healthy');
    });

    it('needs every port of more than fifty', async () => {
      const pods = await Promise.all(Array.from({ length: 20 }, () => podWith(echo, echo, echo)));
      const seen = await probe.observe(look(pods, back));
      assert.deepEqual([seen.verdict, seen.value], ['Healthy', '60/60 ports']);
    });
  });

  const cases: [string, Behaviour, 'Unhealthy' | 'NoData', 'Unhealthy' | 'NoData', RegExp][] = [
    ['a TCP application answers', echo, 'Unhealthy', 'Unhealthy', /still answers strangers$/],
    ['an HTTP application answers', http, 'Unhealthy', 'Unhealthy', /still answers strangers$/],
    [
      'an application shows a certificate of its own',
      applicationTls(own),
      'Unhealthy',
      'Unhealthy',
      /still answers strangers$/,
    ],
    ['only the mesh is answered', permissiveHttp(mesh), 'Unhealthy', 'NoData', /answers as if still PERMISSIVE$/],
    ['another namespace answers', strict(elsewhere), 'NoData', 'NoData', /its address belongs to another pod now$/],
    ['every hello is reset', reset, 'NoData', 'NoData', /resets every hello/],
    ['nobody answers', silent, 'NoData', 'NoData', /did not answer: can the operator reach it/],
  ];
  for (const [title, behaviour, before, during, message] of cases) {
    it(`when ${title}: ${before} while STRICT spreads, ${during} in soak`, async () => {
      const odd = await podWith(behaviour);
      const pods = [await podWith(strict(mesh)), odd];
      for (const [kind, verdict] of [
        ['Enforcement', before],
        ['Soak', during],
      ] as const) {
        const seen = await probe.observe(look(pods, round(kind)));
        assert.deepEqual([seen.verdict, seen.value], [verdict, '1/2 ports']);
        assert.ok(seen.message.startsWith(at(odd)), seen.message);
        assert.match(seen.message, message);
      }
    });
  }

  it('asks again where a reset came before the certificate', async () => {
    const proxy = strict(mesh);
    let visits = 0;
    const racing = await podWith(socket => (++visits < 3 ? reset(socket) : proxy(socket)));
    assert.equal((await probe.observe(look([racing], round('Soak')))).verdict, 'Healthy');
    assert.equal(visits, 3);
  });

  it('asks the ports of a workload scope, not those that the pods declare', async () => {
    const both = await podWith(strict(mesh), echo);
    const [moved, left] = both.ports;
    const scope = (ports: number[]) =>
      ({ kind: 'Workload', namespace: 'cart', name: 'cart', selector: { app: 'cart' }, ports }) as const;
    assert.equal((await probe.observe(look([both], round('Soak', { scopes: [scope([moved!])] })))).verdict, 'Healthy');
    assert.equal((await probe.observe(look([both], round('Soak', { scopes: [scope([left!])] })))).verdict, 'Unhealthy');
  });
});

describe('enforcement, against scripted ports', () => {
  const STRICT: HelloAnswer = { kind: 'Certificate', spiffe: 'spiffe://td/ns/cart/sa/x', validTo: undefined };

  function scripted(answer: (address: string, port: number, alpn: string[]) => HelloAnswer, samples = 20) {
    const asked: string[] = [];
    let busy = 0;
    const peak = { busy: 0 };
    const probe = enforcement(
      'enforced',
      { samples },
      {
        hello: async (address, port, alpn) => {
          asked.push([address, port, ...alpn].join(' '));
          peak.busy = Math.max(peak.busy, ++busy);
          await new Promise(setImmediate);
          busy -= 1;
          return answer(address, port, alpn);
        },
      },
    );
    return { probe, asked, peak };
  }

  const many = (n: number, given: Partial<Pod> = {}) =>
    Array.from({ length: n }, (_, i) =>
      pod({ name: `cart-${String(i).padStart(4, '0')}`, ip: `10.0.${i >> 8}.${i & 255}`, ...given }),
    );

  it('asks a bounded number of pods, spread over all and the same each time, 16 at a time', async () => {
    const { probe, asked, peak } = scripted(() => STRICT);
    const pods = many(200);
    const seen = await probe.observe(look(pods, round('Soak')));
    assert.deepEqual([seen.verdict, seen.value, peak.busy], ['Healthy', '20/20 ports', 16]);
    const first = asked.splice(0);
    assert.deepEqual(first.slice(0, 3), ['10.0.0.0 8080', '10.0.0.10 8080', '10.0.0.20 8080']);
    await probe.observe(look(pods.toReversed(), round('Soak')));
    assert.deepEqual(asked, first);
  });

  it('asks ready pods before others', async () => {
    const { probe, asked } = scripted(() => STRICT);
    await probe.observe(
      look([pod({ name: 'a', ip: '10.0.0.1', ready: false }), pod({ name: 'b', ip: '10.0.0.2' })], round('Soak')),
    );
    assert.deepEqual(asked, ['10.0.0.2 8080']);
  });

  it('stops asking when it knows enough', async () => {
    const { probe, asked } = scripted(() => ({ kind: 'Timeout' }), 1000);
    const seen = await probe.observe(look(many(1000), round('Soak')));
    assert.equal(seen.verdict, 'NoData');
    assert.ok(asked.length < 70, `${asked.length} asked`);
    assert.equal(seen.value, `0/${asked.length} ports`);
  });

  it('takes no try with the ALPN of the mesh for STRICT', async () => {
    const { probe, asked } = scripted((_, __, alpn) => (alpn.length > 0 ? STRICT : { kind: 'Reset' }));
    const seen = await probe.observe(look([pod()], round('Enforcement')));
    assert.equal(seen.verdict, 'Unhealthy');
    assert.deepEqual(asked, ['10.0.0.1 8080', '10.0.0.1 8080', '10.0.0.1 8080', '10.0.0.1 8080 istio']);
  });

  it('takes no name for the workload that is not exactly one', async () => {
    for (const name of [
      'spiffe://td/ns/cart',
      'spiffe://td/x/ns/cart/sa/y',
      'spiffe://td/ns/cartx/sa/y',
      'spiffe://ns/cart/sa/y',
    ]) {
      const { probe } = scripted(() => ({ kind: 'Certificate', spiffe: name, validTo: undefined }));
      assert.equal((await probe.observe(look([pod()], round('Soak')))).verdict, 'NoData', name);
    }
  });

  const words: [string, Pod[], string, RegExp][] = [
    ['no pods', [], 'Healthy', /^no pods in the mesh in cart: nothing to ask$/],
    ['pods outside the mesh only', [pod({ mesh: 'None' })], 'Healthy', /nothing to ask/],
    ['gateways only', [pod({ labels: { istio: 'ingressgateway' }, ports: [] })], 'Healthy', /nothing to ask/],
    ['no declared ports', [pod({ ports: [] })], 'Healthy', /1 port refused a stranger with the mesh's certificate/],
    [
      'some without declared ports',
      [pod(), pod({ name: 'b', ports: [] })],
      'Healthy',
      /1 pod of cart declare no port and were not asked/,
    ],
    ['no address yet', [pod({ ip: undefined })], 'NoData', /no pod of cart has an address yet/],
    ['pods behind ztunnel', [pod({ mesh: 'Ambient' })], 'NoData', /1 pod of cart behind ztunnel cannot be asked/],
    ['some pods behind ztunnel', [pod(), pod({ name: 'b', mesh: 'Ambient' })], 'NoData', /behind ztunnel/],
  ];
  it('leaves pods behind ztunnel to the probe that counts denials, where there is one', async () => {
    const seen = async (pods: Pod[]) => {
      const asked: number[] = [];
      const hello = (_: string, port: number) => Promise.resolve((asked.push(port), STRICT));
      const probe = enforcement('enforced', { samples: 20, denialsCounted: true }, { hello });
      const { verdict, value, message } = await probe.observe(look(pods, round('Enforcement')));
      return { verdict, value, message, asked: asked.length };
    };
    const ambient = pod({ name: 'b', mesh: 'Ambient' });
    const left =
      '1 pod of cart behind ztunnel cannot be asked: their policy was read back, and what ztunnel denies is counted';
    assert.deepEqual(await seen([ambient]), { verdict: 'Healthy', value: 'no ports', message: left, asked: 0 });
    const mixed = await seen([pod(), ambient]);
    assert.deepEqual([mixed.verdict, mixed.value, mixed.asked], ['Healthy', '1/1 ports', 1]);
    assert.ok(mixed.message.endsWith(left));
  });

  for (const [title, pods, verdict, message] of words) {
    it(`with ${title}: ${verdict}`, async () => {
      const seen = await scripted(() => STRICT).probe.observe(look(pods, round('Soak')));
      assert.equal(seen.verdict, verdict);
      assert.match(seen.message, message);
    });
  }

  it('lets the worst scope decide', async () => {
    const pods = [pod(), pod({ namespace: 'shop', name: 'frontend-0', ip: '10.0.0.2' })];
    const { probe } = scripted(address => (address === '10.0.0.2' ? { kind: 'Plaintext' } : STRICT));
    const seen = await probe.observe(look(pods, round('Soak', { scopes: [cart, shop] })));
    assert.deepEqual([seen.verdict, seen.value], ['Unhealthy', '1/2 ports']);
    assert.equal(seen.message, 'port 8080 of shop/frontend-0 still answers strangers');
  });

  it('has NoData when the round is over before all were asked', async () => {
    const { probe, asked } = scripted(() => STRICT);
    const seen = await probe.observe(look([pod()], round('Soak', { signal: AbortSignal.abort() })));
    assert.deepEqual([seen.verdict, asked.length], ['NoData', 0]);
  });
});
