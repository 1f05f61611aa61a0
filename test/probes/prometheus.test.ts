import assert from 'node:assert/strict';
import type { IncomingMessage, RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import {
  Prometheus,
  PrometheusError,
  type PrometheusFault,
  type PrometheusOptions,
} from '../../src/probes/prometheus.ts';
import { json, Loopback } from './loopback.ts';

const CANARY = 'canary-7f3a';
const MIB = 1024 * 1024;

describe('asking Prometheus', () => {
  const loopback = new Loopback();
  const clients: Prometheus[] = [];

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(client => client.close()));
    await loopback.close();
  });

  const listen = (listener: RequestListener) => loopback.listen(listener);

  function clientOf(url: string, options: Partial<PrometheusOptions> = {}): Prometheus {
    const made = new Prometheus({ url, ...options });
    clients.push(made);
    return made;
  }

  async function ask(listener: RequestListener, options: Partial<PrometheusOptions> = {}) {
    return clientOf(await listen(listener), options).query('up', 1_700_000_000_123, AbortSignal.timeout(20_000));
  }

  const vector = (...result: unknown[]) =>
    JSON.stringify({ status: 'success', data: { resultType: 'vector', result } });
  const one = { metric: { pod: 'a' }, value: [1, '3.5'] };

  async function fault(asked: Promise<unknown>, expected: PrometheusFault, message: RegExp) {
    await assert.rejects(asked, (error: unknown) => {
      assert.ok(error instanceof PrometheusError, String(error));
      assert.equal(error.fault, expected, error.message);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, new RegExp(CANARY), 'nothing that the server sent is repeated');
      return true;
    });
  }

  it('sends the query, the time in seconds and the token in a form, and reads the vector', async () => {
    const got: { head: IncomingMessage; body: string }[] = [];
    const url = await listen((head, answer) => {
      void text(head).then(body => {
        got.push({ head, body });
        answer.end(vector(one));
      });
    });
    const tokens = ['first', 'renewed'];
    const prometheus = clientOf(`${url}/prometheus/`, { bearerToken: async () => tokens.shift()! });
    const query = 'sum(up{a="ü&=+%"})';
    assert.deepEqual(await prometheus.query(query, 1_700_000_000_123, AbortSignal.timeout(5000)), [
      { labels: { pod: 'a' }, value: 3.5 },
    ]);
    await prometheus.query(query, 0, AbortSignal.timeout(5000));
    assert.deepEqual([got[0]!.head.method, got[0]!.head.url], ['POST', '/prometheus/api/v1/query']);
    assert.deepEqual(
      [...new URLSearchParams(got[0]!.body)],
      [
        ['query', query],
        ['time', '1700000000.123'],
      ],
    );
    assert.deepEqual(
      got.map(({ head }) => head.headers.authorization),
      ['Bearer first', 'Bearer renewed'],
    );
  });

  it('says what is no number, which is for the probes to judge', async () => {
    const odd = ['NaN', '+Inf', '-Inf', '', 'abc'].map(value => ({ metric: {}, value: [1, value] }));
    const got = await ask(json(vector(...odd, one)));
    assert.deepEqual(
      got.map(({ value }) => value),
      [Number.NaN, Infinity, -Infinity, Number.NaN, Number.NaN, 3.5],
    );
  });

  it('takes a scalar for one element without labels', async () => {
    const scalar = (value: unknown) =>
      json(JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: value } }));
    assert.deepEqual(await ask(scalar([1, '2.5'])), [{ labels: {}, value: 2.5 }]);
    await assert.rejects(ask(scalar([1])), /damaged/);
  });

  it('takes labels as they are, also those that mean something to JavaScript', async () => {
    const [series] = await ask(
      json(
        '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__proto__":"x"},"value":[1,"1"]}]}}',
      ),
    );
    assert.deepEqual(Object.entries(series!.labels), [['__proto__', 'x']]);
    assert.equal(({} as Record<string, unknown>)['x'], undefined);
  });

  const refused: [string, RequestListener, PrometheusFault, RegExp][] = [
    ['status 503', json(`{"error":"${CANARY}"}`, 503), 'Refused', /status 503: check its address/],
    ['status 401', json(CANARY, 401), 'Refused', /status 401: check the credentials/],
    [
      'a query it cannot run',
      json(`{"status":"error","errorType":"execution","error":"${CANARY}"}`, 422),
      'Refused',
      /status 422 \(execution\)/,
    ],
    ['an error type of its own', json(`{"errorType":"${CANARY}"}`, 500), 'Refused', /status 500:/],
    ['garbage', json(`{"status":"success","${CANARY}`), 'BadAnswer', /not of its API/],
    ['a page', json('<html>login</html>'), 'BadAnswer', /not of its API/],
    ['an error under status 200', json('{"status":"error"}'), 'BadAnswer', /not of its API/],
    [
      'a matrix',
      json('{"status":"success","data":{"resultType":"matrix","result":[]}}'),
      'BadAnswer',
      /no instant vector/,
    ],
    ['labels that are no text', json(vector({ metric: { pod: 5 }, value: [1, '1'] })), 'BadAnswer', /damaged/],
    ['a sample without a value', json(vector({ metric: {}, value: [1] })), 'BadAnswer', /damaged/],
    ['a histogram', json(vector({ metric: {}, histogram: [1, {}] })), 'BadAnswer', /damaged/],
    ['invalid UTF-8', json(Buffer.concat([Buffer.from(vector(one)), Buffer.from([0xc3, 0x28])])), 'BadAnswer', /UTF-8/],
    [
      'a part of the data',
      json(vector(one).replace('{', `{"warnings":["${CANARY} store down"],`)),
      'BadAnswer',
      /in part only/,
    ],
    [
      'a gzip bomb',
      json(gzipSync(Buffer.alloc(50 * MIB)), 200, { 'content-encoding': 'gzip' }),
      'BadAnswer',
      /compresses/,
    ],
    [
      'a gzip bomb with an error status',
      json(gzipSync(Buffer.alloc(50 * MIB)), 500, { 'content-encoding': 'gzip' }),
      'Refused',
      /status 500/,
    ],
    [
      'a cut connection',
      (_, answer) => answer.writeHead(200).write('{', () => answer.destroy()),
      'Unreachable',
      /cannot be reached/,
    ],
    ['no HTTP', (_, answer) => answer.socket!.end('SSH-2.0-OpenSSH_9.2\r\n'), 'Unreachable', /cannot be reached \(/],
  ];
  for (const [title, listener, kind, message] of refused) {
    it(`says what is wrong with ${title}`, () => fault(ask(listener), kind, message));
  }

  it('follows no redirect', async () => {
    let asked = 0;
    const other = await listen((_, answer) => {
      asked += 1;
      answer.end(vector(one));
    });
    await fault(
      ask(json(CANARY, 307, { location: `${other}/${CANARY}` })),
      'Refused',
      /redirects \(status 307\), which is not followed/,
    );
    assert.equal(asked, 0);
  });

  it('takes remarks on the query for no loss', async () => {
    const remark = vector(one).replace(
      '{',
      '{"warnings":["PromQL info: metric might not be a counter"],"infos":["x"],',
    );
    assert.equal((await ask(json(remark))).length, 1);
  });

  it('reads no more than the limit of an endless body, and keeps little of it', async () => {
    let sent = 0;
    const piece = Buffer.alloc(MIB, 0x20);
    const endless: RequestListener = (_, answer) => {
      answer.on('error', () => {});
      const more = () => {
        while (sent < 1024 && !answer.destroyed) {
          sent += 1;
          if (answer.write(piece)) continue;
          answer.once('drain', more);
          return;
        }
        answer.end();
      };
      more();
    };
    const before = process.memoryUsage().rss;
    await fault(ask(endless), 'TooLarge', /more than 10485760 bytes/);
    assert.ok(sent < 64, `${sent} MiB were taken`);
    assert.ok(process.memoryUsage().rss - before < 128 * MIB);
    const errorPage: RequestListener = (head, answer) => {
      sent = 0;
      answer.writeHead(500);
      endless(head, answer);
    };
    await fault(ask(errorPage), 'Refused', /status 500/);
    assert.ok(sent < 64, `${sent} MiB were taken`);
  });

  it('waits no longer than the deadline for a head, a body, or one that drips', async () => {
    const deadlineMs = 300;
    const drip: RequestListener = (_, answer) => {
      const timer = setInterval(() => answer.write(' '), 50);
      answer.on('close', () => clearInterval(timer));
    };
    for (const slow of [() => {}, (_, answer) => void answer.writeHead(200).write('{'), drip] as RequestListener[]) {
      const began = performance.now();
      await fault(ask(slow, { deadlineMs }), 'Timeout', /did not answer in 0.3 s/);
      assert.ok(performance.now() - began < 3000);
    }
  });

  it('stops when the round stops', async () => {
    const round = new AbortController();
    const url = await listen(() => round.abort());
    await assert.rejects(clientOf(url).query('up', 0, round.signal), PrometheusError);
  });

  it('says that nothing listens, or that a token cannot be read', async () => {
    const query = (url: string, options = {}) => clientOf(url, options).query('up', 0, AbortSignal.timeout(10_000));
    const free = await listen(() => {});
    await loopback.close();
    await fault(query(free), 'Unreachable', /^Prometheus at 127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/);
    const bearerToken = () => Promise.reject(new Error(CANARY));
    await fault(query(free, { bearerToken }), 'Refused', /the token for .* cannot be read/);
  });

  it('refuses an address that is none, or that holds secrets', () => {
    for (const url of [
      '',
      'prometheus:9090',
      'file:///etc/passwd',
      'ftp://a/',
      'http://u:p@host/',
      'http://host/?x=1',
      'http://host/#x',
    ]) {
      assert.throws(() => new Prometheus({ url }), RangeError, url);
    }
  });
});
