import assert from 'node:assert/strict';
import type { IncomingMessage, RequestListener } from 'node:http';
import { systemClock } from '../../src/cluster/clock.ts';
import { AlertWatch } from '../../src/operator/alertWatch.ts';
import { Alertmanager, type AlertmanagerOptions } from '../../src/probes/alertmanager.ts';
import { type RemoteFault, RemoteError } from '../../src/probes/remote.ts';
import { json, Loopback } from './loopback.ts';

const CANARY = 'canary-7f3a';
const CRITICAL = ['severity="critical"', 'alertname=~"A|B & C"'];
/** As Alertmanager 0.28 gives it. */
const ALERT = {
  annotations: { summary: CANARY },
  endsAt: '2026-11-22T09:20:00.000Z',
  fingerprint: 'a7f3',
  receivers: [{ name: 'team' }],
  startsAt: '2026-11-22T09:12:04.000Z',
  status: { inhibitedBy: [], silencedBy: [], state: 'active' },
  updatedAt: '2026-11-22T09:15:00.000Z',
  generatorURL: `http://prometheus/graph?${CANARY}`,
  labels: { alertname: 'MeshErrors', severity: 'critical', namespace: 'cart' },
};

describe('asking Alertmanager', () => {
  const loopback = new Loopback();
  const clients: Alertmanager[] = [];

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.close()));
    await loopback.close();
  });

  function clientOf(url: string, options: Partial<AlertmanagerOptions> = {}): Alertmanager {
    const made = new Alertmanager({ url, matchers: CRITICAL, ...options });
    clients.push(made);
    return made;
  }

  it('asks for what fires, neither silenced nor inhibited, and fits every matcher', async () => {
    const got: IncomingMessage[] = [];
    const url = await loopback.listen((head, answer) => {
      got.push(head);
      answer.end(JSON.stringify([ALERT]));
    });
    const client = clientOf(`${url}/am/`, { bearerToken: async () => 'token' });
    assert.deepEqual(await client.firing(AbortSignal.timeout(5000)), [
      { name: 'MeshErrors', since: Date.parse(ALERT.startsAt), labels: ALERT.labels },
    ]);
    const [{ method, url: path = '', headers }] = got as [IncomingMessage];
    const { pathname, searchParams } = new URL(path, url);
    assert.deepEqual([method, pathname, headers.authorization], ['GET', '/am/api/v2/alerts', 'Bearer token']);
    assert.deepEqual(
      [...searchParams],
      [
        ['active', 'true'],
        ['silenced', 'false'],
        ['inhibited', 'false'],
        ...CRITICAL.map(matcher => ['filter', matcher]),
      ],
    );
  });

  const hang: RequestListener = (_, answer) => void setTimeout(() => answer.end('[]'), 10_000).unref();
  const bad: [string, RequestListener, RemoteFault, RegExp][] = [
    ['status 503', json(CANARY, 503), 'Refused', /^Alertmanager at 127.0.0.1:\d+ answered with status 503: check its/],
    ['a matcher that it does not understand', json(CANARY, 400), 'Refused', /status 400/],
    [
      'garbage',
      json(`[{"labels":${CANARY}`),
      'BadAnswer',
      /no list of alerts: does the address lead to Alertmanager\?/,
    ],
    ['a page', json('<html>login</html>'), 'BadAnswer', /no list of alerts/],
    ['Prometheus', json('{"status":"success","data":{"alerts":[]}}'), 'BadAnswer', /no list of alerts/],
    ['null', json('null'), 'BadAnswer', /no list of alerts/],
    ['an alert without labels', json('[{"startsAt":"2026-11-22T09:12:04Z"}]'), 'BadAnswer', /damaged/],
    ['labels that are no text', json(JSON.stringify([{ ...ALERT, labels: { a: 1 } }])), 'BadAnswer', /damaged/],
    ['no begin', json(JSON.stringify([{ ...ALERT, startsAt: 'soon' }])), 'BadAnswer', /damaged/],
    ['a hang of ten seconds', hang, 'Timeout', /did not answer in 0.3 s: it is overloaded, or not to be reached/],
    ['more than it may hold', json(`["${'x'.repeat(2_000_000)}"]`), 'TooLarge', /narrow the matchers/],
  ];
  for (const [what, listener, fault, message] of bad)
    it(`says what is wrong with ${what}, and that nobody can tell`, async () => {
      const url = await loopback.listen(listener);
      const client = clientOf(url, { deadlineMs: 300, maxBytes: 1_000_000 });
      await assert.rejects(client.firing(AbortSignal.timeout(5000)), (error: unknown) => {
        assert.ok(error instanceof RemoteError, String(error));
        assert.equal(error.fault, fault, error.message);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, new RegExp(CANARY), 'nothing that the server sent is repeated');
        return true;
      });
      const watch = new AlertWatch(signal => client.firing(signal), systemClock);
      await watch.look(AbortSignal.timeout(5000));
      const { last } = watch;
      assert.ok(last !== 'Unasked' && 'unseen' in last);
      assert.match(last.unseen, message);
    });

  it('says that nothing listens', async () => {
    const url = await loopback.listen(hang);
    await loopback.close();
    await assert.rejects(
      clientOf(url).firing(AbortSignal.timeout(5000)),
      /^RemoteError: Alertmanager at 127.0.0.1:\d+ cannot be reached \(ECONNREFUSED\): check its address$/,
    );
  });
});
