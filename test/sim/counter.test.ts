import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Counter } from '../../src/sim/mesh/counter.ts';
import { alive, increaseOf, SeriesStore } from '../../src/sim/mesh/series.ts';

/** What happens to a counter: after a pause it changes its rate or jumps. */
const change = fc.record({
  pause: fc.nat(20),
  change: fc.oneof(
    fc.record({ kind: fc.constant('rate' as const), value: fc.nat(9) }),
    fc.record({ kind: fc.constant('jump' as const), value: fc.nat(9) }),
  ),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

/** Value after each whole millisecond, counted up step by step. Rates are per second: a step adds a thousandth. */
function counted(changes: Change[], length: number): number[] {
  const values: number[] = [];
  let at = 0;
  const due = changes.map(entry => ({ ...entry.change, at: (at += entry.pause) }));
  let value = 0;
  let rate = 0;
  for (let time = 0; time <= length; time++) {
    if (time > 0) value += rate / 1000;
    for (const entry of due.filter(each => each.at === time)) {
      if (entry.kind === 'rate') rate = entry.value;
      else value += entry.value;
    }
    values.push(value);
  }
  return values;
}

function play(changes: Change[]): Counter {
  const counter = new Counter(0);
  let at = 0;
  for (const { pause, change: what } of changes) {
    at += pause;
    if (what.kind === 'rate') counter.setRate(at, what.value);
    else counter.add(at, what.value);
  }
  return counter;
}

const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);

describe('Counter', () => {
  it('has over every span the increase that counting step by step gives', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), fc.nat(400), fc.nat(400), (changes, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const values = counted(changes, to);
        close(play(changes).increase(from, to), values[to]! - values[from]!);
      }),
    );
  });

  it('never falls, and increases add up', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 20 }),
        fc.tuple(fc.nat(400), fc.nat(400), fc.nat(400)),
        (changes, times) => {
          const counter = play(changes);
          const [a, b, c] = times.sort((x, y) => x - y);
          assert.ok(counter.increase(a, b) >= 0);
          close(counter.increase(a, b) + counter.increase(b, c), counter.increase(a, c));
        },
      ),
    );
  });

  it('forgets the shape of the past, not its sum', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), fc.nat(400), fc.nat(200), (changes, horizon, later) => {
        const [whole, short] = [play(changes), play(changes)];
        short.forgetBefore(horizon);
        close(short.valueAt(horizon + later), whole.valueAt(horizon + later));
        close(short.increase(horizon, horizon + later), whole.increase(horizon, horizon + later));
        assert.ok(short.size <= whole.size);
      }),
    );
  });

  it('is zero before its birth and refuses to change its past', () => {
    const counter = new Counter(1000);
    counter.add(1000, 5);
    assert.equal(counter.valueAt(999), 0);
    assert.equal(counter.increase(999, 1000), 5);
    counter.setRate(2000, 1);
    assert.throws(() => counter.setRate(1999, 2), RangeError);
  });
});

describe('SeriesStore', () => {
  it('adds up what several count into the same series', () => {
    const store = new SeriesStore(1000);
    store.tally('m', { a: '1', b: '2' }, 0).setRate(0, 1);
    store.tally('m', { b: '2', a: '1' }, 500).setRate(500, 2);
    const [series, ...rest] = store.of('m');
    assert.equal(rest.length, 0);
    close(increaseOf(series!, 0, 1000), 2);
  });

  it('keeps a bounded past: ended series go, running ones lose their old pieces', () => {
    const store = new SeriesStore(1000);
    const ended = store.tally('m', { pod: 'old' }, 0);
    const running = store.tally('m', { pod: 'new' }, 0);
    ended.end(100);
    for (let at = 0; at < 100_000; at += 10) running.setRate(at, at);
    store.prune(100_000);
    const [series, ...rest] = store.of('m');
    assert.deepEqual([series?.labels['pod'], rest.length], ['new', 0]);
    assert.ok(store.size.pieces <= 102, `${store.size.pieces} pieces are held`);
  });

  it('is alive from birth to end', () => {
    const store = new SeriesStore(1000);
    store.tally('m', {}, 100).end(200);
    const [series] = store.of('m');
    for (const [from, to, expected] of [
      [0, 99, false],
      [0, 100, true],
      [200, 300, true],
      [201, 300, false],
    ] as const) {
      assert.equal(alive(series!, from, to), expected, `${from}–${to}`);
    }
  });
});
