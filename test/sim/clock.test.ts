import assert from 'node:assert/strict';
import { setImmediate as immediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { ScaledClock, VirtualClock } from '../../src/sim/clock.ts';

const START = Date.parse('2026-12-01T08:00:00Z');

describe('VirtualClock', () => {
  it('fires timers in the order of their times, equal ones in the order they were set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(50), { maxLength: 30 }), async delays => {
        const clock = new VirtualClock(START);
        const fired: { index: number; at: number }[] = [];
        const waits = delays.map((delay, index) =>
          clock.wait(delay).then(() => fired.push({ index, at: clock.now() - START })),
        );
        await clock.advance(50);
        await Promise.all(waits);
        const expected = delays.map((at, index) => ({ index, at })).sort((a, b) => a.at - b.at || a.index - b.index);
        assert.deepEqual(fired, expected);
        assert.equal(clock.pending, 0);
      }),
      { numRuns: 60 },
    );
  });

  it('does not move while work runs', async () => {
    const clock = new VirtualClock(START);
    const seen: number[] = [];
    const worker = async () => {
      for (let round = 0; round < 3; round++) {
        await clock.wait(100);
        // work that takes several turns of the event loop takes no time
        for (let turn = 0; turn < 4; turn++) await immediate();
        seen.push(clock.now() - START);
      }
    };
    const done = worker();
    await clock.advance(1000);
    await done;
    assert.deepEqual(seen, [100, 200, 300]);
    assert.equal(clock.now() - START, 1000);
    assert.equal(clock.monotonic(), 1000);
  });

  it('leaves alone what is not due', async () => {
    const clock = new VirtualClock(START);
    let fired = false;
    const wait = clock.wait(101).then(() => (fired = true));
    await clock.advance(100);
    assert.equal(fired, false);
    await clock.advance(1);
    await wait;
    assert.equal(fired, true);
  });

  it('ends a wait at once when its signal fires, and when it had fired before', async () => {
    const clock = new VirtualClock(START);
    const controller = new AbortController();
    const wait = clock.wait(1_000_000, controller.signal);
    assert.equal(clock.pending, 1);
    controller.abort();
    await wait;
    await clock.wait(1_000_000, controller.signal);
    assert.equal(clock.pending, 0);
    assert.equal(clock.now(), START);
  });

  it('runs until a condition holds, and no further', async () => {
    const clock = new VirtualClock(START);
    const controller = new AbortController();
    let beats = 0;
    const heart = (async () => {
      while (!controller.signal.aborted) {
        await clock.wait(250, controller.signal);
        beats++;
      }
    })();
    await clock.runUntil(() => beats === 4, 10_000);
    assert.equal(clock.now() - START, 1000);
    controller.abort();
    await heart;
  });

  it('says why it gives up: out of time, or nothing left to wait for', async () => {
    const clock = new VirtualClock(START);
    await assert.rejects(
      clock.runUntil(() => false, 1000),
      /nothing is waiting for time to pass/,
    );
    const controller = new AbortController();
    const wait = clock.wait(5000, controller.signal);
    await assert.rejects(
      clock.runUntil(() => false, 1000),
      /after 1000 ms of virtual time/,
    );
    assert.equal(clock.now() - START, 1000);
    controller.abort();
    await wait;
  });
});

describe('ScaledClock', () => {
  it('shows real time multiplied, and divides what it waits', async () => {
    const real = new VirtualClock(0);
    const clock = new ScaledClock(START, 60, real);
    let woke: number | undefined;
    const wait = clock.wait(60_000).then(() => (woke = clock.now()));
    await real.advance(999);
    assert.equal(woke, undefined);
    assert.equal(clock.now(), START + 999 * 60);
    await real.advance(1);
    await wait;
    assert.equal(woke, START + 60_000);
  });

  it('refuses a speed that is not one', () => {
    for (const speed of [0, -1, Number.NaN, Infinity]) assert.throws(() => new ScaledClock(START, speed), RangeError);
  });
});
