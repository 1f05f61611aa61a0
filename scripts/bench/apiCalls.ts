/** What the operator asks of the API server: for each step of a rollout, and when all is done. Virtual time. */
import { buildCrd } from '../../src/api/crd.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import { MtlsRolloutOperator } from '../../src/operator/operator.ts';
import { loadSettings } from '../../src/operator/settings.ts';
import { createLogger } from '../../src/report/logger.ts';
import { Boutique } from '../../src/sim/boutique/boutique.ts';
import { SHOP_NAMESPACES } from '../../src/sim/boutique/shop.ts';
import { VirtualClock } from '../../src/sim/clock.ts';
import { follow } from '../../src/sim/mesh/follow.ts';
import { SimulatedMesh } from '../../src/sim/mesh/mesh.ts';
import { EmbeddedCluster } from '../../src/sim/server/server.ts';
import { SimulatedSight } from '../../src/sim/sight.ts';
import type { Figure } from './figure.ts';
import { namespace, rollout, ROOT, SYSTEM } from './manifests.ts';

const START = Date.parse('2026-12-01T08:00:00Z');
const HOUR = 3_600_000;
const LIMIT = 48 * HOUR;
const accept = ['NoMetrics'];

type Counts = ReadonlyMap<string, number>;

/** The Online Boutique in an embedded cluster, its mesh, and the operator at work on the given rollouts. */
async function shop(rollouts: readonly object[]) {
  const clock = new VirtualClock(START);
  const cluster = new EmbeddedCluster({ clock, crds: [buildCrd()], random: () => 0.5 });
  const mesh = new SimulatedMesh(clock);
  new Boutique(cluster, mesh, clock).deploy();
  cluster.put(namespace(SYSTEM));
  const log = createLogger({
    level: 'error',
    format: 'text',
    now: () => clock.now(),
    write: line => process.stderr.write(line),
  });
  const transport = cluster.transport();
  const stopping = new AbortController();
  const following = follow(mesh, { transport, clock, log, signal: stopping.signal });
  await clock.settle();
  const { stopped } = await following;
  for (const object of rollouts) cluster.put(object);
  const loaded = loadSettings(undefined, []);
  if ('problems' in loaded) throw new Error(loaded.problems.join('; '));
  const { settings } = loaded;
  const sight = new SimulatedSight(mesh, clock);
  const parts = { settings, transport, clock, sight, log, random: () => 0.5, identity: 'bench' };
  const operator = new MtlsRolloutOperator(parts);
  await operator.start();
  const phases = () =>
    cluster.list('mtlsrollout.io/v1alpha1', 'MtlsRollout').map(({ status }) => (status as { phase?: string })?.phase);
  await clock.runUntil(() => phases().every(phase => phase === 'Completed'), LIMIT);
  // events are sent a little later
  await clock.advance(60_000);
  const stop = async () => {
    const ended = operator.stop();
    await clock.advance(60_000);
    await ended;
    stopping.abort();
    await clock.settle();
    await stopped;
  };
  return { clock, counts: () => new Map(operator.client.requests.asked), stop };
}

export async function apiCalls(): Promise<Figure[]> {
  const names = [...SHOP_NAMESPACES];
  const spec: SpecInput = { target: { namespaces: { names } }, preflight: { accept } };
  const one = await shop([rollout(ROOT, 'shop', spec)]);
  const whole = one.counts();
  const quiet = await anHour(one);
  const each = await shop(
    names.map(name => rollout(name, 'own', { target: { namespace: {} }, preflight: { accept } })),
  );
  const quietEach = await anHour(each);
  return [
    ...perStep(whole, names.length),
    steady('after Completed, one rollout', quiet, 1),
    steady(`after Completed, ${names.length} rollouts`, quietEach, names.length),
    { name: 'watches and lease beside it', value: perMinute(quiet, isStanding), remark: 'for the whole operator' },
  ];
}

async function anHour({ clock, counts, stop }: Awaited<ReturnType<typeof shop>>): Promise<Counts> {
  const before = counts();
  await clock.advance(HOUR);
  const after = counts();
  await stop();
  return new Map([...after].map(([kind, calls]) => [kind, calls - (before.get(kind) ?? 0)]));
}

/** What a step of one namespace costs, from its begin to its end, by kind. */
function perStep(counts: Counts, steps: number): Figure[] {
  const kinds: [string, (kind: string) => boolean][] = [
    ['status of the rollout', kind => kind.startsWith('update mtlsrollouts')],
    ['policies', kind => /^(create|patch|delete) peerauthentications/.test(kind)],
    ['events', kind => / events/.test(kind)],
    ['lists of pods', kind => kind === 'list pods'],
  ];
  return kinds.map(([name, belongs]) => ({
    name: `calls a step: ${name}`,
    value: (sum(counts, belongs) / steps).toFixed(1),
    ...(name === 'status of the rollout' ? { remark: 'defaults: 3 healthy rounds, soak 10m, a round every 30s' } : {}),
  }));
}

function steady(name: string, counts: Counts, rollouts: number): Figure {
  const other = sum(counts, kind => !isStanding(kind));
  return { name, value: `${(other / rollouts / 60).toFixed(2)} calls/min`, remark: 'each, over an hour' };
}

function perMinute(counts: Counts, belongs: (kind: string) => boolean): string {
  return `${(sum(counts, belongs) / 60).toFixed(1)} calls/min`;
}

function isStanding(kind: string): boolean {
  return kind.startsWith('watch ') || / leases/.test(kind);
}

function sum(counts: Counts, belongs: (kind: string) => boolean): number {
  return [...counts].reduce((total, [kind, calls]) => total + (belongs(kind) ? calls : 0), 0);
}
