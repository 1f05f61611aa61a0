import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { KubeError } from '../../src/cluster/errors.ts';
import { WorkQueue, type WorkQueueOptions } from '../../src/cluster/workQueue.ts';
import { VirtualClock } from '../../src/sim/clock.ts';

describe('work queue', () => {
  let clock: VirtualClock;
  let runs: { key: string; at: number }[];
  let errors: [string, number][];

  beforeEach(() => {
    clock = new VirtualClock(0);
    runs = [];
    errors = [];
  });

  /** Each run takes `takes` ms and ends with what `result` says. */
  function queueOf(
    takes: number,
    result: (key: string) => number | undefined,
    options: Partial<WorkQueueOptions> = {},
  ) {
    return new WorkQueue({
      clock,
      concurrency: 2,
      work: async key => {
        runs.push({ key, at: clock.monotonic() });
        if (takes > 0) await clock.wait(takes);
        return result(key);
      },
      onError: (key, _, pause) => errors.push([key, pause]),
      ...options,
    });
  }

  const keys = () => runs.map(({ key }) => key).join('');
  const times = () => runs.map(({ at }) => at);
  const nothing = () => undefined;

  it('runs nothing before it is started, then each key once, in order', async () => {
    const queue = queueOf(0, nothing);
    for (const key of 'abacab') queue.add(key);
    await clock.settle();
    assert.deepEqual([keys(), queue.waiting], ['', 3]);
    queue.start();
    await clock.settle();
    assert.deepEqual([keys(), queue.waiting, queue.running], ['abc', 0, 0]);
  });

  it('does not run a key inside the call that adds it', () => {
    const queue = queueOf(0, nothing);
    queue.start();
    queue.add('a');
    assert.deepEqual(runs, []);
  });

  it('runs a key once more that was added while it ran, however often', async () => {
    const queue = queueOf(100, nothing);
    queue.start();
    queue.add('a');
    await clock.advance(50);
    for (let i = 0; i < 5; i++) queue.add('a');
    assert.equal(queue.waiting, 1);
    await clock.advance(1000);
    assert.deepEqual(times(), [0, 100]);
  });

  it('runs as many keys at once as it may', async () => {
    const queue = queueOf(100, nothing, { concurrency: 2 });
    queue.start();
    for (const key of 'abcde') queue.add(key);
    await clock.advance(1000);
    assert.deepEqual([keys(), times()], ['abcde', [0, 0, 100, 100, 200]]);
  });

  it('backs off per key, doubling up to the longest pause, and forgets after a success', async () => {
    let fail = true;
    const queue = queueOf(
      0,
      key => {
        if (key === 'a' && fail) throw new Error('no');
        return undefined;
      },
      { firstPauseMs: 100, longestPauseMs: 500 },
    );
    queue.start();
    queue.add('a');
    await clock.advance(1700);
    assert.deepEqual(times(), [0, 100, 300, 700, 1200, 1700]);
    assert.deepEqual(
      errors.map(([, pause]) => pause),
      [100, 200, 400, 500, 500, 500],
    );
    queue.add('b');
    await clock.settle();
    assert.equal(runs.at(-1)!.key, 'b');
    fail = false;
    await clock.advance(500);
    fail = true;
    queue.add('a');
    await clock.settle();
    assert.deepEqual(errors.at(-1), ['a', 100]);
  });

  it('waits as long as the API server asks', async () => {
    const queue = queueOf(0, () => {
      throw new KubeError('Throttled', 'slow', { retryAfterMs: 7000 });
    });
    queue.start();
    queue.add('a');
    await clock.advance(7500);
    assert.deepEqual(times(), [0, 7000]);
  });

  it('contains work that throws before it waits for anything', async () => {
    const work = (): Promise<undefined> => {
      throw new Error('at once');
    };
    const queue = queueOf(0, nothing, { work });
    queue.start();
    queue.add('a');
    await clock.settle();
    assert.deepEqual([errors, queue.running], [[['a', 500]], 0]);
  });

  it('looks again when the work asks for it', async () => {
    const queue = queueOf(0, () => 1000);
    queue.start();
    queue.add('a');
    await clock.advance(3500);
    assert.deepEqual(times(), [0, 1000, 2000, 3000]);
  });

  it('takes the earliest of several delays, and one run for all of them', async () => {
    const queue = queueOf(0, nothing);
    queue.start();
    queue.addAfter('a', 300);
    queue.addAfter('a', 100);
    queue.addAfter('a', 200);
    queue.addAfter('b', 0);
    await clock.advance(1000);
    assert.deepEqual(runs, [
      { key: 'b', at: 0 },
      { key: 'a', at: 100 },
    ]);
    assert.equal(clock.pending, 0);
  });

  it('forgets a delay when the key runs before it is over: the pause after a failure is never hurried', async () => {
    let pause = 100;
    const queue = queueOf(0, () => {
      throw new KubeError('Throttled', 'slow', { retryAfterMs: pause });
    });
    queue.start();
    queue.add('a');
    await clock.advance(50);
    pause = 7000;
    queue.add('a');
    await clock.advance(7100);
    assert.deepEqual(times(), [0, 50, 7050]);
  });

  it('forgets the delays and failures of a key', async () => {
    const queue = queueOf(0, () => {
      throw new Error('no');
    });
    queue.start();
    queue.add('a');
    await clock.settle();
    queue.forget('a');
    await clock.advance(10_000);
    assert.equal(runs.length, 1);
    queue.add('a');
    await clock.settle();
    assert.deepEqual(errors, [
      ['a', 500],
      ['a', 500],
    ]);
  });

  it('stops by letting what runs end, and begins nothing more', async () => {
    const queue = queueOf(100, () => 5, { concurrency: 1 });
    queue.start();
    queue.add('a');
    queue.add('b');
    queue.addAfter('c', 50);
    await clock.advance(10);
    let stopped = false;
    const stopping = queue.stop().then(() => (stopped = true));
    queue.add('d');
    queue.addAfter('e', 1);
    await clock.advance(80);
    assert.equal(stopped, false);
    await clock.advance(1000);
    await stopping;
    assert.deepEqual([keys(), queue.waiting, clock.pending], ['a', 0, 0]);
    await queue.stop();
  });

  it('refuses options that make no sense, and a second start', () => {
    for (const concurrency of [0, 1.5, Number.NaN])
      assert.throws(() => queueOf(0, nothing, { concurrency }), RangeError);
    assert.throws(() => queueOf(0, nothing, { firstPauseMs: 10, longestPauseMs: 5 }), RangeError);
    const queue = queueOf(0, nothing);
    queue.start();
    assert.throws(() => queue.start(), /starts once/);
  });

  it('never runs a key twice at once, never more than it may, and loses nothing (property)', async () => {
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      delay: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
      takes: fc.integer({ min: 0, max: 50 }),
      fails: fc.boolean(),
      pause: fc.integer({ min: 0, max: 30 }),
    });
    const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), check);
    await fc.assert(property, { numRuns: 500 });
  });
});

interface Step {
  key: string;
  delay: number | undefined;
  takes: number;
  fails: boolean;
  pause: number;
}

async function check(steps: Step[], concurrency: number): Promise<void> {
  const clock = new VirtualClock(0);
  const running = new Set<string>();
  const next = new Map<string, Step>();
  /** Keys that were added, at once or with a delay, and have not begun to run since. */
  const owed = new Set<string>();
  const broken: string[] = [];
  const queue = new WorkQueue({
    clock,
    concurrency,
    firstPauseMs: 10,
    longestPauseMs: 40,
    // it is to be tried again
    onError: key => owed.add(key),
    work: async key => {
      if (running.has(key)) broken.push(`${key} runs twice at once`);
      running.add(key);
      if (running.size > concurrency) broken.push('too many at once');
      owed.delete(key);
      const { takes, fails } = next.get(key)!;
      await clock.wait(takes);
      running.delete(key);
      if (!fails) return undefined;
      next.set(key, { ...next.get(key)!, fails: false });
      throw new Error('no');
    },
  });
  queue.start();
  for (const step of steps) {
    next.set(step.key, step);
    owed.add(step.key);
    if (step.delay === undefined) queue.add(step.key);
    else queue.addAfter(step.key, step.delay);
    await clock.advance(step.pause);
  }
  await clock.advance(60_000);
  assert.deepEqual([[...owed], broken, running.size, queue.waiting, queue.running], [[], [], 0, 0, 0]);
}
