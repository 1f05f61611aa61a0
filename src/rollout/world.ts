/** The values that go into a decision and come out of it. Times are milliseconds since the epoch. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Observation, Status } from '../api/status.ts';
import type { DestinationRule, Namespace, Service, Workload } from '../istio/objects.ts';
import type { Policies } from '../istio/policies.ts';
import type { Dependencies } from './dependencies.ts';
import type { Findings } from './findings.ts';
import type { Fronts } from './fronts.ts';
import type { Outside } from './gates/outside.ts';
import type { Shadows } from './shadows.ts';
import type { Write } from './writes.ts';

/** What is in the cluster, as far as one rollout is concerned. */
export interface World {
  rootNamespace: string;
  /** How long connections from before a switch go on, in milliseconds. */
  drainMs: number;
  /** Every namespace that the target may name: the rollout's own, or all of them in the root namespace. */
  namespaces: readonly Namespace[];
  policies: Policies;
  /** Workloads of the target's namespaces; read only where the unit is Workload. */
  workloads: readonly Workload[];
  /** Every DestinationRule of the cluster; undefined: they cannot be seen. */
  rules: readonly DestinationRule[] | undefined;
  /** Services by namespace; read only where something is about to leave DISABLE. */
  services: ReadonlyMap<string, readonly Service[]>;
  /** The rollouts in `spec.dependsOn`; undefined: nobody has looked for them. */
  dependencies?: Dependencies;
  /** What was found of the scopes at hand, by key; undefined: nobody looks for it. */
  findings?: Findings;
  /** What counts plaintext for this rollout; read only where it has shadows, or may need them. */
  shadows?: Shadows;
  /** The Services in front of these scopes, of which rules for clients may be needed. */
  fronts?: Fronts;
}

/**
 * What a round of probes is for: evidence before STRICT, whether STRICT is in force, whether it does harm, whether all is
 * still well once everything is done, or whether STRICT is gone after a way back.
 */
export type RoundKind = 'Entry' | 'Enforcement' | 'Soak' | 'Guard' | 'Restored';

/** A workload on which STRICT has no effect, with the code of the hazard. */
export interface Unmeshed {
  code: string;
  scope: string;
  object: string;
  message: string;
}

/** One look with every probe that takes part. */
export interface Round {
  kind: RoundKind;
  at: number;
  /** Keys of the scopes that were looked at. */
  scopes: string[];
  /** In a round of the guard: workloads without a proxy in these scopes. */
  unmeshed?: Unmeshed[];
  observations: Observation[];
}

/** Something outside the rollout's plan that keeps it from acting at all. */
export interface Obstacle {
  reason: string;
  message: string;
  /** True: only an edit helps (Stalled). False: it may pass by itself (Reconciling). */
  lasting: boolean;
}

export interface Trouble extends Obstacle {
  /** Objects, as `kind namespace/name`, of which a write has failed and has not come about since. */
  failed?: ReadonlySet<string>;
}

export interface Input {
  rollout: MtlsRollout;
  world: World;
  now: number;
  /** Term of the leader that asks; written into status before the first write. */
  epoch: number;
  round?: Round;
  obstacle?: Obstacle;
  /** What went wrong when the last decision was carried out. */
  trouble?: Trouble;
  /** Whether the operator knows where the metrics are. */
  metrics: boolean;
  /** What holds every rollout of the cluster alike; absent only where nothing is ever written. */
  outside?: Outside;
}

/** One thing that was decided. */
export interface Transition {
  reason: string;
  message: string;
  severity: 'Normal' | 'Warning';
  wave?: string;
  step?: number;
  scopes?: string[];
}

/** The one source of history, event, log line, metric and notification. `at` is RFC 3339. */
export interface TransitionRecord extends Transition {
  at: string;
}

export interface Decision {
  status: Status;
  /** To be performed after the status is stored. */
  writes: Write[];
  /** To be performed after the status is stored, instead of writes. */
  finalizer?: 'Add' | 'Remove';
  transitions: TransitionRecord[];
  /** What has to be asked first: then the same is to be decided anew. */
  asks?: 'Alerts';
  /** When to look again without any event; undefined: only when something changes. */
  nextLookAt?: number;
}
