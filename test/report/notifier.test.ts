import assert from 'node:assert/strict';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Notifier, type Post, type Target } from '../../src/report/notifier.ts';
import { httpPost } from '../../src/report/post.ts';
import { Reporter } from '../../src/report/reporter.ts';
import type { TransitionRecord } from '../../src/rollout/world.ts';
import { VirtualClock } from '../../src/sim/clock.ts';

const AT = '2026-12-01T09:12:04Z';
const ROLLOUT = { metadata: { namespace: 'shop', name: 'web', uid: 'u1', generation: 1, creationTimestamp: AT } };
const RECORD = {
  reason: 'StepDone',
  message: 'wave leaf, step 1/3: cart is done',
  severity: 'Normal' as const,
  at: AT,
};
const SECRET = 'T0P-S3CRET';

type Tell = (record?: Partial<TransitionRecord>) => void;

/** A webhook that answers as it is told, and keeps what it was sent. */
class Webhook {
  readonly received: { body: Record<string, unknown>; type: string | undefined }[] = [];
  answer: (response: ServerResponse, body: Record<string, unknown>) => void = response => response.end();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const body = JSON.parse(text) as Record<string, unknown>;
        this.received.push({ body, type: request.headers['content-type'] });
        this.answer(response, body);
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook/${SECRET}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get reasons(): unknown[] {
    return this.received.map(({ body }) => body['reason']);
  }
}

describe('notifications', () => {
  let hook: Webhook;
  let url: string;
  let clock: VirtualClock;
  let lost: Record<string, unknown>[];

  beforeEach(async () => {
    hook = new Webhook();
    url = await hook.listen();
    clock = new VirtualClock(Date.parse(AT));
    lost = [];
  });
  afterEach(() => hook.close());

  function notifier(more: Partial<Target> = {}, post: Post = httpPost()): { notifier: Notifier; tell: Tell } {
    const target: Target = { name: 'ops', kind: 'Generic', address: async () => url, events: [], ...more };
    const log = { warn: (message: string, fields: object) => lost.push({ message, ...fields }) };
    const made = new Notifier({ targets: [target], post, clock, log });
    const reporter = new Reporter(made.listener);
    return { notifier: made, tell: (record = {}) => reporter.report(ROLLOUT, { ...RECORD, ...record }) };
  }

  /** Lets real answers come in and virtual pauses pass. */
  async function until(condition: () => boolean): Promise<void> {
    for (let n = 0; n < 2_000 && !condition(); n++) {
      await new Promise(resolve => setImmediate(resolve));
      if (n % 20 === 19) await clock.advance(1_000);
    }
    assert.ok(condition(), 'never came about');
  }

  const outcome = (of: Notifier, what: string) => of.outcomes.get(`ops ${what}`);

  it('are the record, once', async () => {
    const { notifier: made, tell } = notifier();
    tell();
    await until(() => outcome(made, 'sent') === 1);
    assert.deepEqual(hook.received, [
      { body: { rollout: { namespace: 'shop', name: 'web', uid: 'u1' }, ...RECORD }, type: 'application/json' },
    ]);
  });

  it('are a line of text in Slack, in which nothing of the cluster is markup', async () => {
    const { notifier: made, tell } = notifier({ kind: 'Slack' });
    tell({ reason: 'RolledBack', severity: 'Warning', message: '<!channel> & all' });
    await until(() => outcome(made, 'sent') === 1);
    const text = ':warning: *RolledBack* MtlsRollout shop/web: &lt;!channel&gt; &amp; all';
    assert.deepEqual(hook.received[0]?.body, { text });
  });

  it('are only of what the target wants: reasons and severities', async () => {
    const { notifier: made, tell } = notifier({ events: ['Warning', 'Completed'] });
    tell();
    tell({ reason: 'RollbackStarted', severity: 'Warning' });
    tell({ reason: 'Completed' });
    await until(() => outcome(made, 'sent') === 2);
    assert.deepEqual(hook.reasons, ['RollbackStarted', 'Completed']);
  });

  it('keep their order while the target is away, and come once each', async () => {
    const { notifier: made, tell } = notifier();
    let refused = 0;
    hook.answer = response => {
      if (refused++ < 2) response.statusCode = 503;
      response.end();
    };
    for (const reason of ['A', 'B', 'C']) tell({ reason });
    await until(() => outcome(made, 'sent') === 3);
    assert.deepEqual(hook.reasons, ['A', 'A', 'A', 'B', 'C']);
    assert.deepEqual(lost, []);
  });

  it('are given up after ten minutes, and the next one is tried', async () => {
    const { notifier: made, tell } = notifier({}, async (_url, body) => ({ status: body.includes('"A"') ? 500 : 200 }));
    tell({ reason: 'A' });
    tell({ reason: 'B' });
    await clock.advance(11 * 60_000);
    assert.deepEqual([outcome(made, 'failed'), outcome(made, 'sent')], [1, 1]);
    assert.deepEqual(lost, [
      {
        message: 'a notification is lost',
        target: 'ops',
        rollout: 'shop/web',
        reason: 'A',
        error: 'answered with status 500',
      },
    ]);
  });

  it('are not tried again where the target calls them wrong', async () => {
    const { notifier: made, tell } = notifier();
    hook.answer = response => {
      response.statusCode = 404;
      response.end('no such hook');
    };
    tell();
    await until(() => outcome(made, 'failed') === 1);
    assert.equal(hook.received.length, 1);
  });

  it('survive a target that hangs, and never hold up who tells', async () => {
    const { notifier: made, tell } = notifier({}, httpPost(200));
    let hung = false;
    hook.answer = response => {
      if (hung) response.end();
      hung = true;
    };
    const before = performance.now();
    tell();
    assert.ok(performance.now() - before < 50);
    await new Promise(resolve => setTimeout(resolve, 400));
    await until(() => outcome(made, 'sent') === 1);
    assert.equal(hook.received.length, 2);
  });

  it('wait in a bounded row, from which the oldest go first', async () => {
    const { notifier: made, tell } = notifier({}, (_url, _body, signal) => never(signal));
    for (let n = 0; n < 150; n++) tell({ reason: `R${n}` });
    await clock.advance(1);
    assert.equal(outcome(made, 'dropped'), 50);
    assert.equal(lost[0]?.['reason'], 'R0');
    const stopped = made.stop();
    await clock.advance(5_000);
    await stopped;
    assert.equal(outcome(made, 'dropped'), 150);
  });

  it('never show the address', async () => {
    hook.close();
    const { notifier: made, tell } = notifier();
    tell();
    for (let n = 0; n < 40 && outcome(made, 'failed') !== 1; n++) {
      await new Promise(resolve => setTimeout(resolve, 10));
      await clock.advance(60_000);
    }
    assert.equal(outcome(made, 'failed'), 1);
    assert.match(String(lost[0]?.['error']), /^cannot be reached \(ECONNREFUSED\)$/);
    assert.ok(!JSON.stringify(lost).includes(SECRET));
  });
});

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true }),
  );
}
