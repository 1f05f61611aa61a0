/** The operator: watches, waits to lead, and reconciles every rollout that something happened to. */
import { type OperatorLogger, type ResourceEvent, ResourceEventType } from '@dot-i/k8s-operator';
import { KIND } from '../api/resource.ts';
import { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { KubeError } from '../cluster/errors.ts';
import { EventRecorder } from '../cluster/events.ts';
import type { Election } from '../cluster/lease.ts';
import type { Log } from '../cluster/log.ts';
import type { Reflector } from '../cluster/reflector.ts';
import type { Transport } from '../cluster/transport.ts';
import { WorkQueue } from '../cluster/workQueue.ts';
import { NotLeading } from '../cluster/writer.ts';
import type { Sight } from '../probes/probe.ts';
import type { Receiver } from '../probes/webhook.ts';
import { Metrics } from '../report/metrics.ts';
import type { Notifier } from '../report/notifier.ts';
import { Reporter, toEvents, toLog } from '../report/reporter.ts';
import { type AlertSource, AlertWatch } from './alertWatch.ts';
import { BaseOperator } from './base.ts';
import { isLookedFor, tellOfBlindness, untilLookedFor } from './blindness.ts';
import { BudgetBook } from './budgetBook.ts';
import { type Caches, createCaches } from './caches.ts';
import { electionOf } from './candidacy.ts';
import { clusterSight } from './clusterSight.ts';
import { concerned, dependents, keysOf } from './concerned.ts';
import { HazardWatch } from './hazardWatch.ts';
import { measured, sourcesOf } from './measures.ts';
import { OutsideWatch } from './outside.ts';
import { Pacer } from './pacer.ts';
import { Reconciler } from './reconciler.ts';
import { Reported } from './rolloutWriter.ts';
import { learnMeshFacts, type MeshFacts } from './meshFacts.ts';
import type { Settings } from './settings.ts';

export interface OperatorParts {
  settings: Settings;
  transport: Transport;
  clock: Clock;
  sight: Sight;
  /** Absent: no alerts hold a step. */
  alerts?: AlertSource;
  /** Whom `webhook` probes may call. */
  receivers?: readonly Receiver[];
  log: Log & OperatorLogger;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Of this process alone: not the name of a pod that a later process may bear too. */
  identity: string;
  /** Absent: nobody outside the cluster is told. */
  notifier?: Notifier;
}

export class MtlsRolloutOperator extends BaseOperator {
  readonly metrics: Metrics;
  readonly #parts: OperatorParts;
  readonly #caches: Caches;
  readonly #queue: WorkQueue;
  readonly #events: EventRecorder;
  readonly #election: Election | undefined;
  /** Rollouts whose last look failed, until the next one. */
  readonly #pausing = new Set<string>();
  #beginning: Promise<void> = Promise.resolve();
  #reconciler: Reconciler | undefined;
  #rootNamespace: string | undefined;

  constructor(parts: OperatorParts) {
    const { transport, clock, log, random, settings, identity } = parts;
    const client = new KubeClient(transport, clock);
    const caches = createCaches({ client, clock, random, log }, settings.leaderElection.namespace);
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
    const leads = () => this.#reconciler !== undefined && this.#mayWrite();
    const { notifier } = parts;
    this.metrics = new Metrics(
      sourcesOf({ caches, client, queue: this.#queue, events: this.#events, leads, notifier }),
    );
  }

  /** What is still missing before the operator can reconcile, one phrase each; empty when it is ready. */
  missing(): string[] {
    const { rollouts, namespaces } = this.#caches;
    const open = [rollouts, namespaces].filter(({ isSynced }) => !isSynced).map(({ resource }) => resource.plural);
    // policies that cannot be seen are said in the status of each rollout: the operator itself works
    if (!isLookedFor(this.#caches.policies)) open.push('peerauthentications');
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
    await Promise.all([this.#events.flush(), this.#parts.notifier?.stop()]);
  }

  /** Ends at once, as a crash would: nothing is awaited, the lease stays. For tests. */
  kill(): void {
    this.stopping.abort(new Error('killed'));
  }

  protected override async init(): Promise<void> {
    await this.registerCustomResourceDefinition();
    for (const { resource } of Object.values(this.#caches) as Reflector<unknown>[])
      await this.watchResource(resource.group, resource.version, resource.plural, async event => this.#wake(event));
    this.#beginning = this.#begin().catch((error: unknown) => {
      if (!this.stopping.signal.aborted) this.log.error(`cannot begin: ${messageOf(error)}`);
    });
  }

  /** Looks at every rollout that an event is news for. One that waits after a failure is only hurried by its own author. */
  #wake(event: ResourceEvent): void {
    const { kind, namespace = '', name } = event.meta;
    const isOwn = kind === KIND;
    const rollouts = this.#caches.rollouts.cache;
    const isEcho = isOwn && event.type === ResourceEventType.Modified && this.#reconciler?.isEcho(namespace, name);
    // what this process has written itself is news only for those that wait for it
    const keys = isEcho ? dependents(namespace, name, rollouts) : concerned(event, rollouts, this.#rootNamespace ?? '');
    for (const key of keys) {
      if (isOwn && key === `${namespace}/${name}`) this.#queue.add(key);
      else this.#hurry(key);
    }
  }

  #hurry(key: string): void {
    if (!this.#pausing.has(key)) this.#queue.add(key);
  }

  /** Waits for what decisions need, then for leadership, then opens the queue. */
  async #begin(): Promise<void> {
    const { rollouts, namespaces, policies, rules, freeze } = this.#caches;
    const { signal } = this.stopping;
    const election = this.#election?.run();
    // whoever leads next must not be disturbed; that this process has to end is said by `lost`
    void this.#election?.lost.then(() => this.#queue.stop());
    const facts = await learnMeshFacts(this.client, this.#parts, signal);
    this.#rootNamespace = facts.rootNamespace;
    await Promise.all([rollouts.synced, namespaces.synced, untilLookedFor(this.#caches, this.#parts.clock, signal)]);
    await this.#untilLeading();
    if (!signal.aborted) {
      this.log.info('reconciling', { rollouts: rollouts.cache.size, namespaces: namespaces.cache.size });
      this.#reconciler = this.#newReconciler(facts);
      this.#enqueueAll();
      this.#queue.start();
      await this.#reconciler.sweep();
      // where policies or rules were not served at first, or nobody could tell of a freeze, something may wait for them
      for (const { synced } of [policies, rules, freeze])
        synced.then(
          () => this.#enqueueAll(),
          () => undefined,
        );
      await tellOfBlindness(this.#caches, () => this.#enqueueAll(), this.#parts.clock, signal);
    }
    await election;
  }

  #newReconciler(facts: MeshFacts): Reconciler {
    const { settings, clock, sight, log, alerts, notifier, receivers = [] } = this.#parts;
    return new Reconciler({
      caches: this.#caches,
      outside: new OutsideWatch({
        caches: this.#caches,
        alerts: alerts && new AlertWatch(alerts, clock),
        budget: settings.budget && new BudgetBook(settings.budget, this.#caches.rollouts, key => this.#hurry(key)),
        clock,
      }),
      client: this.client,
      clock,
      ...facts,
      sight,
      cluster: clusterSight(this.client, clock, () => this.#mayWrite()),
      preset: settings.metricsPreset,
      queries: settings.queries,
      receivers,
      metrics: settings.prometheus !== undefined,
      hazards: new HazardWatch({
        client: this.client,
        clock,
        istioNamespace: settings.istioNamespace,
        platform: settings.platform,
      }),
      reporter: new Reporter(toLog(log), toEvents(this.#events), this.metrics.listener, notifier?.listener),
      pacer: new Pacer(clock, settings.apiRate),
      epoch: () => this.#election?.term ?? 0,
      meter: this.metrics,
      log,
      allowed: () => this.#mayWrite(),
      storeStatus: (meta, status) => this.setResourceStatus(meta, status),
      storeFinalizers: (meta, finalizers) => this.patchFinalizers(meta, finalizers),
      signal: this.stopping.signal,
    });
  }

  async #untilLeading(): Promise<void> {
    const { signal } = this.stopping;
    // a signal that has fired already tells no new listener
    if (!this.#election || signal.aborted) return;
    const aborted = new Promise<void>(resolve => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([this.#election.gained, aborted]);
  }

  #enqueueAll(): void {
    for (const key of this.#caches.rollouts.cache.list().flatMap(keysOf)) this.#queue.add(key);
  }

  async #work(key: string): Promise<number | undefined> {
    this.#pausing.delete(key);
    const [namespace = '', name = ''] = key.split('/');
    return await measured(this.metrics, this.#parts.clock, async () => this.#reconciler?.reconcile(namespace, name));
  }

  #mayWrite(): boolean {
    return !this.stopping.signal.aborted && (this.#election?.isLeader() ?? true);
  }

  #failed(key: string, error: unknown, pauseMs: number): void {
    if (this.stopping.signal.aborted) return;
    if (error instanceof NotLeading) return void this.log.info('left for the next leader', { rollout: key });
    const fields = { rollout: key, error: messageOf(error), nextTryInMs: pauseMs };
    // whoever was faster is on its way into the cache, and worth an earlier look
    if (error instanceof KubeError && error.kind === 'Conflict')
      return void this.log.info('changed meanwhile; looking again', fields);
    this.#pausing.add(key);
    if (error instanceof Reported) this.log.info('trying again later', { rollout: key, nextTryInMs: pauseMs });
    else this.log.warn('reconcile failed', fields);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
