import assert from 'node:assert/strict';
import { spiffeOf, tlsHello } from '../../src/probes/hello.ts';
import {
  applicationTls,
  type Behaviour,
  certificate,
  echo,
  hangUp,
  House,
  http,
  permissiveHttp,
  reset,
  silent,
  strict,
} from './doors.ts';

const SPIFFE = 'spiffe://cluster.local/ns/cart/sa/cartservice';

describe('a TLS hello', () => {
  const house = new House();
  const mesh = certificate(`URI:${SPIFFE}`);
  const own = certificate('DNS:app.example.com');
  const hello = tlsHello(500);
  after(() => house.close());

  const answers: [string, Behaviour, string[], object][] = [
    ['STRICT', strict(mesh), [], { kind: 'Certificate', spiffe: SPIFFE }],
    [
      'STRICT with ALPN',
      strict(mesh, { ALPNProtocols: ['istio', 'h2'] }),
      ['istio'],
      { kind: 'Certificate', spiffe: SPIFFE },
    ],
    ['PERMISSIVE HTTP without ALPN', permissiveHttp(mesh), [], { kind: 'Reset' }],
    [
      'PERMISSIVE HTTP with the ALPN of the mesh',
      permissiveHttp(mesh),
      ['istio'],
      { kind: 'Certificate', spiffe: SPIFFE },
    ],
    ['an application that echoes', echo, [], { kind: 'Plaintext' }],
    ['an application that speaks HTTP', http, [], { kind: 'Plaintext' }],
    ['an application with TLS of its own', applicationTls(own), [], { kind: 'Certificate', spiffe: undefined }],
    [
      'TLS too old to be the proxy',
      applicationTls(mesh, { maxVersion: 'TLSv1.2' }),
      [],
      { kind: 'Certificate', spiffe: undefined },
    ],
    ['a reset', reset, [], { kind: 'Reset' }],
    ['an end without a word', hangUp, [], { kind: 'Reset' }],
    ['silence', silent, [], { kind: 'Timeout' }],
  ];
  for (const [title, behaviour, alpn, expected] of answers) {
    it(`reads ${title}`, async () => {
      const port = await house.open('127.0.3.1', behaviour);
      const { validTo, ...answer } = {
        validTo: undefined,
        ...(await hello('127.0.3.1', port, alpn, AbortSignal.timeout(5000))),
      };
      assert.deepEqual(answer, expected);
      assert.equal(typeof validTo, 'spiffe' in answer && answer.spiffe ? 'string' : typeof validTo);
    });
  }

  it('takes the SPIFFE name and no text that only looks like it', () => {
    const cases: [string | undefined, string | undefined][] = [
      [`URI:${SPIFFE}`, SPIFFE],
      [`DNS:a.example, URI:${SPIFFE}, IP Address:10.0.0.1`, SPIFFE],
      [`DNS:"a, URI:${SPIFFE}, b"`, undefined],
      [`DNS:"a\\", URI:${SPIFFE}, b"`, undefined],
      [`URI:https://x/?URI:${SPIFFE}`, undefined],
      ['DNS:a.example', undefined],
      [undefined, undefined],
    ];
    for (const [names, expected] of cases) assert.equal(spiffeOf(names), expected, names);
  });

  it('reads a port where nothing listens', async () => {
    const empty = new House();
    const port = await empty.open('127.0.3.2', silent);
    await empty.close();
    assert.deepEqual(await hello('127.0.3.2', port, [], AbortSignal.timeout(5000)), { kind: 'Reset' });
  });

  it('is over when the round is, also when it was over before', async () => {
    const port = await house.open('127.0.3.1', silent);
    const round = new AbortController();
    const patient = tlsHello(60_000)('127.0.3.1', port, [], round.signal);
    round.abort();
    assert.deepEqual(await patient, { kind: 'Timeout' });
    assert.deepEqual(await tlsHello(60_000)('127.0.3.1', port, [], round.signal), { kind: 'Timeout' });
  });

  it('reads STRICT right a hundred times, sixteen at a time', async () => {
    const port = await house.open('127.0.3.1', strict(mesh));
    const batch = () =>
      Promise.all(Array.from({ length: 16 }, () => hello('127.0.3.1', port, [], AbortSignal.timeout(5000))));
    const seen = [];
    while (seen.length < 100) seen.push(...(await batch()));
    assert.deepEqual(
      new Set(seen.map(answer => (answer.kind === 'Certificate' ? answer.spiffe : answer.kind))),
      new Set([SPIFFE]),
    );
  });
});
