/**
 * Five thousand random policies on a real API server: what the operator makes of them is what a plain reading of
 * Istio's rules makes of them, and after rollouts and their way back every one of them is what it was.
 */
import assert from 'node:assert/strict';
import { projectPolicy } from '../../src/cluster/policies.ts';
import type { KubeObject } from '../../src/cluster/resource.ts';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import { policiesOf } from '../../src/istio/policies.ts';
import { type Bed, bedFor } from './bed.ts';
import { namespaceObject, ROOT_NAMESPACE } from './boutique.ts';
import { apply } from './boutiqueObjects.ts';
import { readAll } from './observe.ts';
import type { OperatorProcess } from './operatorProcess.ts';
import {
  create,
  patch,
  type Policy,
  POLICIES,
  quick,
  type RolloutObject,
  rolloutPath,
  untilStatus,
} from './rollouts.ts';

const NAMESPACES = 200;
const POLICIES_OF_ALL = 5_000;
const AT_ONCE = 16;
const SEED = Number(process.env['BED_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

type Labels = Record<string, string>;
type Spec = Policy['spec'];

/** Pods are not needed: these are the labels that they would have. */
const PODS: Labels[] = [
  {},
  { app: 'a' },
  { app: 'b' },
  { app: 'a', tier: 'x' },
  { app: 'b', tier: 'x' },
  { app: 'c', tier: 'y' },
];
const SELECTORS: (Labels | undefined)[] = [
  undefined,
  {},
  { app: 'a' },
  { app: 'b' },
  { tier: 'x' },
  { app: 'a', tier: 'x' },
  { tier: 'x', app: 'b' },
];
const MODES = ['STRICT', 'PERMISSIVE', 'DISABLE', 'UNSET'];
const PORTS = ['80', '8080', '9443'];

describe(`five thousand random policies on a real API server (BED_SEED=${SEED})`, () => {
  let bed: Bed | undefined;
  let operator: OperatorProcess;
  let originals: Policy[];
  const random = randomFrom(SEED);
  const names = Array.from({ length: NAMESPACES }, (_, i) => `many-${i}`);

  before(async function () {
    bed = await bedFor(this);
    const { api } = bed;
    await inParallel(names, name => apply(api, namespaceObject(name, {})));
    const objects = Array.from({ length: POLICIES_OF_ALL }, (_, i) => ({
      apiVersion: random.of(['security.istio.io/v1', 'security.istio.io/v1beta1']),
      kind: 'PeerAuthentication',
      metadata: {
        // some namespaces have a hundred and more, some one or none
        namespace: names[random.below(1 + random.below(NAMESPACES))]!,
        name: `${random.of(['a', 'm', 'mtls-rollout', 'z'])}-${random.below(1000)}-${i}`,
      },
      spec: randomSpec(random),
    }));
    for (const name of ['first', 'second'])
      await apply(api, {
        apiVersion: 'security.istio.io/v1',
        kind: 'PeerAuthentication',
        metadata: { namespace: ROOT_NAMESPACE, name },
        // one without selector must not make everything STRICT at once
        spec: random.of([{}, { mtls: { mode: 'PERMISSIVE' } }, { mtls: { mode: 'UNSET' } }]),
      });
    await inParallel(objects, object => apply(api, object));
    originals = await readAll<Policy>(api, POLICIES);
    operator = await bed.startOperator();
  });
  after(async () => {
    await operator?.stop();
    await bed?.stop();
  });

  it('mean to the operator what a plain reading of them says', () => {
    assert.equal(originals.length, POLICIES_OF_ALL + 2);
    const policies = policiesOf(originals.map(policy => projectPolicy(policy as unknown as KubeObject)));
    const reading = new PlainReading(originals);
    let modes = 0;
    for (const namespace of names)
      for (const labels of PODS) {
        const { workload, ports } = effectiveModes(policies, ROOT_NAMESPACE, namespace, labels);
        for (const port of [undefined, ...PORTS]) {
          const found = (port === undefined ? workload : (ports.get(Number(port)) ?? workload)).mode;
          assert.equal(found, reading.mode(namespace, labels, port), `${namespace} ${JSON.stringify(labels)} ${port}`);
          modes += 1;
        }
      }
    const ages = Object.values(Object.groupBy(originals, ({ metadata }) => metadata.creationTimestamp));
    console.log(`      ${modes} modes; policies came in ${ages.length} different seconds`);
  });

  it('let rollouts complete, or hold them for a reason that they give', async function () {
    this.timeout(300_000);
    const { api } = bed!;
    const chosen = fewAndMany(originals, names, random);
    for (const [i, name] of chosen.entries()) {
      const preflight = i % 2 === 0 ? {} : { preflight: { accept: ['WeakerPolicy'] } };
      await create(api, name, quick([name], preflight));
    }
    const outcomes = await Promise.all(
      chosen.map(name => untilStatus(api, rolloutPath(name), isAtRest, name, 200_000)),
    );
    const reading = new PlainReading(await readAll<Policy>(api, POLICIES));
    for (const [i, { status }] of outcomes.entries()) {
      const namespace = chosen[i]!;
      const weaker = PODS.filter(labels =>
        [undefined, ...PORTS].some(port => isWeak(reading.mode(namespace, labels, port))),
      );
      if (status!.phase === 'Completed') {
        assert.equal(reading.mode(namespace, {}, undefined), 'STRICT', namespace);
        assert.ok(i % 2 === 1 || weaker.length === 0, `${namespace} is not STRICT throughout`);
        continue;
      }
      assert.equal(status!.summary?.waitingOn, 'WeakerPolicy', status!.message);
      const named = /PeerAuthentication many-\d+\/(\S+?)[,; ]/.exec(status!.message!)?.[1];
      const policy = originals.find(({ metadata }) => metadata.namespace === namespace && metadata.name === named);
      assert.ok(policy?.spec.selector, `${status!.message} names no policy of a workload`);
      const said = [policy.spec.mtls?.mode, ...Object.values(policy.spec.portLevelMtls ?? {}).map(({ mode }) => mode)];
      assert.ok(said.some(isWeak), `${named} asks for nothing less than STRICT`);
    }
    console.log(`      ${tally(outcomes)}`);

    await Promise.all(chosen.map(name => patch(api, rolloutPath(name), { spec: { mode: 'Revert' } })));
    await Promise.all(
      chosen.map(name => untilStatus(api, rolloutPath(name), ({ phase }) => phase === 'Reverted', name, 60_000)),
    );
    const now = await readAll<Policy>(api, POLICIES);
    const shape = ({ metadata, spec }: Policy) =>
      JSON.stringify([metadata.namespace, metadata.name, metadata.uid, metadata.labels, metadata.annotations, spec]);
    assert.deepEqual(now.map(shape), originals.map(shape));
  });
});

/** Istio's rules once more, in the plainest way: the oldest policy counts, in whole seconds and then by name. */
class PlainReading {
  readonly #byNamespace: Partial<Record<string, Policy[]>>;

  constructor(policies: readonly Policy[]) {
    this.#byNamespace = Object.groupBy(policies, ({ metadata }) => metadata.namespace ?? '');
  }

  mode(namespace: string, labels: Labels, port: string | undefined): string {
    const own = this.#oldest(
      namespace,
      wanted => wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value),
    );
    const wide = this.#oldest(namespace, wanted => wanted.length === 0);
    const mesh = this.#oldest(ROOT_NAMESPACE, wanted => wanted.length === 0);
    const said = [
      ...(port === undefined ? [] : [own?.spec.portLevelMtls?.[port]?.mode]),
      ...[own, wide, mesh].map(policy => policy?.spec.mtls?.mode),
    ];
    return said.find(mode => mode !== undefined && mode !== 'UNSET') ?? 'PERMISSIVE';
  }

  #oldest(namespace: string, fits: (wanted: [string, string][]) => boolean): Policy | undefined {
    let oldest: Policy | undefined;
    for (const policy of this.#byNamespace[namespace] ?? []) {
      if (!fits(Object.entries(policy.spec.selector?.matchLabels ?? {}))) continue;
      if (oldest === undefined || ageOf(policy) < ageOf(oldest)) oldest = policy;
    }
    return oldest;
  }
}

/** Times of the API server are all of one form, so they sort as text. */
function ageOf({ metadata }: Policy): string {
  return `${metadata.creationTimestamp} ${metadata.name}`;
}

function isWeak(mode: string | undefined): boolean {
  return mode === 'PERMISSIVE' || mode === 'DISABLE';
}

function isAtRest({ phase, conditions = [] }: NonNullable<RolloutObject['status']>): boolean {
  return phase === 'Completed' || conditions.some(({ type, status }) => type === 'Stalled' && status === 'True');
}

function tally(outcomes: readonly RolloutObject[]): string {
  const groups = Object.groupBy(outcomes, ({ status }) => status?.summary?.waitingOn || 'Completed');
  return Object.entries(groups)
    .map(([what, list]) => `${what} ${list!.length}`)
    .join(', ');
}

/** Ten namespaces, half of them such as have hardly a policy. */
function fewAndMany(policies: readonly Policy[], names: readonly string[], random: Random): string[] {
  const byNamespace = Object.groupBy(policies, ({ metadata }) => metadata.namespace ?? '');
  const countOf = (name: string) => byNamespace[name]?.length ?? 0;
  const sorted = names.toSorted((a, b) => countOf(a) - countOf(b));
  const some = (list: string[]) => random.shuffled(list).slice(0, 5);
  return random.shuffled([...some(sorted.slice(0, 10)), ...some(sorted.slice(10))]);
}

type Random = ReturnType<typeof randomFrom>;

function randomSpec(random: Random): Spec {
  const labels = random.of(SELECTORS);
  const mtls = random.below(5) === 0 ? {} : { mtls: random.below(6) === 0 ? {} : { mode: random.of(MODES) } };
  const selector = labels && { selector: { matchLabels: labels } };
  // Istio takes ports only with a selector
  if (!labels || Object.keys(labels).length === 0 || random.below(2) === 0) return { ...selector, ...mtls } as Spec;
  const ports = random.shuffled(PORTS).slice(0, 1 + random.below(PORTS.length));
  const portLevelMtls = Object.fromEntries(ports.map(port => [port, { mode: random.of(MODES) }]));
  return { ...selector, ...mtls, portLevelMtls } as Spec;
}

/** The same choices for the same seed (mulberry32). */
function randomFrom(seed: number) {
  let state = seed;
  const below = (limit: number) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
  const of = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const shuffled = <T>(list: readonly T[]): T[] => {
    const keyed = list.map((item, i) => ({ item, key: below(2 ** 31), i }));
    return keyed.sort((a, b) => a.key - b.key || a.i - b.i).map(({ item }) => item);
  };
  return { below, of, shuffled };
}

async function inParallel<T>(items: readonly T[], does: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await does(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
