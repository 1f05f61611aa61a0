/** Once a rollout has come to rest it costs nothing but the watches, the lease, and a look of the guard every ten minutes. */
import assert from 'node:assert/strict';
import type { Bench, Call } from './harness.ts';
import { goalOf, type Play, stage } from './plays.ts';
import { SHOP } from './scene.ts';

const HOUR = 3_600_000;
/** A watch lives four to five minutes; each of the five resources has one. */
const WATCHES_AN_HOUR = 5 * 15;
/** A look of the guard lists the pods of the scopes at hand, and is noted in status. */
const LOOKS_AN_HOUR = 6;

describe('a rollout at rest', () => {
  const plays: Record<string, [play: Play, looks: number]> = {
    completed: [{ namespaces: SHOP }, LOOKS_AN_HOUR],
    'rolled back': [{ namespaces: SHOP, extent: 'All' }, 0],
  };
  for (const [what, [play, looks]] of Object.entries(plays)) {
    it(`${what}: no request in an hour but for the watches, the lease and ${looks} looks`, async () => {
      const { bench, watches } = await rested(play);
      const [calls, opened] = [bench.calls.length, watches.length];
      await bench.clock.advance(HOUR);
      const kinds = bench.calls
        .slice(calls)
        .filter(notLease)
        .map(({ method, kind }) => `${method} ${kind}`);
      const count = (kind: string) => kinds.filter(each => each === kind).length;
      assert.deepEqual([count('GET pods'), count('PUT mtlsrollouts/status')], [looks * SHOP.length, looks]);
      assert.equal(kinds.length, looks * (SHOP.length + 1), kinds.join());
      assert.ok(watches.length - opened <= WATCHES_AN_HOUR, `${watches.length - opened} watches`);
      bench.end();
    });

    it(`${what}: a new operator looks and writes nothing but what the guard saw`, async () => {
      const { bench } = await rested(play);
      for (const running of bench.running) running.kill();
      await bench.start('second');
      await bench.clock.advance(HOUR);
      assert.ok(bench.lines.some(({ by, message }) => by === 'second' && message === 'reconciling'));
      const written = bench.writes('second').filter(notLease);
      assert.deepEqual([...new Set(written.map(({ kind }) => kind))], looks > 0 ? ['mtlsrollouts/status'] : []);
      assert.ok(written.length <= looks, `${written.length} writes`);
      bench.end();
    });
  }

  it('prints what a step costs', async () => {
    const { bench } = await rested({ namespaces: SHOP });
    const { step: _, waves = [] } = bench.status();
    const steps = waves.reduce((sum, { name, total }) => sum + (name === 'leaf' ? Math.ceil(total / 2) : total), 0);
    const during = bench.calls.filter(notLease);
    const kinds = new Map<string, number>();
    for (const { method, kind } of during) kinds.set(`${method} ${kind}`, (kinds.get(`${method} ${kind}`) ?? 0) + 1);
    const perStep = [...kinds].map(([kind, count]) => `${(count / steps).toFixed(1)} ${kind}`);
    console.log(`    API calls per step, of ${steps}: ${(during.length / steps).toFixed(1)} (${perStep.join(', ')})`);
    assert.equal(steps, 10);
    assert.ok(during.length / steps < 60, `${during.length / steps} calls a step`);
    bench.end();
  });
});

async function rested(play: Play): Promise<{ bench: Bench; watches: string[] }> {
  const bench = stage(play);
  const watches: string[] = [];
  bench.meddleStream = ({ path }, proceed) => {
    watches.push(path);
    return proceed();
  };
  await bench.start();
  await bench.untilPhase(goalOf(play));
  await bench.clock.advance(60_000);
  return { bench, watches };
}

function notLease({ kind }: Call): boolean {
  return kind !== 'leases';
}
