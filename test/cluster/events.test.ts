import assert from 'node:assert/strict';
import { KubeClient } from '../../src/cluster/client.ts';
import { type EventRecord, EventRecorder } from '../../src/cluster/events.ts';
import type { KubeRequest, KubeResponse, Transport } from '../../src/cluster/transport.ts';
import { VirtualClock } from '../../src/sim/clock.ts';
import { keptLog } from './keptLog.ts';

const EVENT: EventRecord = {
  regarding: { apiVersion: 'mtlsrollout.io/v1alpha1', kind: 'MtlsRollout', namespace: 'shop', name: 'cart', uid: 'u1' },
  type: 'Normal',
  reason: 'StepDone',
  action: 'Soaking',
  note: 'cart is STRICT',
};

interface Written {
  metadata: { name: string; namespace: string };
  note: string;
  series?: { count: number; lastObservedTime: string };
  [other: string]: unknown;
}

describe('event recorder', () => {
  let clock: VirtualClock;
  let requests: KubeRequest[];
  let answer: (request: KubeRequest) => Promise<KubeResponse>;
  let recorder: EventRecorder;
  let log: ReturnType<typeof keptLog>;

  beforeEach(() => {
    clock = new VirtualClock(Date.parse('2026-06-01T00:00:00Z'));
    requests = [];
    log = keptLog();
    answer = async () => ({ status: 201, headers: {}, body: {} });
    const transport: Transport = {
      call: async request => {
        requests.push(request);
        return await answer(request);
      },
      stream: async () => assert.fail('no watch here'),
    };
    recorder = new EventRecorder({ client: new KubeClient(transport, clock), clock, log, instance: 'operator-0' });
  });

  const bodies = () => requests.map(({ body }) => body as Written);

  it('writes what kubectl shows', async () => {
    recorder.record(EVENT);
    await recorder.flush();
    const [request] = requests;
    assert.equal(`${request!.method} ${request!.path}`, 'POST /apis/events.k8s.io/v1/namespaces/shop/events');
    const { metadata, ...rest } = request!.body as Written;
    assert.match(metadata.name, /^cart\.[0-9a-f]+$/);
    assert.deepEqual(rest, {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      eventTime: '2026-06-01T00:00:00.000000Z',
      reportingController: 'mtlsrollout.io/operator',
      reportingInstance: 'operator-0',
      action: 'Soaking',
      reason: 'StepDone',
      type: 'Normal',
      regarding: EVENT.regarding,
      note: 'cart is STRICT',
    });
  });

  it('counts repeats, and writes the count at most once a minute', async () => {
    for (let i = 0; i < 100; i++) recorder.record(EVENT);
    await recorder.flush();
    assert.equal(requests.length, 1);
    for (let i = 0; i < 10; i++) {
      await clock.advance(10_000);
      recorder.record(EVENT);
      await recorder.flush();
    }
    assert.equal(requests.length, 2);
    assert.equal(requests[1]!.method, 'PATCH');
    assert.match(requests[1]!.path, new RegExp(`/${bodies()[0]!.metadata.name}$`));
    assert.deepEqual(requests[1]!.body, { series: { count: 106, lastObservedTime: '2026-06-01T00:01:00.000000Z' } });
  });

  it('keeps apart what differs in any way', async () => {
    recorder.record(EVENT);
    recorder.record({ ...EVENT, note: 'other' });
    recorder.record({ ...EVENT, reason: 'Other' });
    recorder.record({ ...EVENT, type: 'Warning' });
    recorder.record({ ...EVENT, regarding: { ...EVENT.regarding, uid: 'u2' } });
    await recorder.flush();
    assert.equal(new Set(bodies().map(({ metadata }) => metadata.name)).size, 5);
  });

  it('makes a new event where the old one has expired', async () => {
    recorder.record(EVENT);
    await clock.advance(61_000);
    answer = async ({ method }) =>
      method === 'PATCH'
        ? { status: 404, headers: {}, body: { kind: 'Status', reason: 'NotFound' } }
        : { status: 201, headers: {}, body: {} };
    recorder.record(EVENT);
    await recorder.flush();
    assert.deepEqual(
      requests.map(({ method }) => method),
      ['POST', 'PATCH', 'POST'],
    );
    assert.equal(bodies()[2]!.series!.count, 2);
    assert.notEqual(bodies()[2]!.metadata.name, bodies()[0]!.metadata.name);
    assert.equal(recorder.dropped, 0);
  });

  it('cuts a long note at 1024 bytes, between characters', async () => {
    for (const note of [
      'x'.repeat(1024),
      'x'.repeat(1025),
      'ü'.repeat(1000),
      '😀'.repeat(300),
      `x${'😀'.repeat(300)}`,
    ]) {
      recorder.record({ ...EVENT, note });
      await recorder.flush();
      const written = bodies().at(-1)!.note;
      assert.ok(Buffer.byteLength(written) <= 1024, `${Buffer.byteLength(written)} bytes`);
      assert.ok(written === note || (written.endsWith('…') && note.startsWith(written.slice(0, -1))), written);
      assert.ok(!written.includes('\uFFFD'));
    }
  });

  it('drops and counts while the API server is down, and is there again afterwards', async () => {
    answer = async () => {
      throw new Error('down');
    };
    for (let i = 0; i < 20; i++) recorder.record({ ...EVENT, note: `${i}` });
    await recorder.flush();
    assert.equal(recorder.dropped, 20);
    assert.equal(requests.length, 20, 'each is tried once');
    assert.equal(log.lines.length, 1, 'the log is not flooded');
    answer = async () => ({ status: 201, headers: {}, body: {} });
    recorder.record({ ...EVENT, note: '0' });
    await recorder.flush();
    assert.equal(requests.length, 21);
    assert.equal(recorder.dropped, 20);
  });

  it('never waits, and keeps a bounded number, while the API server hangs', async () => {
    const hang = Promise.withResolvers<KubeResponse>();
    answer = () => hang.promise;
    for (let i = 0; i < 10_000; i++) recorder.record({ ...EVENT, note: `${i}` });
    await clock.settle();
    assert.equal(requests.length, 1);
    assert.equal(recorder.dropped, 10_000 - 256);
    hang.resolve({ status: 201, headers: {}, body: {} });
    await recorder.flush();
    assert.ok(requests.length <= 256);
  });

  it('sends what is recorded while it sends', async () => {
    answer = async () => {
      if (requests.length === 1) recorder.record({ ...EVENT, note: 'second' });
      return { status: 201, headers: {}, body: {} };
    };
    recorder.record(EVENT);
    await recorder.flush();
    assert.deepEqual(
      bodies().map(({ note }) => note),
      ['cart is STRICT', 'second'],
    );
  });
});
