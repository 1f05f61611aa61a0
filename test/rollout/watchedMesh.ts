/** A mesh to which random things happen, and what must hold of it at every state. */
import assert from 'node:assert/strict';
import { RETRY_ANNOTATION } from '../../src/api/resource.ts';
import { type Verdict, statusSchema } from '../../src/api/status.ts';
import type { DestinationRule, Mode, PeerAuthentication } from '../../src/istio/objects.ts';
import { weaker } from '../../src/istio/slots.ts';
import { decide } from '../../src/rollout/decide.ts';
import type { Decision, Input, RoundKind } from '../../src/rollout/world.ts';
import type { Write } from '../../src/rollout/writes.ts';
import { type Event, type Foreign, NAMES, type Outcome, type Setting } from './campaign.ts';
import { Gates } from './gateEvents.ts';
import { ROOT } from './mesh.ts';
import { assertOneStory } from './oneStory.ts';
import { ServedMesh } from './servedMesh.ts';
import { pinOf } from '../../src/rollout/pins.ts';
import {
  assertAllowed,
  assertPinAllowed,
  DB,
  pinnedIn,
  frozen,
  modesOf,
  setsStrict,
  withoutRollout,
} from './promises.ts';

export class WatchedMesh {
  readonly mesh: ServedMesh;
  /** Weakest mode that each port may ever have: what it was, or what somebody else made of it. */
  readonly #floor: Map<string, Mode>;
  /** Policies on which other hands were, by namespace/name. */
  readonly touched = new Set<string>();
  /** DestinationRules as other hands left them. */
  readonly rules = new Map<string, DestinationRule['spec']>();
  readonly #verdicts: Record<RoundKind, Verdict> = {
    Entry: 'Healthy',
    Enforcement: 'Healthy',
    Soak: 'Healthy',
    Restored: 'Healthy',
    Guard: 'Healthy',
  };
  #look: number | undefined;
  #retries = 0;
  readonly #gates = new Gates();
  /** Healthy rounds in a row before the switch, since the step began; and whether there were enough of them. */
  #row = 0;
  #proven = false;

  constructor({ spec, home, mesh, policies, services, automatic }: Setting) {
    this.mesh = new ServedMesh(spec, [...NAMES], home);
    this.mesh.autoMtls = automatic;
    for (const namespace of NAMES) this.mesh.addWorkload(namespace, 'db');
    for (const namespace of services) {
      this.mesh.addService(namespace, namespace);
      this.mesh.addService(namespace, 'db');
      for (const name of [namespace, 'db']) {
        this.mesh.putPod(namespace, name, { port: 80 });
        this.mesh.putService(namespace, name, { ports: [{ port: 80, targetPort: 80 }] });
      }
    }
    if (mesh) this.mesh.putPolicy(ROOT, 'default', { mtls: { mode: mesh } });
    for (const { namespace, mode, workload, port } of policies)
      this.mesh.putPolicy(namespace, workload ? 'db' : 'default', {
        ...(workload ? { selector: { matchLabels: DB } } : {}),
        ...(mode ? { mtls: { mode } } : {}),
        ...(workload && port ? { portLevelMtls: { 80: { mode: port } } } : {}),
      });
    this.mesh.now += 5000;
    this.mesh.judge = kind => this.#verdicts[kind];
    this.#floor = modesOf(this.mesh.policies.values());
  }

  happen(event: Event): void {
    const { mesh } = this;
    switch (event.kind) {
      case 'decide':
        this.#pass(event.wait);
        return this.#decide(event.outcome);
      case 'judge':
        this.#verdicts[event.round] = event.verdict;
        return;
      case 'clock':
        mesh.now += event.seconds * 1000;
        return;
      case 'edit':
        return mesh.edit(event.change);
      case 'retry':
        return mesh.annotate(RETRY_ANNOTATION, String(++this.#retries));
      case 'leader':
        mesh.epoch++;
        return;
      case 'obstacle':
        mesh.obstacle = event.there ? { reason: 'Conflicted', message: 'another rollout', lasting: true } : undefined;
        return;
      case 'trouble':
        mesh.trouble = event.there ? { reason: 'WriteForbidden', message: 'may not patch', lasting: true } : undefined;
        return;
      case 'freeze':
      case 'alert':
      case 'budget':
      case 'approve':
        return this.#gates.happen(event, mesh);
      case 'namespacePolicy':
      case 'deletePolicies':
      case 'meshPolicy':
      case 'workloadPolicy':
      case 'namespace':
      case 'rule':
      case 'deletePins':
        return this.#foreign(event);
    }
  }

  /** From now on nothing fails, and nobody interferes. */
  calm(): void {
    this.mesh.obstacle = undefined;
    this.mesh.trouble = undefined;
    this.#gates.calm();
    this.mesh.judge = () => 'Healthy';
  }

  /** Decides until the condition holds, everything watched. */
  until(what: string, condition: () => boolean): void {
    for (let n = 0; n < 600; n++) {
      this.#pass('all');
      this.#decide('done');
      if (condition()) return;
    }
    const { phase, message } = this.mesh.status;
    assert.fail(`${what} not reached; phase ${phase}: ${message}`);
  }

  /** Deciding again at the same moment comes to rest soon, and then changes nothing at all. */
  settle(): void {
    for (let n = 0; n < 30; n++) {
      const before = this.mesh.rollout.status;
      this.#gates.tell(this.mesh);
      const decision = decide(this.mesh.input());
      if (decision.writes.length === 0 && decision.transitions.length === 0) {
        this.#decide('done');
        const again = this.mesh.rollout.status;
        if (JSON.stringify(again) === JSON.stringify(before)) return;
      } else this.#decide('done');
    }
    const last = this.mesh.transitions.slice(-4).map(({ reason }) => reason);
    assert.fail(`never at rest: ${last.join(', ')}`);
  }

  #pass(wait: 'none' | 'half' | 'all'): void {
    const { mesh } = this;
    const left = Math.max((this.#look ?? mesh.now + 60_000) - mesh.now, 1);
    if (wait !== 'none') mesh.now += wait === 'all' ? left : Math.floor(left / 2);
  }

  #decide(outcome: Outcome): void {
    const { mesh } = this;
    this.#gates.tell(mesh);
    const input = frozen(mesh.input());
    const decision = decide(input);
    assert.deepEqual(decide(input), decision, 'the same input, the same answer');
    assert.deepEqual(statusSchema.safeParse(decision.status).error?.issues, undefined);
    assertOneStory(mesh.status, decision, input.trouble !== undefined, input.now);
    for (const write of decision.writes) assertAllowed(write, input);
    for (const write of decision.writes) assertPinAllowed(write, input.world);
    const { step } = decision.status;
    if (step && step.stage !== 'RollingBack' && decision.writes.some(setsStrict))
      assert.equal(this.#gates.closed(mesh, decision.status, step.wave), undefined);
    if (outcome === 'lost') return;
    assert.ok((decision.status.epoch ?? 0) >= (mesh.status.epoch ?? 0), 'epochs never fall');
    if (decision.writes.length > 0)
      assert.ok((decision.status.epoch ?? 0) >= mesh.epoch, 'fenced before the first write');
    this.#count(input, decision);
    mesh.store(decision);
    this.#look = decision.writes.length > 0 ? mesh.now : decision.nextLookAt;
    if (typeof outcome === 'object') this.#foreign(outcome.race);
    const most = typeof outcome === 'number' ? outcome : decision.writes.length;
    const raced = typeof outcome === 'object';
    for (const write of decision.writes.slice(0, most)) this.#perform(write, raced);
  }

  /** As the API server does: what is no longer as it was seen is refused. */
  #perform(write: Write, raced: boolean): void {
    const { namespace, name } = write.verb === 'create' ? write.object.metadata : write.target;
    const kind = write.verb === 'create' ? write.object.kind : write.target.kind;
    const kept = kind === 'PeerAuthentication' ? this.mesh.policies : this.mesh.rules;
    const current = kept.get(`${namespace}/${name}`);
    const seen = write.verb === 'create' ? undefined : write.target.resourceVersion;
    if (current?.metadata.resourceVersion !== seen || !this.mesh.namespaces.some(known => known.name === namespace))
      return;
    if (setsStrict(write))
      assert.ok(!pinnedIn(this.mesh, namespace), `STRICT while clients are pinned in ${namespace}`);
    if (setsStrict(write)) assert.ok(this.#proven, `no evidence for ${JSON.stringify(write)}`);
    const consolidates = this.mesh.status.step?.stage === 'Consolidating' && !raced;
    const before = consolidates ? modesOf(this.mesh.policies.values()) : this.#floor;
    this.mesh.perform(write);
    for (const [port, mode] of modesOf(this.mesh.policies.values()))
      assert.ok(!weaker(mode, before.get(port)!), `${port} is ${mode} after ${JSON.stringify(write)}`);
  }

  /** Counts as a reader of the status would, from the stored decisions alone. */
  #count({ rollout, round }: Input, { transitions }: Decision): void {
    const counts = round?.kind === 'Entry' && rollout.status?.step?.stage === 'Observing';
    const healthy = counts && round.observations.every(({ verdict }) => verdict === 'Healthy');
    if (counts) this.#row = healthy ? this.#row + 1 : 0;
    const anew = ['StepStarted', 'StepRetried', 'StepResumed', 'EvidenceExpired', 'CorrectionUndone'];
    for (const { reason } of transitions) {
      // what was looked for when a gate had opened is the first of a new row
      if (anew.includes(reason)) this.#row = reason === 'StepResumed' && healthy ? 1 : 0;
      if (anew.includes(reason)) this.#proven = false;
      if (reason !== 'EvidenceComplete') continue;
      assert.ok(this.#row >= rollout.spec.analysis.successes, `row of ${this.#row}`);
      this.#proven = true;
    }
  }

  #foreign(event: Foreign): void {
    const { mesh } = this;
    switch (event.kind) {
      case 'namespacePolicy':
        this.#set(event.namespace, policy => !policy.spec.selector, { mtls: { mode: event.mode } });
        break;
      case 'deletePolicies':
        for (const { metadata } of mesh.policies.values())
          if (metadata.namespace === event.namespace)
            this.#touch(metadata, () => mesh.dropPolicy(metadata.namespace, metadata.name));
        break;
      case 'meshPolicy':
        this.#set(ROOT, () => true, { mtls: { mode: event.mode } });
        break;
      case 'workloadPolicy':
        this.#set(event.namespace, policy => policy.spec.selector !== undefined, {
          selector: { matchLabels: DB },
          mtls: { mode: event.mode },
        });
        break;
      case 'namespace':
        this.#namespace(event.namespace, event.there);
        break;
      case 'rule':
        this.#rule(event);
        break;
      case 'deletePins':
        for (const [key, { metadata }] of mesh.rules)
          if (metadata.namespace === event.namespace && pinOf(mesh.rules.get(key)!)) mesh.rules.delete(key);
    }
    this.#lower();
  }

  /** Changes a policy of the namespace, or makes one. */
  #set(namespace: string, which: (policy: PeerAuthentication) => boolean, spec: PeerAuthentication['spec']): void {
    const { mesh } = this;
    if (!mesh.namespaces.some(({ name }) => name === namespace)) return;
    const found = mesh.world.policies.in(namespace).find(which);
    const metadata = found?.metadata ?? { namespace, name: 'foreign' };
    this.#touch(metadata, () =>
      found ? mesh.tamper(namespace, metadata.name, { spec }) : mesh.putPolicy(namespace, metadata.name, spec),
    );
  }

  #touch({ namespace, name }: { namespace: string; name: string }, act: () => void): void {
    this.touched.add(`${namespace}/${name}`);
    act();
  }

  #namespace(name: string, there: boolean): void {
    const { mesh } = this;
    if (there === mesh.namespaces.some(known => known.name === name) || name === mesh.rollout.metadata.namespace)
      return;
    for (const { metadata } of mesh.policies.values())
      if (metadata.namespace === name) this.touched.add(`${name}/${metadata.name}`);
    if (there) mesh.addNamespace(name);
    else mesh.removeNamespace(name);
    if (!there) this.rules.delete(`${name}/theirs`);
  }

  #rule({ namespace, host, tls, there }: Foreign & { kind: 'rule' }): void {
    const { mesh } = this;
    const spec = {
      host: host === '*' ? '*.local' : `${host}.${host}.svc.cluster.local`,
      trafficPolicy: { tls: { mode: tls } },
    };
    const key = `${namespace}/theirs`;
    if (!there) {
      mesh.rules.delete(key);
      this.rules.delete(key);
    } else if (mesh.namespaces.some(({ name }) => name === namespace)) {
      mesh.putRule(namespace, 'theirs', spec);
      this.rules.set(key, spec);
    }
  }

  /** Others may weaken: at once, or by what a rollback will come back to. */
  #lower(): void {
    const now = modesOf(this.mesh.policies.values());
    const undone = modesOf(withoutRollout(this.mesh.policies.values()));
    const gone = modesOf(withoutRollout(this.mesh.policies.values(), true));
    for (const [port, floor] of this.#floor)
      this.#floor.set(
        port,
        [floor, now.get(port)!, undone.get(port)!, gone.get(port)!].reduce((a, b) => (weaker(b, a) ? b : a)),
      );
  }
}
