/** A mesh in memory for tests of the core: performs writes as an API server would, and drives decisions to rest. */
import assert from 'node:assert/strict';
import type { MtlsRollout } from '../../src/api/resource.ts';
import { type SpecInput, specSchema } from '../../src/api/schema.ts';
import type { Condition, Observation, Status, Verdict } from '../../src/api/status.ts';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import type {
  AuthorizationPolicy,
  DestinationRule,
  Mode,
  Namespace,
  PeerAuthentication,
  Service,
  Workload,
} from '../../src/istio/objects.ts';
import { policiesOf } from '../../src/istio/policies.ts';
import type { Outside } from '../../src/rollout/gates/outside.ts';
import type { Findings } from '../../src/rollout/findings.ts';
import { finalizersWith } from '../../src/rollout/finalizer.ts';
import { decide, roundDue } from '../../src/rollout/decide.ts';
import type {
  Decision,
  Input,
  Obstacle,
  Round,
  RoundKind,
  Transition,
  Trouble,
  World,
} from '../../src/rollout/world.ts';
import { dependenciesOf } from '../../src/rollout/dependencies.ts';
import { disabledNamespaces } from '../../src/rollout/targets.ts';
import type { PolicyObject, Write } from '../../src/rollout/writes.ts';
import { mergePatch } from '../../src/rollout/mergePatch.ts';

export const START = Date.parse('2026-11-22T09:00:00Z');
export const ROOT = 'istio-system';

/** Verdicts that the probes of a test give: one for every round of a kind, or a function of scopes and time. */
export type Judge = (kind: RoundKind, scopes: string[], now: number, probe: string) => Verdict;

export class TestMesh {
  readonly namespaces: Namespace[] = [];
  readonly workloads: Workload[] = [];
  /** Rollouts beside this one. */
  others: MtlsRollout[] = [];
  readonly policies = new Map<string, PeerAuthentication>();
  readonly rules = new Map<string, DestinationRule>();
  readonly authorizations = new Map<string, AuthorizationPolicy>();
  /** Why AuthorizationPolicies cannot be listed. */
  shadowsProblem: string | undefined;
  readonly services: Service[] = [];
  /** What an inventory has shown; undefined: nobody looks. */
  findings: Findings | undefined;
  /** Whether the operator may list DestinationRules. */
  seesRules = true;
  readonly transitions: Transition[] = [];
  readonly writes: Write[] = [];
  /** Every state of the policies, oldest first. */
  readonly history: PeerAuthentication[][] = [];
  rollout: MtlsRollout;
  now = START;
  metrics = true;
  judge: Judge = () => 'Healthy';
  /** What a look after a way back says. */
  restored: Verdict = 'Healthy';
  obstacle: Obstacle | undefined;
  trouble: Trouble | undefined;
  /** What the cluster says; undefined: nobody asks it. */
  outside: Outside | undefined;
  epoch = 1;
  #spec: SpecInput;
  #revision = 0;

  constructor(spec: SpecInput, namespaces: string[] = [], home = ROOT) {
    this.#spec = spec;
    for (const name of new Set([ROOT, home, ...namespaces])) this.addNamespace(name);
    this.rollout = {
      apiVersion: 'mtlsrollout.io/v1alpha1',
      kind: 'MtlsRollout',
      metadata: {
        name: 'shop',
        namespace: home,
        uid: 'rollout-uid',
        generation: 1,
        creationTimestamp: new Date(START).toISOString(),
      },
      spec: specSchema.parse(spec),
    };
  }

  get status(): Status {
    return this.rollout.status ?? {};
  }

  get world(): World {
    const policies = policiesOf(this.policies.values());
    return {
      rootNamespace: ROOT,
      drainMs: 45_000,
      namespaces: [...this.namespaces],
      policies,
      workloads: [...this.workloads],
      rules: this.seesRules ? [...this.rules.values()] : undefined,
      services: this.#servicesRead(),
      dependencies: dependenciesOf(this.rollout, this.others),
      shadows: this.shadowsProblem
        ? { policies: [], problem: this.shadowsProblem }
        : { policies: [...this.authorizations.values()] },
      ...(this.findings ? { findings: this.findings } : {}),
    };
  }

  /** An edit of some members of the spec. */
  edit(change: Partial<SpecInput>): void {
    this.#spec = { ...this.#spec, ...change };
    const { metadata } = this.rollout;
    this.rollout = {
      ...this.rollout,
      metadata: { ...metadata, generation: metadata.generation + 1 },
      spec: specSchema.parse(this.#spec),
    };
  }

  annotate(key: string, value: string): void {
    const { metadata } = this.rollout;
    this.rollout = {
      ...this.rollout,
      metadata: { ...metadata, annotations: { ...metadata.annotations, [key]: value } },
    };
  }

  addNamespace(name: string, labels: Record<string, string> = {}): void {
    this.namespaces.push({
      name,
      uid: `uid-${name}-${this.now}`,
      created: Math.floor(this.now / 1000) - 1,
      labels,
      terminating: false,
    });
  }

  removeNamespace(name: string): void {
    this.namespaces.splice(
      this.namespaces.findIndex(known => known.name === name),
      1,
    );
    for (const kept of [this.policies, this.rules, this.authorizations])
      for (const key of kept.keys()) if (key.startsWith(`${name}/`)) kept.delete(key);
  }

  /** A policy of somebody else's. */
  putPolicy(
    namespace: string,
    name: string,
    spec: PeerAuthentication['spec'],
    metadata: Partial<PeerAuthentication['metadata']> = {},
  ): void {
    this.#store({
      apiVersion: 'security.istio.io/v1beta1',
      kind: 'PeerAuthentication',
      metadata: { name, namespace, ...metadata },
      spec,
    });
  }

  /** Somebody else's merge patch of a policy. */
  tamper(namespace: string, name: string, patch: unknown): void {
    this.#store(mergePatch(this.policies.get(`${namespace}/${name}`), patch) as PeerAuthentication);
  }

  /** Somebody else deletes a policy. */
  dropPolicy(namespace: string, name = 'mtls-rollout'): void {
    assert.ok(this.policies.delete(`${namespace}/${name}`), `${namespace}/${name} is not there`);
    this.#record();
  }

  addService(namespace: string, name: string, selector: Record<string, string> = { app: name }): void {
    this.services.push({ namespace, name, selector, ports: [80, 90] });
  }

  /** A DestinationRule of somebody else's. */
  putRule(namespace: string, name: string, spec: DestinationRule['spec'], metadata: object = {}): void {
    const apiVersion = 'networking.istio.io/v1beta1';
    this.#store({ apiVersion, kind: 'DestinationRule', metadata: { name, namespace, ...metadata }, spec });
  }

  addWorkload(namespace: string, name: string, more: Partial<Workload> = {}): void {
    const selector = more.selector ?? { app: name };
    this.workloads.push({ namespace, name, kind: 'Deployment', selector, podLabels: selector, labels: {}, ...more });
  }

  policy(namespace: string, name = 'mtls-rollout'): PeerAuthentication | undefined {
    return this.policies.get(`${namespace}/${name}`);
  }

  mode(namespace: string, labels: Record<string, string> = {}, port?: number): Mode {
    const { workload, ports } = effectiveModes(this.world.policies, ROOT, namespace, labels);
    return (port === undefined ? workload : (ports.get(port) ?? workload)).mode;
  }

  /** What the next decision goes by, with a round of probes where one is due. */
  input(): Input {
    const input = {
      rollout: this.rollout,
      world: this.world,
      now: this.now,
      epoch: this.epoch,
      metrics: this.metrics,
      ...(this.obstacle ? { obstacle: this.obstacle } : {}),
      ...(this.trouble ? { trouble: this.trouble } : {}),
      ...(this.outside ? { outside: this.outside } : {}),
    };
    const due = roundDue(input);
    return due ? { ...input, round: this.#round(due.kind, due.step.scopes, due.names) } : input;
  }

  /** One decision, its status stored and its writes performed. Returns when to look again. */
  step(): number | undefined {
    const decision = decide(this.input());
    this.store(decision);
    for (const write of decision.writes) this.perform(write);
    if (decision.finalizer) this.#setFinalizers(finalizersWith(this.rollout, decision.finalizer));
    return decision.writes.length > 0 || decision.finalizer ? this.now : decision.nextLookAt;
  }

  /** As the API server hands it out again: through JSON. */
  store({ status, transitions }: Decision): void {
    this.rollout = { ...this.rollout, status: JSON.parse(JSON.stringify(status)) as Status };
    this.transitions.push(...transitions);
  }

  /** Decides and lets time pass until the condition holds; fails after that many decisions. */
  until(condition: (status: Status) => boolean, decisions = 2000): Status {
    for (let n = 0; n < decisions; n++) {
      const next = this.step();
      if (condition(this.status)) return this.status;
      this.now = Math.max(this.now + 1, next ?? this.now + 60_000);
    }
    return assert.fail(`not reached after ${decisions} decisions; phase ${this.status.phase}: ${this.status.message}`);
  }

  untilPhase(phase: Status['phase']): Status {
    return this.until(status => status.phase === phase);
  }

  /** Three more decisions over three days write nothing. */
  rests(): void {
    const { length } = this.writes;
    for (let n = 0; n < 3; n++) {
      this.now += 86_400_000;
      this.step();
    }
    assert.deepEqual(this.writes.slice(length), []);
  }

  condition(type: Condition['type']): Condition | undefined {
    return this.status.conditions?.find(condition => condition.type === type);
  }

  perform(write: Write): void {
    this.writes.push(write);
    if (write.verb === 'create') {
      const { namespace, name } = write.object.metadata;
      assert.ok(!this.#of(write.object.kind).has(`${namespace}/${name}`), `${namespace}/${name} is there already`);
      return this.#store(write.object);
    }
    const { namespace, name, uid, resourceVersion } = write.target;
    const kept = this.#of(write.target.kind);
    const current = kept.get(`${namespace}/${name}`);
    assert.equal(current?.metadata.uid, uid);
    assert.equal(current?.metadata.resourceVersion, resourceVersion);
    if (write.verb === 'delete') {
      kept.delete(`${namespace}/${name}`);
      this.#record();
    } else this.#store(mergePatch(current, write.patch) as PolicyObject);
  }

  #setFinalizers(finalizers: string[]): void {
    this.rollout = { ...this.rollout, metadata: { ...this.rollout.metadata, finalizers } };
  }

  #of(kind: PolicyObject['kind']): Map<string, PolicyObject> {
    if (kind === 'AuthorizationPolicy') return this.authorizations;
    return kind === 'PeerAuthentication' ? this.policies : this.rules;
  }

  /** As the operator does: only once a step that is about to leave DISABLE is in status. */
  #servicesRead(): Map<string, Service[]> {
    const policies = policiesOf(this.policies.values());
    const names = disabledNamespaces(this.rollout, { rootNamespace: ROOT, namespaces: this.namespaces, policies });
    return new Map(names.map(name => [name, this.services.filter(({ namespace }) => namespace === name)]));
  }

  #store(policy: PolicyObject): void {
    const key = `${policy.metadata.namespace}/${policy.metadata.name}`;
    const revision = String(++this.#revision);
    const created = new Date(this.now).toISOString().replace(/\.\d+Z$/, 'Z');
    const metadata = {
      uid: `uid-${revision}`,
      creationTimestamp: created,
      ...policy.metadata,
      resourceVersion: revision,
    };
    this.#of(policy.kind).set(key, { ...policy, metadata });
    this.#record();
  }

  #record(): void {
    this.history.push([...this.policies.values()]);
  }

  /** What each probe that is due says; where the spec names none, one stands for the default set. */
  #round(kind: RoundKind, scopes: string[], names: ReadonlySet<string> | undefined): Round {
    const at = new Date(this.now).toISOString();
    const observations = [...(names ?? [kind.toLowerCase()])].map((name): Observation => {
      const verdict = kind === 'Restored' ? this.restored : this.judge(kind, scopes, this.now, name);
      return { name, verdict, value: '', samples: 1, message: `${kind} is ${verdict}`, at };
    });
    return { kind, at: this.now, scopes, observations };
  }
}
