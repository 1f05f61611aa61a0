/** The plan: every scope of the target in exactly one wave, waves in the author's order. */
import { planHash } from '../api/hash.ts';
import type { MtlsRollout } from '../api/resource.ts';
import type { Wave } from '../api/schema.ts';
import { CONSOLIDATE, MESH, REST } from '../api/schema/strategy.ts';
import { soakOf } from './soak.ts';
import { slotKey } from '../istio/slots.ts';
import { namespaceOf } from './excepted.ts';
import { selects } from './labels.ts';
import { type Scope, scopeKey, scopeName, scopeSlot } from './scope.ts';
import { type Candidate, candidates, targetNamespaces } from './targets.ts';
import type { World } from './world.ts';

export interface PlannedWave {
  name: string;
  scopes: readonly Scope[];
  /** Scopes that move together. */
  size: number;
  /** No shorter than what a step has broken takes to show. */
  soakMs: number;
  /** What the author asked for, where that is shorter. */
  askedMs?: number;
  /** Over the scopes, their order and pace, what is to be written for them and what stays open; an approval names it. */
  hash: string;
}

export interface Plan {
  waves: readonly PlannedWave[];
  /** By scope key, with the number of the wave. */
  scopes: ReadonlyMap<string, { scope: Scope; wave: number }>;
  hash: string;
  /** Names that the author gave to a wave and no scope has. */
  unmatched: { wave: string; name: string }[];
}

const IMPLICIT = { maxConcurrent: 1, soak: '10m' } as const;
/** A step is never larger, so that status stays bounded. */
const LARGEST_STEP = 500;

export function planOf(rollout: MtlsRollout, world: World): Plan {
  let left = candidates(rollout, world);
  const unmatched: Plan['unmatched'] = [];
  const waves: PlannedWave[] = rollout.spec.strategy.waves.map(wave => {
    const { chosen, others, missing } = choose(wave, left);
    left = others;
    unmatched.push(...missing.map(name => ({ wave: wave.name, name })));
    return planned(wave.name, chosen, wave, rollout, world);
  });
  if (left.length > 0)
    waves.push(
      planned(
        REST,
        left.map(({ scope }) => scope),
        IMPLICIT,
        rollout,
        world,
      ),
    );
  const { target, strategy } = rollout.spec;
  if (target.mesh)
    waves.push(planned(MESH, [{ kind: 'Mesh', namespace: world.rootNamespace }], IMPLICIT, rollout, world));
  else if (strategy.consolidate && strategy.unit === 'Workload' && !target.workloads)
    waves.push(planned(CONSOLIDATE, wholeNamespaces(rollout, world), IMPLICIT, rollout, world));
  const scopes = new Map<string, { scope: Scope; wave: number }>();
  for (const [number, wave] of waves.entries())
    for (const scope of wave.scopes) scopes.set(scopeKey(scope), { scope, wave: number });
  return { waves, scopes, hash: planHash(waves.map(({ name, hash }) => [name, hash])), unmatched };
}

/** Number of steps of a plan in which nothing is done yet. */
export function stepsOf(plan: Plan): number {
  return plan.waves.reduce((sum, wave) => sum + Math.ceil(wave.scopes.length / wave.size), 0);
}

/** Takes what belongs to a wave: names first, in the author's order, then what the selector picks. */
function choose(wave: Wave, from: Candidate[]): { chosen: Scope[]; others: Candidate[]; missing: string[] } {
  const named = new Map<string, Candidate[]>((wave.names ?? []).map(name => [name, []]));
  const selected: Candidate[] = [];
  const others: Candidate[] = [];
  for (const candidate of from) {
    const byName = named.get(scopeName(candidate.scope));
    if (byName) byName.push(candidate);
    else if (wave.selector && selects(wave.selector, candidate.labels)) selected.push(candidate);
    else others.push(candidate);
  }
  const missing = [...named].filter(([, found]) => found.length === 0).map(([name]) => name);
  const chosen = [...[...named.values()].flat(), ...selected].map(({ scope }) => scope);
  return { chosen, others, missing };
}

/** What replaces the policies of their workloads. */
function wholeNamespaces(rollout: MtlsRollout, world: World): Scope[] {
  return targetNamespaces(rollout, world).map(({ name }) => ({ kind: 'Namespace', namespace: name }));
}

function planned(
  name: string,
  scopes: Scope[],
  { maxConcurrent, soak }: Pick<Wave, 'maxConcurrent' | 'soak'>,
  rollout: MtlsRollout,
  world: World,
): PlannedWave {
  const size = stepSize(maxConcurrent, scopes.length);
  const { adopt, destinationRules } = rollout.spec;
  // nothing of it changes by what has moved: an approval holds until the end of the wave
  const hash = planHash([
    name,
    scopes.map(scope => [scopeKey(scope), slotKey(scopeSlot(scope)), portsOf(scope), 'STRICT']),
    size,
    exceptionsIn(rollout, scopes),
    { adopt, destinationRules },
  ]);
  return { name, scopes, size, ...soakOf(soak, rollout.spec, world), hash };
}

/** What stays open in these scopes, and until when. */
function exceptionsIn(rollout: MtlsRollout, scopes: readonly Scope[]): unknown[] {
  const namespaces = new Set(scopes.map(({ namespace }) => namespace));
  return rollout.spec.exceptions
    .filter(exception => namespaces.has(namespaceOf(exception, rollout)))
    .map(exception => {
      const { selector, ports = [], until } = exception;
      return [slotKey({ namespace: namespaceOf(exception, rollout), selector: selector.matchLabels }), ports, until];
    })
    .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function stepSize(maxConcurrent: number | string, scopes: number): number {
  const size =
    typeof maxConcurrent === 'number' ? maxConcurrent : Math.ceil((scopes * Number.parseInt(maxConcurrent, 10)) / 100);
  return Math.min(Math.max(size, 1), LARGEST_STEP);
}

function portsOf(scope: Scope): readonly number[] {
  return scope.kind === 'Workload' ? (scope.ports ?? []) : [];
}
