/** Makes the round of probes that a decision asks for. */
import { formatDuration, parseDuration } from '../api/duration.ts';
import type { Observation, StepStatus } from '../api/status.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { PODS } from '../cluster/resources.ts';
import { DEFAULT_MESH, InventoryBuilder } from '../istio/inventory/inventory.ts';
import type { Pod } from '../istio/objects.ts';
import { projectPod } from '../istio/pods.ts';
import type { NamedQuery } from '../probes/namedQuery.ts';
import { buildProbes, type Surroundings } from '../probes/registry.ts';
import type { Receiver } from '../probes/webhook.ts';
import type { ClusterSight, LongProbe, Look, MetricsPreset, Probe, Sight } from '../probes/probe.ts';
import { exemptOnceMoved, strictAnyway } from '../rollout/exceptions.ts';
import { unmeshedIn } from '../rollout/findings.ts';
import { reachOf } from '../rollout/moves.ts';
import { lastLook } from '../rollout/probeRounds.ts';
import { type Scope, scopeKey } from '../rollout/scope.ts';
import { Situation } from '../rollout/situation.ts';
import { countedSince } from '../rollout/stages/shadowing.ts';
import { bounded, timestamp } from '../rollout/text.ts';
import type { Input, Round, RoundKind, World } from '../rollout/world.ts';

export interface Observer {
  client: KubeClient;
  clock: Clock;
  sight: Sight;
  cluster: ClusterSight;
  preset: MetricsPreset;
  queries: readonly NamedQuery[];
  receivers: readonly Receiver[];
}

/** The pods that probes have read, as they are, and of how many scopes. */
interface SeenPods {
  pods: InventoryBuilder;
  scopes: number;
}

/** For the default set. */
const TIMEOUT_MS = 30_000;

/**
 * Every probe of the rollout that takes part in this kind of round looks once; undefined: none of them is done. Never
 * rejects but for the signal.
 */
export async function observe(
  observer: Observer,
  input: Input,
  due: { kind: RoundKind; step: StepStatus; names: ReadonlySet<string> | undefined },
  signal: AbortSignal,
): Promise<Round | undefined> {
  const { kind, step, names } = due;
  const { rollout, world, metrics } = input;
  // not what the step names: a namespace that was made anew since is no part of it any more
  const situation = new Situation(input);
  const states = situation.stepStates(step);
  const seen: SeenPods | undefined = kind === 'Guard' ? { pods: new InventoryBuilder(), scopes: 0 } : undefined;
  const look: Look = {
    round: kind,
    scopes: states.map(({ scope }) => scope),
    now: observer.clock.now(),
    startedAt: Date.parse(step.startedAt),
    changedAt: step.changedAt === undefined ? undefined : Date.parse(step.changedAt),
    inForceAt: step.stage === 'Soaking' ? Date.parse(step.since) : undefined,
    countedSince: countedSince(situation, states),
    pods: podReader(observer.client, world, seen, signal),
    exempt: kind === 'Restored' ? strictAnyway(world) : exemptOnceMoved(rollout, states, world),
    timeoutMs: TIMEOUT_MS,
    turn: step.since,
    signal,
  };
  const { probes: specs } = rollout.spec;
  const surroundings: Surroundings = {
    sight: observer.sight,
    preset: observer.preset,
    metrics,
    cluster: observer.cluster,
    isRoot: rollout.metadata.namespace === world.rootNamespace,
    queries: observer.queries,
    author: rollout.metadata,
    plan: rollout.status?.plan ?? '',
    receivers: observer.receivers,
  };
  const probes = buildProbes(specs, surroundings).filter(
    ({ name, rounds }) => rounds.includes(kind) && (names?.has(name) ?? true),
  );
  const timeouts = new Map(specs.map(({ name, timeout }) => [name, parseDuration(timeout)]));
  const looks = probes.map(probe => {
    const timeoutMs = timeouts.get(probe.name) ?? TIMEOUT_MS;
    const turn = lastLook(rollout.status ?? {}, step, probe.name)?.at ?? step.since;
    const own = { ...look, timeoutMs, turn: `${kind} ${turn}` };
    return 'observeOn' in probe ? observed(probe, own) : observedInTime(probe, own, observer.clock);
  });
  const observations = (await Promise.all(looks)).filter(observation => observation !== undefined);
  signal.throwIfAborted();
  const isUnderWay = observations.length === 0 && probes.length > 0;
  if (isUnderWay) return undefined;
  // a round whose probes list no pods tells nothing about who is among them
  const unmeshed =
    seen?.scopes === states.length
      ? unmeshedIn(situation, states, seen.pods.build({ ...world, rules: world.rules ?? [], mesh: DEFAULT_MESH }))
      : undefined;
  return {
    kind,
    at: observer.clock.now(),
    scopes: states.map(({ key }) => key),
    ...(unmeshed ? { unmeshed } : {}),
    observations,
  };
}

/** A look that takes too long is an Error, and is broken off. */
async function observedInTime(probe: Probe, look: Look, clock: Clock): Promise<Observation | undefined> {
  const { timeoutMs } = look;
  const [late, done] = [new AbortController(), new AbortController()];
  const timer = clock.wait(timeoutMs, AbortSignal.any([done.signal, look.signal])).then((): Observation => {
    if (!done.signal.aborted) late.abort(new Error('the look took too long'));
    const message = `the look took longer than ${formatDuration(timeoutMs)}`;
    return { name: probe.name, verdict: 'Error', value: '', samples: 0, message, at: timestamp(look.now) };
  });
  try {
    return await Promise.race([
      observed(probe, { ...look, signal: AbortSignal.any([look.signal, late.signal]) }),
      timer,
    ]);
  } finally {
    done.abort();
  }
}

/** What a probe could not even try to see is an Error of that probe, and of nothing else. */
async function observed(probe: Probe | LongProbe, look: Look): Promise<Observation | undefined> {
  try {
    return await ('observeOn' in probe ? probe.observeOn(look) : probe.observe(look));
  } catch (error) {
    const message = bounded(`could not look: ${error instanceof Error ? error.message : String(error)}`);
    return { name: probe.name, verdict: 'Error', value: '', samples: 0, message, at: timestamp(look.now) };
  }
}

/** Reads the pods of a scope at most once a round, paged and projected; `seen` is shown them as they are. */
function podReader(
  client: KubeClient,
  world: World,
  seen: SeenPods | undefined,
  signal: AbortSignal,
): (scope: Scope) => Promise<Pod[]> {
  const read = new Map<string, Promise<Pod[]>>();
  return scope => {
    const key = scopeKey(scope);
    const pods = read.get(key) ?? listPods(client, scope, world, seen, signal);
    read.set(key, pods);
    return pods;
  };
}

async function listPods(
  client: KubeClient,
  scope: Scope,
  world: World,
  seen: SeenPods | undefined,
  signal: AbortSignal,
): Promise<Pod[]> {
  const labels = scope.kind === 'Workload' ? Object.entries(scope.selector) : [];
  const labelSelector = labels.length > 0 ? labels.map(pair => pair.join('=')).join(',') : undefined;
  const pods: Pod[] = [];
  for (const namespace of reachOf(scope, world))
    for await (const raw of client.list(PODS, { namespace, labelSelector, signal })) {
      pods.push(projectPod(raw));
      seen?.pods.add('Pod', raw);
    }
  if (seen) seen.scopes += 1;
  return pods;
}
