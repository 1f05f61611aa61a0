/**
 * What Prometheus reads of the operator itself. What stands in the statuses and queues is read when it is asked for;
 * only what happens is counted, per rollout, and forgotten with it, so that the number of series stays bounded.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type Observation, PHASES, type Status } from '../api/status.ts';
import type { Listener } from './reporter.ts';
import { Tally } from './tally.ts';

/** Asked at every scrape. */
export interface MetricsSources {
  /** Every rollout that this process looks after; none where it does not lead. */
  rollouts: () => Iterable<{ namespace: string; name: string; status: Status }>;
  leads: () => boolean;
  /** Rollouts that wait for a look, and that are being looked at. */
  queue: () => { waiting: number; running: number };
  /** Requests to the API server by verb and status code, as `patch 200`. */
  requests: () => ReadonlyMap<string, number>;
  /** Milliseconds since each watched resource was last seen, by plural; 0 while it is watched. */
  blindMs: () => Iterable<readonly [resource: string, ms: number]>;
  lostEvents: () => number;
  /** What became of notifications, by the name of their target and outcome: `ops sent`. */
  notifications: () => ReadonlyMap<string, number>;
}

const OF_ROLLOUT = ['namespace', 'name'] as const;
const CONDITIONS = ['Ready', 'Reconciling', 'Stalled', 'Drifted', 'ExceptionsDue'] as const;
const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export class Metrics {
  readonly #registry = new Registry();
  readonly #transitions = new Tally();
  readonly #rollbacks = new Tally();
  readonly #verdicts = new Tally();
  readonly #tallies = [this.#transitions, this.#rollbacks, this.#verdicts];
  readonly #duration: Histogram;
  readonly #errors: Counter<'kind'>;
  readonly #lastSuccess: Gauge;

  constructor(sources: MetricsSources) {
    this.#ofRollouts(sources);
    this.#ofProcess(sources);
    const registers = [this.#registry];
    this.#duration = new Histogram({
      name: 'mtls_rollout_reconcile_duration_seconds',
      help: 'How long one look at one rollout takes, probes and writes included.',
      buckets: SECONDS,
      registers,
    });
    this.#errors = new Counter({
      name: 'mtls_rollout_reconcile_errors_total',
      help: 'Looks that ended in an error and are tried again, by kind of error.',
      labelNames: ['kind'],
      registers,
    });
    this.#lastSuccess = new Gauge({
      name: 'mtls_rollout_last_success_timestamp_seconds',
      help: 'When a look at any rollout last ended without an error; 0 before the first.',
      registers,
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Memory, processor time and event loop of this process too. */
  withProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** Counts what was decided. */
  readonly listener: Listener = ({ rollout: { namespace, name }, reason }) => {
    this.#transitions.add(namespace, name, [reason]);
    if (reason === 'RollbackStarted') this.#rollbacks.add(namespace, name, []);
  };

  observed(namespace: string, name: string, observations: readonly Observation[]): void {
    for (const { name: probe, verdict } of observations) this.#verdicts.add(namespace, name, [probe, verdict]);
  }

  /** One look has ended. `failure`: the kind of error that ended it. `now` in milliseconds since the epoch. */
  looked(tookMs: number, now: number, failure: string | undefined): void {
    this.#duration.observe(tookMs / 1000);
    if (failure === undefined) this.#lastSuccess.set(now / 1000);
    else this.#errors.inc({ kind: failure });
  }

  /** The rollout is gone. */
  forget(namespace: string, name: string): void {
    for (const tally of this.#tallies) tally.forget(namespace, name);
  }

  #ofRollouts({ rollouts }: MetricsSources): void {
    this.#gauge('mtls_rollout_phase', '1 for the phase that the rollout is in, 0 for the others.', ['phase'], set => {
      for (const { namespace, name, status } of rollouts())
        for (const phase of PHASES) set([namespace, name, phase], status.phase === phase ? 1 : 0);
    });
    this.#gauge('mtls_rollout_condition', '1 where the condition of the rollout is True, else 0.', ['type'], set => {
      for (const { namespace, name, status } of rollouts())
        for (const type of CONDITIONS)
          set(
            [namespace, name, type],
            status.conditions?.some(each => each.type === type && each.status === 'True') ? 1 : 0,
          );
    });
    this.#gauge('mtls_rollout_scopes', 'Scopes of the rollout: those in STRICT, and all.', ['state'], set => {
      for (const { namespace, name, status } of rollouts()) {
        set([namespace, name, 'strict'], status.strict?.done ?? 0);
        set([namespace, name, 'total'], status.strict?.total ?? 0);
      }
    });
    this.#tally('mtls_rollout_transitions_total', 'What was decided, by reason.', ['reason'], this.#transitions);
    // a counter that begins with its first 1 shows no increase
    const known = () => {
      for (const { namespace, name } of rollouts()) this.#rollbacks.add(namespace, name, [], 0);
    };
    this.#tally('mtls_rollout_rollbacks_total', 'Rollbacks that were begun.', [], this.#rollbacks, known);
    const help = 'Looks of probes, by what they said.';
    this.#tally('mtls_rollout_probe_verdicts_total', help, ['probe', 'verdict'], this.#verdicts);
  }

  #ofProcess({ leads, queue, requests, blindMs, lostEvents, notifications }: MetricsSources): void {
    this.#plain('mtls_rollout_leader', '1 where this process leads, else 0.', () => (leads() ? 1 : 0));
    this.#plain('mtls_rollout_queue_depth', 'Rollouts that wait for a look.', () => queue().waiting);
    this.#plain('mtls_rollout_queue_running', 'Rollouts that are being looked at.', () => queue().running);
    const registers = [this.#registry];
    const blindness = new Gauge({
      name: 'mtls_rollout_watch_blind_seconds',
      help: 'Since when a watched resource has been out of sight; 0 while it is watched.',
      labelNames: ['resource'],
      registers,
      collect: () => {
        for (const [resource, ms] of blindMs()) blindness.set({ resource }, ms / 1000);
      },
    });
    const asked = 'Requests to the API server, by verb and status code; `none` where no answer came.';
    this.#counted('mtls_rollout_api_requests_total', asked, ['verb', 'code'], requests);
    this.#counted('mtls_rollout_events_lost_total', 'Events that could not be written.', [], () => {
      return new Map([['', lostEvents()]]);
    });
    const sent = 'Notifications, by target and outcome: sent, failed (given up) or dropped (too many waited).';
    this.#counted('mtls_rollout_notifications_total', sent, ['target', 'outcome'], notifications);
  }

  /** A gauge about rollouts, made anew at every scrape: of one that is gone nothing stays. */
  #gauge(name: string, help: string, labels: string[], read: (set: Setter) => void): void {
    const labelNames = [...OF_ROLLOUT, ...labels];
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => {
        gauge.reset();
        read((values, value) => gauge.labels(...values).set(value));
      },
    });
  }

  #tally(name: string, help: string, labels: string[], tally: Tally, before: () => void = () => undefined): void {
    this.#counter(name, help, [...OF_ROLLOUT, ...labels], () => {
      before();
      return tally.all();
    });
  }

  #plain(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({ name, help, registers: [this.#registry], collect: () => gauge.set(read()) });
  }

  /** Counted elsewhere, by the values of the labels with spaces between them. */
  #counted(name: string, help: string, labelNames: string[], read: () => ReadonlyMap<string, number>): void {
    this.#counter(name, help, labelNames, () =>
      [...read()].map(([key, count]) => [labelNames.length === 0 ? [] : key.split(' '), count]),
    );
  }

  /** Made anew at every scrape from what was counted, by the values of its labels. */
  #counter(name: string, help: string, labelNames: string[], read: () => Iterable<[string[], number]>): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect: () => {
        const all = read();
        counter.reset();
        for (const [values, count] of all) counter.labels(...values).inc(count);
      },
    });
  }
}

type Setter = (values: string[], value: number) => void;
