/**
 * Two operators of which one leads. Wherever the leader is cut off from its lease the other one takes over, and what
 * the first one still has on the way comes too late.
 */
import assert from 'node:assert/strict';
import { type Bench, type Call, connectionLost } from './harness.ts';
import { checkHistory, checkOneWriter, outcomeOf } from './oracles.ts';
import { goalOf, type Play, stage } from './plays.ts';
import { SMALL_SHOP, START } from './scene.ts';

const PLAY: Play = { namespaces: SMALL_SHOP, extent: 'All' };
/** Well after the other one has taken over and gone on. */
const LATE_MS = 150_000;

describe('two operators', function () {
  this.timeout(60_000);
  let alone: Awaited<ReturnType<typeof perform>>;

  before(async () => {
    alone = await perform(() => 'pass');
    assert.deepEqual(new Set(alone.bench.writes().map(({ by }) => by)), new Set(['first']));
  });

  it('the one that loses its lease, at any of its writes, does nothing more', async () => {
    // later than this the play is over before the lease has run out
    const points = alone.bench.writes().filter(({ at }) => at < alone.bench.clock.now() - START - LATE_MS);
    for (const { write } of points) {
      const run = await perform(call => (call.write >= write && call.kind === 'leases' ? 'fail' : 'pass'));
      check(run.bench, `cut off at write ${write}`);
      const lost = run.bench.lines.find(({ by, message }) => by === 'first' && message === 'not leading any more');
      // one that never led has nothing to lose, and goes on trying to
      const isLate = ({ at, kind, by }: Call) =>
        by === 'first' && at > (lost?.at ?? 0) && kind !== 'events' && (lost || kind !== 'leases');
      assert.deepEqual(run.bench.calls.filter(isLate), [], `cut off at write ${write}`);
      const noise = run.bench.lines.filter(({ by, at }) => lost && by === 'first' && at > lost.at);
      assert.deepEqual(noise, [], `cut off at write ${write}`);
    }
  });

  it('a write that is held up until the other one leads changes nothing', async () => {
    // a create names no version that it depends on: how late it may come is bounded by the time a call may take
    for (const { write } of alone.bench.writes().filter(({ method }) => method !== 'POST')) {
      const run = await perform(call => {
        if (call.write === write) return 'hold';
        return call.write > write && call.kind === 'leases' ? 'fail' : 'pass';
      });
      const held = run.bench.calls.find(call => call.write === write)!;
      check(run.bench, `${held.method} ${held.path} was held up`);
      if (held.kind !== 'leases') assert.ok([404, 409].includes(held.status!), `${held.method} ${held.path} was taken`);
    }
  });

  function check(bench: Bench, what: string): void {
    checkHistory(bench);
    checkOneWriter(bench);
    assert.deepEqual(outcomeOf(bench), outcomeOf(alone.bench), what);
  }
});

async function perform(treat: (call: Call) => 'pass' | 'fail' | 'hold') {
  const bench = stage(PLAY);
  bench.meddle = async (call, proceed) => {
    const treatment = call.by === 'first' && call.write > 0 ? treat(call) : 'pass';
    if (treatment === 'fail') throw connectionLost('timed out');
    if (treatment === 'hold') await bench.clock.wait(LATE_MS);
    return await proceed();
  };
  await bench.start('first');
  await bench.clock.advance(1_000);
  await bench.start('second');
  await bench.untilPhase(goalOf(PLAY));
  await bench.clock.advance(LATE_MS + 60_000);
  bench.end();
  return { bench };
}
