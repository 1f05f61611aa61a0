/** Does the embedded server answer as a real API server did when the contract was recorded, at both of its doors? */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';
import { load } from 'js-yaml';
import { HttpTransport } from '../../src/cluster/httpTransport.ts';
import type { Transport } from '../../src/cluster/transport.ts';
import { ScaledClock } from '../../src/sim/clock.ts';
import { EmbeddedCluster } from '../../src/sim/server/server.ts';
import { cases, ROLLOUT_CRD, readRecording, traceOf, WIDGETS_CRD } from './suite.ts';

/** Watches that last seconds are over sooner. */
const SPEED = 20;

function newCluster(): EmbeddedCluster {
  const crds = [ROLLOUT_CRD, WIDGETS_CRD].map(file => load(readFileSync(file, 'utf8')) as object);
  const cluster = new EmbeddedCluster({ clock: new ScaledClock(Date.now(), SPEED), crds });
  // a real server knows nothing of a kind from before its CRD was there
  cluster.compact();
  return cluster;
}

function everyCase(transport: () => Transport): void {
  const recording = readRecording();
  for (const [index, { name }] of cases.entries()) {
    it(name, async () => {
      assert.deepEqual(await traceOf(transport(), index), recording[name]);
    });
  }
}

describe('contract: the embedded server', () => {
  const cluster = newCluster();
  everyCase(() => cluster.transport());

  it('every recorded case is still there', () => {
    assert.deepEqual(Object.keys(readRecording()).sort(), cases.map(({ name }) => name).sort());
  });
});

describe('contract: the embedded server over HTTP', () => {
  let door: Awaited<ReturnType<EmbeddedCluster['listen']>> | undefined;
  let transport: HttpTransport;

  before(async () => {
    door = await newCluster().listen();
    const config = new KubeConfig();
    config.loadFromClusterAndUser({ name: 'embedded', server: door.url, skipTLSVerify: true }, { name: 'nobody' });
    transport = new HttpTransport(config);
  });
  after(async () => {
    await transport.close();
    await door?.close();
  });

  everyCase(() => transport);
});
