/**
 * How long the operator takes to move many namespaces to STRICT, beside a bare writer that only makes the same creates
 * and patches: real HTTP on loopback, the API server in a process of its own, in alternating pairs.
 */
import type { SpecInput } from '../../src/api/schema.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import { CONFIG_MAPS, PEER_AUTHENTICATIONS, ROLLOUTS } from '../../src/cluster/resources.ts';
import { count, type Figure, spread } from './figure.ts';
import { namespaceName, rollout, ROOT } from './manifests.ts';
import type { Bundle } from './operatorProcess.ts';
import { ServerProcess } from './serverProcess.ts';

const SIZES = [11, 1000];
const PAIRS = 5;
/** As many as the operator has under way. */
const PARALLEL = 8;
/** As many may come at once as a step makes, and its wait lets as many more come: this throttles nothing. */
const API_RATE = 1000;
/** The largest step there is. */
const STEP = 500;
/** The shortest there is. */
const INTERVAL_S = 1;
/** The shortest soak: of a mesh that drains at once, where no probe sees STRICT in force. */
const SOAK_S = 5;

export async function throughput(bundle: Bundle): Promise<Figure[]> {
  const server = await ServerProcess.start();
  await server.order({ kind: 'Namespaces', count: Math.max(...SIZES) });
  await drainsAtOnce(server);
  const operator = await bundle.start(server.kubeconfig, { apiRate: API_RATE });
  const figures: Figure[] = [];
  for (const size of SIZES) figures.push(...(await compared(server, size)));
  await operator.stop();
  await server.stop();
  return figures;
}

async function compared(server: ServerProcess, size: number): Promise<Figure[]> {
  const waits = Math.ceil(size / STEP) * SOAK_S;
  const pairs: { operator: number; writer: number }[] = [];
  // the first pair warms both up and does not count
  for (let pair = 0; pair <= PAIRS; pair++) {
    const operator = await timed(server, () => byOperator(server, size));
    const writer = await timed(server, () => byWriter(server, size));
    if (pair > 0) pairs.push({ operator, writer });
  }
  const [operators, writers] = [pairs.map(({ operator }) => operator), pairs.map(({ writer }) => writer)];
  const ratios = (less: number) => pairs.map(({ operator, writer }) => (operator - less) / writer);
  const of = `${count(size)} namespaces`;
  return [
    {
      name: `${of}: operator`,
      value: `${spread(operators, 2)} s`,
      remark: `${waits} s of it: soaks, ${SOAK_S} s a step, the least there is; not throttled`,
    },
    { name: `${of}: bare writer`, value: `${spread(writers, 2)} s`, remark: `${PARALLEL} writes under way` },
    { name: `${of}: ratio`, value: spread(ratios(0), 1), remark: `${PAIRS} pairs: median (least to most)` },
    { name: `${of}: ratio without the waits`, value: spread(ratios(waits), 1) },
  ];
}

async function drainsAtOnce({ client }: ServerProcess): Promise<void> {
  const mesh = 'defaultConfig: {drainDuration: 0s}\n';
  await client.create(CONFIG_MAPS, ROOT, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: ROOT, name: 'istio' },
    data: { mesh },
  });
}

/** Seconds; afterwards everything is as before. */
async function timed(server: ServerProcess, work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  const seconds = (performance.now() - begun) / 1000;
  await server.order({ kind: 'Clear' });
  // what the operator still has to do about that must not run into the next measurement
  await systemClock.wait(500);
  return seconds;
}

async function byOperator({ client }: ServerProcess, size: number): Promise<void> {
  const names = Array.from({ length: size }, (_, index) => namespaceName(index));
  const spec: SpecInput = {
    target: { namespaces: { names } },
    strategy: { waves: [{ name: 'all', names, maxConcurrent: STEP, soak: '0s' }] },
    probes: [{ name: 'ready', workloadReadiness: {} }],
    analysis: { interval: `${INTERVAL_S}s`, successes: 1 },
    preflight: { accept: ['NoMetrics', 'NoEntryEvidence'] },
  };
  const { metadata } = await client.create(ROLLOUTS, ROOT, rollout(ROOT, 'all', spec));
  const stop = new AbortController();
  const { resourceVersion } = metadata;
  const options = { namespace: ROOT, resourceVersion, timeoutSeconds: 300, signal: stop.signal };
  for await (const line of await client.watch(ROLLOUTS, options)) {
    const { object } = JSON.parse(line) as { object: { status?: { phase?: string } } };
    if (object.status?.phase === 'Completed') return;
  }
  throw new Error('the rollout did not complete within five minutes');
}

async function byWriter({ client }: ServerProcess, size: number): Promise<void> {
  const create = async (namespace: string) =>
    await client.create(PEER_AUTHENTICATIONS, namespace, {
      apiVersion: 'security.istio.io/v1beta1',
      kind: 'PeerAuthentication',
      metadata: { name: 'mtls-rollout', namespace },
      spec: { mtls: { mode: 'PERMISSIVE' } },
    });
  const names = Array.from({ length: size }, (_, index) => namespaceName(index));
  const created = await several(names, create);
  await several(created, async ({ metadata: { name, namespace = '', uid, resourceVersion } }) => {
    const patch = { metadata: { uid, resourceVersion }, spec: { mtls: { mode: 'STRICT' } } };
    await client.mergePatch({ resource: PEER_AUTHENTICATIONS, namespace, name }, patch);
  });
}

/** The results in the order in which they came. */
async function several<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const queue = items.values();
  const results: R[] = [];
  const worker = async () => {
    for (const item of queue) results.push(await work(item));
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return results;
}
