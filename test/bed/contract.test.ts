/**
 * Does a real API server, asked through the operator's own client, still answer as recorded? With RECORD=1 its answers
 * become the recording, which the embedded server is held to in the fast suite.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';
import { HttpTransport } from '../../src/cluster/httpTransport.ts';
import { cases, RECORDING, ROLLOUT_CRD, readRecording, traceOf, WIDGETS_CRD } from '../contract/suite.ts';
import type { Step } from '../contract/script.ts';
import type { ControlPlane } from './controlPlane.ts';
import { controlPlaneFor } from './suite.ts';

describe('contract: a real API server', () => {
  const recording = process.env['RECORD'] === '1';
  const recorded: Record<string, Step[]> = {};
  let plane: ControlPlane | undefined;
  let transport: HttpTransport | undefined;

  before(async function () {
    plane = await controlPlaneFor(this);
    await plane.applyIstioCrds();
    await plane.applyCrd(WIDGETS_CRD);
    await plane.applyCrd(ROLLOUT_CRD);
    const config = new KubeConfig();
    config.loadFromFile(plane.adminKubeconfig);
    transport = new HttpTransport(config);
  });
  after(async () => {
    await transport?.close();
    await plane?.stop();
  });

  for (const [index, { name }] of cases.entries()) {
    it(name, async () => {
      const trace = await traceOf(transport!, index);
      if (recording) recorded[name] = trace;
      else assert.deepEqual(trace, readRecording()[name]);
    });
  }

  after(() => {
    // a partial run must not lose the other recordings
    if (Object.keys(recorded).length !== cases.length) return;
    writeFileSync(RECORDING, `${JSON.stringify(recorded, undefined, 1)}\n`);
    console.log(`  recorded ${cases.length} cases`);
  });
});
