/** One reconcile of one rollout: gather, decide, carry out. */
import type { ResourceMeta } from '@dot-i/k8s-operator';
import { GROUP, KIND, type MtlsRollout, PLURAL, VERSION } from '../api/resource.ts';
import type { Status } from '../api/status.ts';
import { parseStatus } from '../api/validate.ts';
import { KubeError } from '../cluster/errors.ts';
import { OwnWrites } from '../cluster/ownWrites.ts';
import { NotLeading, Writer } from '../cluster/writer.ts';
import type { Reporter } from '../report/reporter.ts';
import { decide, roundDue } from '../rollout/decide.ts';
import { bounded, timestamp } from '../rollout/text.ts';
import { unable } from '../rollout/unable.ts';
import type { Decision, Input, Obstacle } from '../rollout/world.ts';
import type { Write } from '../rollout/writes.ts';
import { isBlind } from './blindness.ts';
import type { RolloutEntry } from './caches.ts';
import { isLasting, performAll, sameStatus } from './carryOut.ts';
import { Echoes } from './echoes.ts';
import { checkFree } from './freeSlot.ts';
import { gather, type Sources } from './gather.ts';
import { LOOK_AGAIN_MS, lookAgain } from './lookAgain.ts';
import { observe, type Observer } from './observe.ts';
import type { Pacer } from './pacer.ts';

export interface ReconcilerOptions extends Observer, Sources {
  reporter: Reporter;
  pacer: Pacer;
  /** Term of this leader. */
  epoch: () => number;
  /** Whether this process leads, asked right before each write. */
  allowed: () => boolean;
  /** Replaces the status of the version in `meta`; rejects with KubeError Conflict when there is a newer one. */
  storeStatus: (meta: ResourceMeta, status: Status) => Promise<ResourceMeta>;
  signal: AbortSignal;
}

/** Until the caches have caught up with our own writes. */
const CATCH_UP_MS = 20;
/** The first time sooner: an API server that has just started forbids what it allows a moment later. */
const LOOK_SOON_MS = 2_000;

/** Status, log and an event say already what went wrong; it only has to be tried again later. */
export class Reported extends KubeError {}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #echoes = new Echoes();
  /** By rollout: what was written for it, and what went wrong the last time. */
  readonly #own = new Map<string, OwnWrites>();
  readonly #trouble = new Map<string, Obstacle>();
  /** By rollout: why its status could not be stored. */
  readonly #unstored = new Map<string, string>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Whether what the cache holds of a rollout is just what this process wrote: no reason to look at it. */
  isEcho(namespace: string, name: string): boolean {
    const entry = this.#options.caches.rollouts.cache.get({ namespace, name });
    return entry !== undefined && this.#echoes.isEcho(`${namespace}/${name}`, entry);
  }

  /** Resolves with the milliseconds after which to look again; rejects to be tried again with back-off. */
  async reconcile(namespace: string, name: string): Promise<number | undefined> {
    const key = `${namespace}/${name}`;
    const entry = this.#options.caches.rollouts.cache.get({ namespace, name });
    if (!entry) {
      this.#own.delete(key);
      this.#trouble.delete(key);
      this.#unstored.delete(key);
      this.#echoes.forget(key);
      this.#options.hazards.forget(key);
      return undefined;
    }
    const own = this.#ownOf(key);
    const { rollouts, policies, rules } = this.#options.caches;
    if (!own.seenBy(KIND, rollouts.cache)) return CATCH_UP_MS;
    const { parsed } = entry;
    if ('problems' in parsed) return await this.#refuse(entry, own, parsed);
    // nothing is promised for a rollout that is being deleted: its policies stay
    if (parsed.rollout.metadata.deletionTimestamp) return undefined;
    const blind = this.#blindness();
    if (blind) return await this.#unable(entry, own, parsed.rollout.metadata, blind, parsed.rollout.status);
    if (!own.seenBy('PeerAuthentication', policies.cache)) return CATCH_UP_MS;
    if (!isBlind(rules) && !own.seenBy('DestinationRule', rules.cache)) return CATCH_UP_MS;
    return await this.#decide(entry, own, parsed.rollout);
  }

  async #decide(entry: RolloutEntry, own: OwnWrites, rollout: MtlsRollout): Promise<number | undefined> {
    const { epoch, signal, clock } = this.#options;
    const key = `${rollout.metadata.namespace}/${rollout.metadata.name}`;
    const input = await gather(this.#options, rollout, epoch(), this.#trouble.get(key), signal);
    if ('unseen' in input) return await this.#unable(entry, own, rollout.metadata, input.unseen, rollout.status);
    const due = roundDue(input);
    const decision = decided(due ? await this.#withRound(input, due) : input);
    if ('defect' in decision) return await this.#unable(entry, own, rollout.metadata, decision.defect, rollout.status);
    await this.#carryOut(key, entry, own, rollout, decision);
    if (decision.writes.length > 0 || input.trouble) return CATCH_UP_MS;
    const look = lookAgain(input, decision);
    return look === undefined ? undefined : Math.max(0, look - clock.now());
  }

  async #withRound(input: Input, due: NonNullable<ReturnType<typeof roundDue>>): Promise<Input> {
    const round = await observe(this.#options, input, due, this.#options.signal);
    return { ...input, round, now: this.#options.clock.now() };
  }

  /** The status goes first: intent is recorded before it is acted on, and a process that no longer leads fails here. */
  async #carryOut(
    key: string,
    entry: RolloutEntry,
    own: OwnWrites,
    rollout: MtlsRollout,
    decision: Decision,
  ): Promise<void> {
    const { pacer, signal, client, allowed } = this.#options;
    await this.#tell(entry, own, rollout.metadata, decision);
    if (decision.writes.length === 0) return void this.#trouble.delete(key);
    const writer = new Writer({ client, own, allowed });
    const before = async (write: Write) => {
      await pacer.turn(signal);
      await checkFree(client, write, signal);
    };
    const { trouble, outdated } = await performAll(writer, decision.writes, before, signal);
    if (trouble) {
      // said by the next decision, which is the try after the pause
      this.#trouble.set(key, trouble.obstacle);
      throw new Reported(trouble.cause.kind, trouble.obstacle.message, {
        retryAfterMs: trouble.cause.retryAfterMs,
        cause: trouble.cause,
      });
    }
    this.#trouble.delete(key);
    // the watch will tell; where it has fallen behind, the queue bounds how often the same is tried
    if (outdated) throw outdated;
  }

  /** What is told is what was stored: where the status could not be, nobody hears of it. */
  async #tell(
    entry: RolloutEntry,
    own: OwnWrites,
    metadata: MtlsRollout['metadata'],
    { status, transitions }: Pick<Decision, 'status' | 'transitions'>,
  ): Promise<void> {
    await this.#storeStatus(entry, own, metadata, status);
    for (const transition of transitions) this.#options.reporter.report({ metadata }, transition);
  }

  async #storeStatus(
    entry: RolloutEntry,
    own: OwnWrites,
    metadata: MtlsRollout['metadata'],
    status: Status,
  ): Promise<void> {
    const { namespace, name } = metadata;
    this.#echoes.say(`${namespace}/${name}`, entry, status);
    if (sameStatus(entry.rawStatus, status)) return;
    if (!this.#options.allowed()) throw new NotLeading(`status of MtlsRollout ${namespace}/${name}`);
    const { resourceVersion } = entry;
    const meta = {
      id: `${PLURAL}.${GROUP}/${VERSION}`,
      apiVersion: `${GROUP}/${VERSION}`,
      kind: KIND,
      namespace,
      name,
      resourceVersion,
    };
    try {
      const stored = await this.#options.storeStatus(meta, status);
      own.wrote(KIND, stored.resourceVersion);
      this.#unstored.delete(`${namespace}/${name}`);
    } catch (error) {
      if (!(error instanceof KubeError && isLasting(error))) throw error;
      throw this.#reportUnstored(metadata, error);
    }
  }

  /** The one record that no history holds: the status cannot say that it cannot be written. */
  #reportUnstored(metadata: MtlsRollout['metadata'], error: KubeError): Reported {
    const key = `${metadata.namespace}/${metadata.name}`;
    const message = bounded(`cannot ${error.message}`);
    if (this.#unstored.get(key) !== message) {
      const at = timestamp(this.#options.clock.now());
      const record = { reason: `Status${error.kind}`, message, severity: 'Warning' as const, at };
      this.#options.reporter.report({ metadata }, record);
    }
    this.#unstored.set(key, message);
    return new Reported(error.kind, message, { cause: error });
  }

  /** The object cannot be read: it says so, and nothing else is disturbed. */
  async #refuse(
    entry: RolloutEntry,
    own: OwnWrites,
    parsed: { problems: string[]; metadata?: MtlsRollout['metadata'] },
  ): Promise<undefined> {
    if (!parsed.metadata) return undefined;
    const obstacle = { reason: 'Invalid', message: parsed.problems.join('; '), lasting: true };
    await this.#unable(entry, own, parsed.metadata, obstacle, parseStatus(entry.rawStatus));
    return undefined;
  }

  async #unable(
    entry: RolloutEntry,
    own: OwnWrites,
    metadata: MtlsRollout['metadata'],
    obstacle: Obstacle,
    before: Status = {},
  ): Promise<number> {
    const told = unable(before, obstacle, metadata.generation, this.#options.clock.now());
    await this.#tell(entry, own, metadata, told);
    return told.transitions.length > 0 ? LOOK_SOON_MS : LOOK_AGAIN_MS;
  }

  /** Without the policies nothing can be decided, not even that a rollback is complete. */
  #blindness(): Obstacle | undefined {
    const { policies } = this.#options.caches;
    if (!isBlind(policies)) return undefined;
    const problem = policies.state.problem ?? 'they are being listed';
    return {
      reason: 'PoliciesNotSeen',
      message: `the PeerAuthentications of the cluster cannot be seen: ${problem}; install Istio's CRDs, or allow the operator to list and watch them`,
      lasting: true,
    };
  }

  #ownOf(key: string): OwnWrites {
    const own = this.#own.get(key) ?? new OwnWrites();
    this.#own.set(key, own);
    return own;
  }
}

/** A rollout on which the core fails stands still and says so; the others go on. */
function decided(input: Input): Decision | { defect: Obstacle } {
  try {
    return decide(input);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return {
      defect: {
        reason: 'InternalError',
        message: `a defect of the operator, please report it: ${what}`,
        lasting: true,
      },
    };
  }
}
