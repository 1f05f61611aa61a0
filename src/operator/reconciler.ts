/** One reconcile of one rollout: gather, decide, carry out. */
import { KIND, type MtlsRollout } from '../api/resource.ts';
import type { Status } from '../api/status.ts';
import { parseStatus } from '../api/validate.ts';
import { OwnWrites } from '../cluster/ownWrites.ts';
import { Writer } from '../cluster/writer.ts';
import type { Metrics } from '../report/metrics.ts';
import { decide, roundDue } from '../rollout/decide.ts';
import { departure } from '../rollout/finalizer.ts';
import { unable } from '../rollout/unable.ts';
import type { Decision, Input, Obstacle, Trouble } from '../rollout/world.ts';
import type { Write } from '../rollout/writes.ts';
import { isBlind } from './blindness.ts';
import type { RolloutEntry } from './caches.ts';
import { type Outcome, performAll } from './carryOut.ts';
import { checkFree } from './freeSlot.ts';
import { gather, type Sources } from './gather.ts';
import { LOOK_AGAIN_MS, lookAgain } from './lookAgain.ts';
import { observe, type Observer } from './observe.ts';
import type { OutsideWatch } from './outside.ts';
import type { Pacer } from './pacer.ts';
import { Reported, RolloutWriter, type RolloutWriterOptions } from './rolloutWriter.ts';
import { ShadowSweep, type ShadowSweepOptions } from './shadowSweep.ts';

export interface ReconcilerOptions extends Observer, Sources, RolloutWriterOptions, ShadowSweepOptions {
  outside: OutsideWatch;
  pacer: Pacer;
  meter: Metrics;
  /** Term of this leader. */
  epoch: () => number;
  signal: AbortSignal;
}

/** Until the caches have caught up with our own writes. */
const CATCH_UP_MS = 20;
/** The first time sooner: an API server that has just started forbids what it allows a moment later. */
const LOOK_SOON_MS = 2_000;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #writer: RolloutWriter;
  readonly #shadows: ShadowSweep;
  /** By rollout: what was written for it, and what went wrong the last time. */
  readonly #own = new Map<string, OwnWrites>();
  readonly #trouble = new Map<string, Trouble>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#writer = new RolloutWriter(options);
    this.#shadows = new ShadowSweep(options);
  }

  /** Whether what the cache holds of a rollout is just what this process wrote: no reason to look at it. */
  isEcho(namespace: string, name: string): boolean {
    const entry = this.#options.caches.rollouts.cache.get({ namespace, name });
    return entry !== undefined && this.#writer.isEcho(`${namespace}/${name}`, entry);
  }

  /** Takes away what rollouts of a namespace that are gone, or of any, have left behind. */
  async sweep(namespace = this.#options.rootNamespace): Promise<void> {
    await this.#shadows.sweep(namespace === this.#options.rootNamespace ? undefined : namespace);
  }

  /** Resolves with the milliseconds after which to look again; rejects to be tried again with back-off. */
  async reconcile(namespace: string, name: string): Promise<number | undefined> {
    const key = `${namespace}/${name}`;
    const entry = this.#options.caches.rollouts.cache.get({ namespace, name });
    if (!entry) {
      this.#own.delete(key);
      this.#trouble.delete(key);
      this.#writer.forget(key);
      this.#options.hazards.forget(key);
      this.#options.meter.forget(namespace, name);
      this.#options.outside.forget(key);
      await this.sweep(namespace);
      return undefined;
    }
    const own = this.#ownOf(key);
    const { rollouts, policies, rules } = this.#options.caches;
    if (!own.seenBy(KIND, rollouts.cache)) return CATCH_UP_MS;
    const { parsed } = entry;
    if ('problems' in parsed) return await this.#refuse(entry, own, parsed);
    const { rootNamespace } = this.#options;
    const leaving = departure(parsed.rollout, {
      rootNamespace,
      namespaces: this.#options.caches.namespaces.cache.list(),
    });
    // nothing is promised for it: its policies stay
    if (leaving === 'Nothing') return undefined;
    if (leaving === 'LetGo') return await this.#letGo(entry, parsed.rollout);
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
    const looked = due ? await this.#withRound(input, due) : input;
    const decision = await this.#decided(looked);
    if ('defect' in decision) return await this.#unable(entry, own, rollout.metadata, decision.defect, rollout.status);
    await this.#carryOut(key, entry, own, rollout, decision);
    if (decision.writes.length > 0 || decision.finalizer || input.trouble) return CATCH_UP_MS;
    const look = lookAgain(input, decision);
    return look === undefined ? undefined : Math.max(0, look - clock.now());
  }

  /** Decides on what is known; where that is not enough, asks, and decides anew. */
  async #decided(input: Input): Promise<ReturnType<typeof decided>> {
    const { outside, signal } = this.#options;
    let decision = decided(outside.seen(input));
    if ('asks' in decision) {
      await outside.ask(signal);
      decision = decided(outside.seen(input));
    }
    if ('status' in decision) outside.note(input.rollout, decision);
    return decision;
  }

  async #withRound(input: Input, due: NonNullable<ReturnType<typeof roundDue>>): Promise<Input> {
    const { namespace, name } = input.rollout.metadata;
    const round = await observe(this.#options, input, due, this.#options.signal);
    if (round) this.#options.meter.observed(namespace, name, round.observations);
    return { ...input, ...(round ? { round } : {}), now: this.#options.clock.now() };
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
    const resourceVersion = await this.#writer.publish(entry, own, rollout.metadata, decision);
    if (decision.finalizer) {
      const failed = await this.#writer.changeFinalizer(own, rollout, resourceVersion, decision.finalizer);
      if (failed) this.#remember(key, failed);
    }
    if (decision.writes.length === 0) return void this.#trouble.delete(key);
    const writer = new Writer({ client, own, allowed });
    const before = async (write: Write) => {
      await pacer.turn(signal);
      await checkFree(client, write, signal);
    };
    const isBack = decision.status.phase === 'RollingBack';
    const outcome = await performAll(writer, decision.writes, before, { signal, isBack });
    if (outcome.trouble) this.#remember(key, outcome.trouble, outcome.failed);
    this.#noteDone(key, outcome.done);
    // the watch will tell; where it has fallen behind, the queue bounds how often the same is tried
    if (outcome.outdated) throw outcome.outdated;
  }

  /** Nothing is restored any more: a deleted rollout must not wait. */
  async #letGo(entry: RolloutEntry, rollout: MtlsRollout): Promise<number> {
    const key = `${rollout.metadata.namespace}/${rollout.metadata.name}`;
    const own = this.#ownOf(key);
    const trouble = await this.#writer.changeFinalizer(own, rollout, entry.resourceVersion, 'Remove');
    if (!trouble) return CATCH_UP_MS;
    return await this.#unable(entry, own, rollout.metadata, trouble.obstacle, rollout.status);
  }

  /** What went wrong is said by the next decision, which comes with the next try. */
  #remember(key: string, { obstacle, cause }: NonNullable<Outcome['trouble']>, failed: string[] = []): never {
    const before = this.#trouble.get(key)?.failed ?? [];
    this.#trouble.set(key, { ...obstacle, failed: new Set([...before, ...failed]) });
    throw new Reported(cause.kind, obstacle.message, { retryAfterMs: cause.retryAfterMs, cause });
  }

  /** A trouble is over when every write that had failed has come about. */
  #noteDone(key: string, done: readonly string[]): void {
    const trouble = this.#trouble.get(key);
    const failed = new Set([...(trouble?.failed ?? [])].filter(name => !done.includes(name)));
    if (trouble && failed.size > 0) this.#trouble.set(key, { ...trouble, failed });
    else this.#trouble.delete(key);
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
    await this.#writer.publish(entry, own, metadata, told);
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
