/** Does the embedded server answer as a real API server did when the contract was recorded? */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { ScaledClock } from '../../src/sim/clock.ts';
import { EmbeddedCluster } from '../../src/sim/server/server.ts';
import { cases, ROLLOUT_CRD, readRecording, traceOf, WIDGETS_CRD } from './suite.ts';

/** Watches that last seconds are over sooner. */
const SPEED = 20;

describe('contract: the embedded server', () => {
  const recording = readRecording();
  const crds = [ROLLOUT_CRD, WIDGETS_CRD].map(file => load(readFileSync(file, 'utf8')) as object);
  const cluster = new EmbeddedCluster({ clock: new ScaledClock(Date.now(), SPEED), crds });
  // a real server knows nothing of a kind from before its CRD was there
  cluster.compact();

  for (const [index, { name }] of cases.entries()) {
    it(name, async () => {
      assert.deepEqual(await traceOf(cluster.transport(), index), recording[name]);
    });
  }

  it('every recorded case is still there', () => {
    assert.deepEqual(Object.keys(recording).sort(), cases.map(({ name }) => name).sort());
  });
});
