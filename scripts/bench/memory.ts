/** What the operator weighs in a large cluster with many rollouts, at rest and while all of them run a step. */
import type { SpecInput } from '../../src/api/schema.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import { count, type Figure } from './figure.ts';
import type { Bundle } from './operatorProcess.ts';
import { ServerProcess } from './serverProcess.ts';

const ROLLOUTS = 1000;
const PODS_EACH = 50;
const SAMPLE_MS = 250;

function spec(suspend: boolean): SpecInput {
  return {
    suspend,
    target: { namespace: {} },
    strategy: { waves: [{ name: 'all', selector: {}, soak: '0s' }] },
    probes: [{ name: 'ready', workloadReadiness: {} }],
    analysis: { interval: '10s', successes: 2 },
    preflight: { accept: ['NoMetrics', 'NoEntryEvidence'] },
  };
}

export async function memory(bundle: Bundle): Promise<Figure[]> {
  const server = await ServerProcess.start();
  await server.order({ kind: 'Namespaces', count: ROLLOUTS });
  await server.order({ kind: 'Pods', count: ROLLOUTS, each: PODS_EACH });
  await server.order({ kind: 'Rollouts', count: ROLLOUTS, spec: spec(true) });
  const operator = await bundle.start(server.kubeconfig, { apiRate: 1000 });
  const about = `${count(ROLLOUTS)} rollouts, ${count(ROLLOUTS * PODS_EACH)} pods in the cluster`;
  const figures: Figure[] = [];

  await server.untilPhase('Suspended', ROLLOUTS);
  await systemClock.wait(3000);
  figures.push({ name: 'memory at rest', value: mebibytes(operator.memory()), remark: about });

  await operator.loopDelay();
  const [begun, cpu] = [performance.now(), operator.cpu()];
  const samples = sampled(() => operator.memory());
  await server.order({ kind: 'Rollouts', count: ROLLOUTS, spec: spec(false) });
  await server.untilPhase('Completed', ROLLOUTS);
  const seconds = (performance.now() - begun) / 1000;
  const { p99, max } = await operator.loopDelay();
  figures.push(
    {
      name: 'memory while all run a step',
      value: mebibytes(Math.max(...(await samples.end()))),
      remark: 'the most seen',
    },
    {
      name: 'event loop late by, p99',
      value: `${p99.toFixed(0)} ms`,
      remark: `meanwhile; at most ${max.toFixed(0)} ms`,
    },
    {
      name: 'time for all to complete',
      value: `${seconds.toFixed(0)} s`,
      remark: `${(operator.cpu() - cpu).toFixed(0)} s of CPU in the operator`,
    },
  );
  await systemClock.wait(3000);
  figures.push({ name: 'memory after it', value: mebibytes(operator.memory()) });
  await operator.stop();
  await server.stop();
  return figures;
}

function mebibytes(value: number): string {
  return `${value.toFixed(0)} MiB`;
}

/** Reads a value again and again until its end. */
function sampled(read: () => number): { end: () => Promise<number[]> } {
  const stop = new AbortController();
  const values: number[] = [];
  const reading = (async () => {
    for (; !stop.signal.aborted; await systemClock.wait(SAMPLE_MS, stop.signal)) values.push(read());
  })();
  return {
    end: async () => {
      stop.abort();
      await reading;
      return values;
    },
  };
}
