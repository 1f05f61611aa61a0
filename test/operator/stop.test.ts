/** Told to end, the operator ends, whatever it is waiting for just then. */
import assert from 'node:assert/strict';
import { Bench } from './harness.ts';

/** From the first request to long after everything has been read. */
const MOMENTS_MS = [0, 1, 5, 10, 20, 40, 49, 50, 51, 60, 99, 100, 101, 200, 1000, 30_000];
const ANSWER_MS = 30;
/** Shorter than the lease of the other one. */
const SOON_MS = 5_000;

describe('an operator that is told to end', () => {
  for (const moment of MOMENTS_MS)
    it(`ends ${moment} ms after its start, while another one leads`, async () => {
      const bench = new Bench([]);
      await bench.start('leader');
      await bench.clock.advance(1_000);
      bench.meddle = async ({ by, kind }, proceed) => {
        if (by === 'waiting' && kind === 'peerauthentications') await bench.clock.wait(ANSWER_MS);
        return await proceed();
      };
      const { operator } = await bench.start('waiting');
      await bench.clock.advance(moment);
      let hasEnded = false;
      void operator.stop().then(() => (hasEnded = true));
      await bench.clock.advance(SOON_MS);
      bench.end();
      assert.equal(hasEnded, true);
    });
});
