/**
 * A mesh that follows Istio's rules without a single packet: policies reach proxies after a delay, clients are served
 * or refused, connections drain, counters run. Everything is a function of time and is worked out when somebody looks.
 */
import type { Clock } from '../../cluster/clock.ts';
import { effectiveModes } from '../../istio/effectiveMode.ts';
import type { AuthorizationPolicy, DestinationRule, Mode, PeerAuthentication } from '../../istio/objects.ts';
import type { Call, CallReport } from './call.ts';
import { ConfigurationHistory, type Propagation } from './configuration.ts';
import { Flow, type Surroundings } from './flow.ts';
import { type Sample, startSamples } from './metrics.ts';
import { outcomeOf, speechOf } from './outcome.ts';
import type { MeshPod, MeshService } from './pod.ts';
import { SeriesStore } from './series.ts';
import { shadowStart } from './shadows.ts';
import { Tallies } from './tallies.ts';
import { Topology } from './topology.ts';

export interface MeshOptions {
  rootNamespace: string;
  trustDomain: string;
  /** Seed of everything that differs from run to run. */
  seed: number;
  propagation: Propagation;
  /** How long connections live on after their port has changed. */
  drainMs: number;
  /** How far back counters are remembered. */
  retentionMs: number;
  workloadDiscovery: boolean;
}

const DEFAULTS: MeshOptions = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  seed: 1,
  propagation: { minMs: 130, maxMs: 250 },
  drainMs: 45_000,
  retentionMs: 49 * 3_600_000,
  workloadDiscovery: true,
};

export class SimulatedMesh {
  readonly options: Readonly<MeshOptions>;
  readonly topology = new Topology();
  readonly #clock: Clock;
  readonly #series: SeriesStore;
  readonly #configuration: ConfigurationHistory;
  /** Counters of proxies that no call runs: from their start on, and of single connections from outside. */
  readonly #strangers: Tallies;
  readonly #flows = new Map<string, Flow>();
  /** What will change by itself, soonest first. */
  readonly #agenda: { at: number; run: (at: number) => void }[] = [];
  #settledAt = -Infinity;
  #prunedAt = -Infinity;

  constructor(clock: Clock, options: Partial<MeshOptions> = {}) {
    this.options = { ...DEFAULTS, ...options };
    this.#clock = clock;
    this.#series = new SeriesStore(this.options.retentionMs);
    this.#strangers = new Tallies(this.#series);
    this.#configuration = new ConfigurationHistory(this.options.propagation, this.options.seed);
  }

  /** Counters of every proxy, up to now. */
  get series(): SeriesStore {
    this.#settle();
    return this.#series;
  }

  now(): number {
    return this.#clock.now();
  }

  /** What was there and in force before anybody looked. Before everything else. */
  begin(
    pods: Iterable<MeshPod>,
    services: Iterable<MeshService>,
    policies: Iterable<PeerAuthentication>,
    rules: Iterable<DestinationRule>,
    authorizations: Iterable<AuthorizationPolicy>,
  ): void {
    this.#configuration.begin(keyed(policies), keyed(rules), keyed(authorizations));
    for (const pod of pods) this.#place(pod, this.#clock.now());
    for (const service of services) this.topology.setService(service);
  }

  setPod(pod: MeshPod): void {
    const now = this.#settle();
    this.#place(pod, now);
    this.#refreshNear(pod.namespace, now);
  }

  deletePod(namespace: string, name: string): void {
    const now = this.#settle();
    this.topology.deletePod(`${namespace}/${name}`);
    this.#strangers.endGone(now, key => this.topology.pod(key) !== undefined);
    this.#refreshNear(namespace, now);
  }

  setService(service: MeshService): void {
    const now = this.#settle();
    this.topology.setService(service);
    this.#refreshNear(service.namespace, now);
  }

  deleteService(namespace: string, name: string): void {
    const now = this.#settle();
    this.topology.deleteService(namespace, name);
    this.#refreshNear(namespace, now);
  }

  /** A policy was written; undefined: it was deleted. */
  setPolicy(namespace: string, name: string, policy: PeerAuthentication | undefined): void {
    this.#configuration.setPolicy(this.#settle(), `${namespace}/${name}`, policy);
    this.#distribute(namespace === this.options.rootNamespace ? undefined : namespace);
  }

  /** A DestinationRule was written; undefined: it was deleted. It concerns clients anywhere. */
  setRule(namespace: string, name: string, rule: DestinationRule | undefined): void {
    this.#configuration.setRule(this.#settle(), `${namespace}/${name}`, rule);
    this.#distribute(undefined);
  }

  /** An AuthorizationPolicy was written; undefined: it was deleted. Sidecars that count by it do so from zero on. */
  setAuthorization(namespace: string, name: string, policy: AuthorizationPolicy | undefined): void {
    const history = this.#configuration;
    history.setAuthorization(this.#settle(), `${namespace}/${name}`, policy);
    for (const pod of this.topology.podsIn(namespace))
      this.#plan(history.arrivalOfNewest(pod.key), at => this.#strangers.add(at, shadowStart(history, pod, at)));
    this.#distribute(namespace);
  }

  /** Adds traffic. With a `since` in the past it has run since then against the mesh as it is now. */
  addCall(call: Call): void {
    const now = this.#settle();
    if (this.#flows.has(call.name)) throw new Error(`there is already a call named ${call.name}`);
    const flow = new Flow(call, this.#surroundings, this.#series, this.options);
    this.#flows.set(call.name, flow);
    if (call.since <= now) flow.refresh(call.since);
    else this.#plan(call.since, at => flow.refresh(at));
    if (call.until !== undefined) this.#plan(call.until, at => flow.refresh(at));
  }

  removeCall(name: string): void {
    this.#flows.get(name)?.end(this.#settle());
    this.#flows.delete(name);
  }

  /** What the clients of all calls met in the span (from, to]. No mesh knows this; the simulation does. */
  reports(from: number, to: number): CallReport[] {
    this.#settle();
    return [...this.#flows.values()].map(flow => flow.report(from, to));
  }

  /** Mode that the proxy of a pod applies to a container port at this moment. */
  modeInForce(pod: MeshPod, port: number): Mode {
    return this.#modeSeenBy(pod, pod, port, this.#clock.now());
  }

  /** Single connections that no call makes. */
  count(samples: readonly Sample[]): void {
    this.#strangers.add(this.#settle(), samples);
  }

  /** A proxy exports its counters from its start on, whether or not anything comes. */
  #place(pod: MeshPod, now: number): void {
    this.topology.setPod(pod);
    this.#strangers.add(now, [...startSamples(pod), ...shadowStart(this.#configuration, pod, now)]);
  }

  /** Brings everything up to the present. Time does not run backwards, whatever the clock says. */
  #settle(): number {
    const now = Math.max(this.#clock.now(), this.#settledAt);
    while (this.#agenda[0] !== undefined && this.#agenda[0].at <= now) {
      const { at, run } = this.#agenda.shift()!;
      run(at);
    }
    this.#settledAt = now;
    if (now - this.#prunedAt > this.options.retentionMs / 8) this.#prune(now);
    return now;
  }

  #prune(now: number): void {
    this.#prunedAt = now;
    this.#series.prune(now);
    for (const flow of this.#flows.values()) flow.forgetBefore(now - this.options.retentionMs);
  }

  #plan(at: number, run: (at: number) => void): void {
    const index = this.#agenda.findIndex(entry => entry.at > at);
    this.#agenda.splice(index < 0 ? this.#agenda.length : index, 0, { at, run });
  }

  /** Plans a new look at the flows into a namespace (undefined: all) for when their proxies hear of a change. */
  #distribute(namespace: string | undefined): void {
    const pods = new Map<string, Flow[]>();
    for (const flow of this.#flows.values()) {
      if (namespace !== undefined && flow.call.to.namespace !== namespace) continue;
      const servers = this.#surroundings.servers(flow.call).map(({ pod }) => pod);
      for (const pod of [...this.#surroundings.clients(flow.call), ...servers]) {
        if (pod.sidecar) pods.set(pod.key, [...(pods.get(pod.key) ?? []), flow]);
      }
    }
    for (const [pod, flows] of pods) {
      this.#plan(this.#configuration.arrivalOfNewest(pod), at => {
        for (const flow of flows) flow.refresh(at);
      });
    }
  }

  #refreshNear(namespace: string, now: number): void {
    for (const flow of this.#flows.values()) {
      const { from, to, since } = flow.call;
      if (since <= now && (from.namespace === namespace || to.namespace === namespace)) flow.refresh(now);
    }
  }

  #modeSeenBy(proxy: MeshPod, server: MeshPod, port: number, at: number): Mode {
    const { policies } = this.#configuration.of(proxy.key, at);
    const { workload, ports } = effectiveModes(policies, this.options.rootNamespace, server.namespace, server.labels);
    return (ports.get(port) ?? workload).mode;
  }

  readonly #surroundings: Surroundings = {
    clients: call => this.topology.podsOf(call.from.namespace, call.from.workload).filter(pod => pod.running),
    servers: call => this.topology.backends(call.to.namespace, call.to.service, call.to.port),
    isThere: key => this.topology.pod(key) !== undefined,
    shadows: (server, at) => this.#configuration.of(server.key, at).shadows,
    mode: (server, port, at) => this.#modeSeenBy(server, server, port, at),
    outcome: (call, client, server, port, at) => {
      const rule = this.#configuration.of(client.key, at).rules.clientTls({
        rootNamespace: this.options.rootNamespace,
        clientNamespace: client.namespace,
        clientLabels: client.labels,
        service: { namespace: call.to.namespace, name: call.to.service },
        port: call.to.port,
      }).mode;
      const believed = this.#modeSeenBy(client, server, port, at);
      const speech = speechOf(client, server, { viaPodIp: call.viaPodIp === true, rule, believed });
      if (!server.sidecar || server.excludedPorts.has(port)) return outcomeOf(speech, 'Bare');
      // PeerAuthentication configures no gateway listener: what a gateway asks for is its own affair.
      return outcomeOf(speech, server.gateway ? 'PERMISSIVE' : this.#modeSeenBy(server, server, port, at));
    },
    afterDrain: (changedAt, cut) => this.#plan(changedAt + this.options.drainMs, cut),
  };
}

function keyed<T extends { metadata: { namespace: string; name: string } }>(objects: Iterable<T>): [string, T][] {
  return [...objects].map(object => [`${object.metadata.namespace}/${object.metadata.name}`, object]);
}
