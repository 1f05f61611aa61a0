/** The operator: watches, waits to lead, and reconciles every rollout that something happened to. */
import type { OperatorLogger, ResourceEvent } from '@dot-i/k8s-operator';
import { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { KubeError } from '../cluster/errors.ts';
import { EventRecorder } from '../cluster/events.ts';
import { Election } from '../cluster/lease.ts';
import type { Log } from '../cluster/log.ts';
import type { Reflector } from '../cluster/reflector.ts';
import type { Transport } from '../cluster/transport.ts';
import { WorkQueue } from '../cluster/workQueue.ts';
import type { Sight } from '../probes/probe.ts';
import { Reporter } from '../report/reporter.ts';
import { BaseOperator } from './base.ts';
import { type Caches, createCaches } from './caches.ts';
import { concerned, keysOf } from './concerned.ts';
import { Pacer } from './pacer.ts';
import { Reconciler } from './reconciler.ts';
import { findRootNamespace } from './rootNamespace.ts';
import type { Settings } from './settings.ts';

export interface OperatorParts {
  settings: Settings;
  transport: Transport;
  clock: Clock;
  sight: Sight;
  log: Log & OperatorLogger;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Of this process alone: not the name of a pod that a later process may bear too. */
  identity: string;
}

/** Between two tries to learn what the operator cannot begin without. */
const RETRY_MS = 5_000;

export class MtlsRolloutOperator extends BaseOperator {
  readonly #parts: OperatorParts;
  readonly #caches: Caches;
  readonly #queue: WorkQueue;
  readonly #events: EventRecorder;
  readonly #election: Election | undefined;
  #beginning: Promise<void> = Promise.resolve();
  #reconciler: Reconciler | undefined;
  #rootNamespace: string | undefined;

  constructor(parts: OperatorParts) {
    const { transport, clock, log, random, settings, identity } = parts;
    const client = new KubeClient(transport, clock);
    const caches = createCaches({ client, clock, random, log });
    super({ client, log, reflectors: Object.values(caches) as Reflector<unknown>[] });
    this.#parts = parts;
    this.#caches = caches;
    this.#events = new EventRecorder({ client, clock, log, instance: identity });
    this.#election = electionOf(parts, client);
    this.#queue = new WorkQueue({
      clock,
      concurrency: settings.concurrency,
      work: key => this.#work(key),
      onError: (key, error, pauseMs) => this.#failed(key, error, pauseMs),
    });
  }

  /** What is still missing before the operator can reconcile, one phrase each; empty when it is ready. */
  missing(): string[] {
    const { rollouts, namespaces } = this.#caches;
    const open = [rollouts, namespaces].filter(({ isSynced }) => !isSynced).map(({ resource }) => resource.plural);
    // policies that cannot be seen are said in the status of each rollout: the operator itself works
    if (!this.#policiesLookedFor()) open.push('peerauthentications');
    if (this.#rootNamespace === undefined) open.push('mesh configuration');
    return open;
  }

  /** Resolves with the reason when this process lost its leadership and must end; never without leader election. */
  get lost(): Promise<string> {
    return this.#election?.lost ?? new Promise(() => undefined);
  }

  /** Ends what is under way, lets go of the lease, and resolves when nothing runs any more. */
  override async stop(): Promise<void> {
    const drained = this.#queue.stop();
    await (this.#election?.stop(drained) ?? drained);
    await super.stop();
    await this.#beginning;
    await this.#events.flush();
  }

  /** Ends at once, as a crash would: nothing is awaited, the lease stays. For tests. */
  kill(): void {
    this.stopping.abort(new Error('killed'));
  }

  protected override async init(): Promise<void> {
    const { rollouts } = this.#caches;
    const enqueue = async (event: ResourceEvent) => {
      for (const key of concerned(event, rollouts.cache, this.#rootNamespace ?? '')) this.#queue.add(key);
    };
    await this.registerCustomResourceDefinition();
    for (const { resource } of Object.values(this.#caches) as Reflector<unknown>[])
      await this.watchResource(resource.group, resource.version, resource.plural, enqueue);
    this.#beginning = this.#begin().catch((error: unknown) => {
      if (!this.stopping.signal.aborted) this.log.error(`cannot begin: ${messageOf(error)}`);
    });
  }

  /** Waits for what decisions need, then for leadership, then opens the queue. */
  async #begin(): Promise<void> {
    const { rollouts, namespaces, policies } = this.#caches;
    const { signal } = this.stopping;
    const election = this.#election?.run();
    const rootNamespace = await this.#learnRootNamespace();
    await Promise.all([rollouts.synced, namespaces.synced, this.#untilPoliciesLookedFor()]);
    await this.#untilLeading();
    if (!signal.aborted) {
      this.log.info('reconciling', { rollouts: rollouts.cache.size, namespaces: namespaces.cache.size });
      this.#reconciler = this.#newReconciler(rootNamespace);
      this.#enqueueAll();
      this.#queue.start();
      // where the policies were not served at first, everything waits for them
      policies.synced.then(
        () => this.#enqueueAll(),
        () => undefined,
      );
    }
    await election;
  }

  #newReconciler(rootNamespace: string): Reconciler {
    const { settings, clock, sight, log } = this.#parts;
    return new Reconciler({
      caches: this.#caches,
      client: this.client,
      clock,
      rootNamespace,
      sight,
      preset: settings.metricsPreset,
      metrics: settings.prometheus !== undefined,
      reporter: new Reporter(log, this.#events),
      pacer: new Pacer(clock, settings.apiRate),
      epoch: () => this.#election?.term ?? 0,
      allowed: () => !this.stopping.signal.aborted && (this.#election?.isLeader() ?? true),
      storeStatus: (meta, status) => this.setResourceStatus(meta, status),
      signal: this.stopping.signal,
    });
  }

  async #learnRootNamespace(): Promise<string> {
    const { settings, log, clock } = this.#parts;
    const { signal } = this.stopping;
    if (settings.rootNamespace !== undefined) return (this.#rootNamespace = settings.rootNamespace);
    for (;;) {
      signal.throwIfAborted();
      try {
        const { name, source } = await findRootNamespace(this.client, settings.istioNamespace, signal);
        log.info('mesh root namespace', { rootNamespace: name, source });
        return (this.#rootNamespace = name);
      } catch (error) {
        log.warn('cannot read the mesh configuration yet', { error: messageOf(error) });
        await clock.wait(RETRY_MS, signal);
      }
    }
  }

  /** Listed, or it is known why they cannot be. */
  #policiesLookedFor(): boolean {
    const { policies } = this.#caches;
    return policies.isSynced || policies.state.kind === 'Waiting';
  }

  async #untilPoliciesLookedFor(): Promise<void> {
    const { signal } = this.stopping;
    while (!this.#policiesLookedFor() && !signal.aborted) await this.#parts.clock.wait(50, signal);
  }

  async #untilLeading(): Promise<void> {
    if (!this.#election) return;
    const { signal } = this.stopping;
    const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([this.#election.gained, aborted]);
  }

  #enqueueAll(): void {
    for (const key of this.#caches.rollouts.cache.list().flatMap(keysOf)) this.#queue.add(key);
  }

  async #work(key: string): Promise<number | undefined> {
    const [namespace = '', name = ''] = key.split('/');
    return await this.#reconciler?.reconcile(namespace, name);
  }

  #failed(key: string, error: unknown, pauseMs: number): void {
    if (this.stopping.signal.aborted) return;
    const fields = { rollout: key, error: messageOf(error), nextTryInMs: pauseMs };
    const expected = error instanceof KubeError && error.kind === 'Conflict';
    if (expected) this.log.info('changed meanwhile; looking again', fields);
    else this.log.warn('reconcile failed', fields);
  }
}

function electionOf(
  { settings, clock, random, log, identity }: OperatorParts,
  client: KubeClient,
): Election | undefined {
  const { enabled, namespace, name, leaseDuration, renewDeadline, retryPeriod } = settings.leaderElection;
  if (!enabled) return undefined;
  const pace = { leaseMs: leaseDuration, renewMs: renewDeadline, retryMs: retryPeriod };
  return new Election({ client, clock, random, log, namespace, name, identity, ...pace });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
