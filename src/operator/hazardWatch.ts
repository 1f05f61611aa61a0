/**
 * Looks for what the scopes at hand will break, and remembers what it found for a while: the findings, never the
 * objects that they were found in.
 */
import type { MtlsRollout } from '../api/resource.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { surveyOf } from '../cluster/survey.ts';
import { type Found, findingsIn, namespacesAtHand } from '../rollout/findings.ts';
import type { Platform } from '../rollout/fronts.ts';
import type { ScopeState } from '../rollout/scopeState.ts';
import { Situation } from '../rollout/situation.ts';
import type { Input } from '../rollout/world.ts';

/** A step that waits is looked at anew after this: what would break is not watched. */
export const LOOK_FOR_HAZARDS_MS = 60_000;
/** While a step that has begun collects evidence. */
const KEEP_MS = 600_000;

interface Known extends Found {
  /** Spec and scopes that it is about. */
  about: string;
  at: number;
}

const NOTHING: Found = { findings: new Map(), fronts: new Map() };

interface HazardWatchOptions {
  client: KubeClient;
  clock: Clock;
  istioNamespace: string;
  platform: Platform;
}

export class HazardWatch {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #istioNamespace: string;
  readonly #platform: Platform;
  readonly #known = new Map<string, Known>();

  constructor({ client, clock, istioNamespace, platform }: HazardWatchOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#istioNamespace = istioNamespace;
    this.#platform = platform;
  }

  forget(key: string): void {
    this.#known.delete(key);
  }

  /** What was found of the scopes that are about to move; of the whole plan in mode Plan; nothing where none is. */
  async look(key: string, input: Input, signal: AbortSignal): Promise<Found> {
    if (!isWanted(input.rollout)) return NOTHING;
    const { metadata, status } = input.rollout;
    const about = [metadata.generation, ...(status?.step?.scopes ?? [])].join();
    const known = this.#known.get(key);
    const keepMs = status?.step?.stage === 'Pending' ? LOOK_FOR_HAZARDS_MS : KEEP_MS;
    if (known?.about === about && this.#clock.now() - known.at < keepMs) return known;
    const situation = new Situation(input);
    const states = atHand(situation);
    if (states.length === 0) return NOTHING;
    const { world } = input;
    const inventory = await surveyOf(
      this.#client,
      namespacesAtHand(situation, states),
      this.#istioNamespace,
      world,
      signal,
    );
    const found = findingsIn(situation, states, inventory, this.#platform);
    this.#known.set(key, { about, at: this.#clock.now(), ...found });
    return found;
  }
}

/** Once STRICT is written everywhere, what happens is told by probes. */
function isWanted({ spec, status }: MtlsRollout): boolean {
  if (spec.mode === 'Revert') return false;
  const stage = status?.step?.stage;
  return (
    spec.mode === 'Plan' ||
    stage === 'Pending' ||
    stage === 'Preparing' ||
    stage === 'Observing' ||
    stage === 'Enforcing'
  );
}

function atHand(situation: Situation): ScopeState[] {
  const { spec, status } = situation.input.rollout;
  const states = [...situation.states()].filter(state => !situation.moved(state));
  if (spec.mode === 'Plan') return states;
  const scopes = new Set(status?.step?.scopes);
  return states.filter(({ key }) => scopes.has(key));
}
