/**
 * What the ports of the scope answer to a stranger. A TLS hello without ALPN is answered with the workload's SPIFFE
 * certificate exactly when the port is STRICT; under PERMISSIVE only a hello with ALPN `istio` is.
 *
 * A hello to a port that is still PERMISSIVE reaches the application, so none is sent before STRICT was written. After a
 * way back the same hello shows that STRICT is gone.
 */
import type { ProbeSpec } from '../api/schema.ts';
import type { Pod } from '../istio/objects.ts';
import { eachOf } from './eachOf.ts';
import { judgeEnforcement, judgeRestored, type Door, type Found, type ScopeDoors } from './enforcementVerdict.ts';
import { observe, type Finding, noData } from './observation.ts';
import type { HelloAnswer, Look, Probe, Sight } from './probe.ts';
import { podsOfScopes, type ScopePods } from './scopePods.ts';

export interface EnforcementOptions extends NonNullable<ProbeSpec['enforcement']> {
  /** Whether another probe counts what ztunnel denies. */
  denialsCounted?: boolean;
}

const HELLOS_AT_ONCE = 16;
/** Hellos without ALPN to a port that resets them. */
const TRIES = 3;
/**
 * Asked of pods that declare no port at all. Nothing listens there and no policy names it, so it shows the mode of the
 * workload as a whole, and a hello to it can reach no application.
 */
const UNDECLARED = 1;
/** So many ports that speak against what should be are enough to know; the rest is not asked. */
const ENOUGH = 50;

export function enforcement(name: string, options: EnforcementOptions, sight: Pick<Sight, 'hello'>): Probe {
  return {
    name,
    rounds: ['Enforcement', 'Soak', 'Restored'],
    observe: look => observe(name, look, () => find(look, options, sight)),
  };
}

async function find(look: Look, options: EnforcementOptions, sight: Pick<Sight, 'hello'>): Promise<Finding> {
  if (look.round === 'Entry') {
    return noData('no port is asked before STRICT was written');
  }
  const scopes = (await podsOfScopes(look)).map(scope => doorsOf(scope, options.samples, look));
  await knock(
    scopes.flatMap(({ doors }) => doors),
    sight,
    look,
  );
  return look.round === 'Restored' ? judgeRestored(scopes) : judgeEnforcement(scopes, look.round, options);
}

/** The ports to ask. Pods behind ztunnel answer a refused hello as a closed port would, so they prove nothing. */
function doorsOf(scope: ScopePods, samples: number, look: Look): ScopeDoors {
  const sidecars = scope.governed.filter(pod => pod.mesh === 'Sidecar');
  const withAddress = sample(
    sidecars.filter(({ ip }) => ip !== undefined),
    samples,
  );
  const given = scope.scope.kind === 'Workload' ? scope.scope.ports : undefined;
  const declared = (pod: Pod) => {
    if (!given) return pod.ports;
    const aside = look.round === 'Restored' ? look.exempt(scope.scope, pod) : [];
    return aside === 'All' ? [] : given.filter(port => !aside.includes(port));
  };
  const none = !given && withAddress.every(pod => declared(pod).length === 0);
  const ports = (pod: Pod) => (none ? [UNDECLARED] : declared(pod));
  return {
    key: scope.key,
    doors: withAddress.flatMap(pod => ports(pod).map(port => ({ pod, port, found: 'Unasked' as const }))),
    waiting: sidecars.filter(({ ip }) => ip === undefined).length,
    portless: withAddress.filter(pod => ports(pod).length === 0).length,
    ambient: scope.governed.length - sidecars.length,
  };
}

/** Spread over all pods in order of name, ready ones first: the same choice in every round. */
function sample(pods: readonly Pod[], size: number): Pod[] {
  const ready = pods.filter(pod => pod.ready);
  const from = (ready.length > 0 ? ready : [...pods]).sort((a, b) => (a.name < b.name ? -1 : 1));
  if (from.length <= size) return from;
  return Array.from({ length: size }, (_, i) => from[Math.floor((i * from.length) / size)]!);
}

/**
 * Asks every port once, several at a time, and those that reset again, one by one: where nothing listens behind a
 * STRICT port the reset races with the certificate, and a quiet line lets the certificate win.
 */
async function knock(doors: readonly Door[], sight: Pick<Sight, 'hello'>, { round, signal }: Look): Promise<void> {
  const isBack = round === 'Restored';
  let against = 0;
  await eachOf(doors, HELLOS_AT_ONCE, async door => {
    if (signal.aborted || against >= ENOUGH) return;
    door.found = classify(door, await sight.hello(door.pod.ip!, door.port, [], signal));
    if ((door.found === 'Strict') === isBack) against += 1;
  });
  for (const door of doors) {
    // an application may wait for more; under STRICT nobody waits, so a hello of the mesh tells
    if (door.found === 'Closed' || (isBack && door.found === 'Silent'))
      door.found = await askAgain(door, sight, signal);
  }
}

async function askAgain(door: Door, sight: Pick<Sight, 'hello'>, signal: AbortSignal): Promise<Found> {
  const hello = async (alpn: string[]) => classify(door, await sight.hello(door.pod.ip!, door.port, alpn, signal));
  for (let tries = 1; tries < TRIES && !signal.aborted && door.found === 'Closed'; tries += 1) {
    const found = await hello([]);
    if (found !== 'Closed') return found;
  }
  return (await hello(['istio'])) === 'Strict' ? 'Permissive' : door.found;
}

function classify({ pod }: Door, answer: HelloAnswer): Found {
  if (answer.kind === 'Reset') return 'Closed';
  if (answer.kind === 'Timeout') return 'Silent';
  if (answer.kind === 'Plaintext' || answer.spiffe === undefined) return 'Open';
  const namespace = /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/[^/]+$/.exec(answer.spiffe)?.[1];
  return namespace === pod.namespace ? 'Strict' : 'Stranger';
}
