/**
 * A cluster, a virtual clock and operators that can be started, killed and cut off: every call of each of them goes
 * through a wire, on which a test may fail it before or after its effect, or let it hang.
 */
import { buildCrd } from '../../src/api/crd.ts';
import type { Status } from '../../src/api/status.ts';
import { KubeError } from '../../src/cluster/errors.ts';
import type { KubeRequest, KubeResponse, KubeStream } from '../../src/cluster/transport.ts';
import type { AlertSource } from '../../src/operator/alertWatch.ts';
import { MtlsRolloutOperator } from '../../src/operator/operator.ts';
import { loadSettings, type Settings } from '../../src/operator/settings.ts';
import type { Sight } from '../../src/probes/probe.ts';
import type { Notifier } from '../../src/report/notifier.ts';
import type { Receiver } from '../../src/probes/webhook.ts';
import { VirtualClock } from '../../src/sim/clock.ts';
import { EmbeddedCluster } from '../../src/sim/server/server.ts';
import type { Revision } from '../../src/sim/server/store.ts';
import type { KubeObject } from '../../src/sim/server/value.ts';
import { POLICY_API, ROLLOUT_API, ROOT, START } from './scene.ts';
import { ScriptedSight } from './sight.ts';
import { Wire } from './wire.ts';

/** One request of an operator. */
export interface Call {
  by: string;
  method: KubeRequest['method'];
  /** `peerauthentications`, `mtlsrollouts/status`, `leases`, `events`, … */
  kind: string;
  path: string;
  request: KubeRequest;
  /** Virtual milliseconds since the begin. */
  at: number;
  /** Number among the writes of all operators, from 1; 0 for a read. */
  write: number;
  /** HTTP status of what the server did; undefined where nothing reached it. */
  status?: number;
  /** Place among the calls that were served, from 1: one that was held up comes late. */
  served?: number;
}

/** May fail a call before or after it has its effect, or let it hang. */
export type Meddle = (call: Call, proceed: () => Promise<KubeResponse>) => Promise<KubeResponse>;
export type MeddleStream = (request: KubeRequest, proceed: () => Promise<KubeStream>) => Promise<KubeStream>;

export interface BenchOptions {
  /** Istio's definitions are not installed. */
  withoutIstio?: boolean;
  /** The definition of rollouts has no schema and no rules. */
  isLax?: boolean;
}

export interface Line {
  by: string;
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: Record<string, unknown>;
  at: number;
}

/** One operator process. */
export interface Running {
  operator: MtlsRolloutOperator;
  identity: string;
  /** As SIGKILL: nothing of it happens any more, and no answer reaches it. */
  kill(): void;
}

const CRD = buildCrd();
const DEFINITIONS = ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'] as const;
/** Long enough that a rollout sees only a few renewals, each of which is a write like the others. */
const LEASE = 'leaderElection: {leaseDuration: 60s, renewDeadline: 50s, retryPeriod: 20s}';
const PROMETHEUS = 'prometheus: {url: "http://prometheus.invalid:9090"}';

export class Bench {
  readonly clock = new VirtualClock(START);
  readonly cluster: EmbeddedCluster;
  readonly sight: ScriptedSight;
  readonly calls: Call[] = [];
  readonly lines: Line[] = [];
  /** Every revision since the cluster is there; the cluster itself may be told to forget. */
  readonly history: Revision[] = [];
  readonly running = new Set<Running>();
  meddle: Meddle | undefined;
  meddleStream: MeddleStream | undefined;
  /** Where operators that are started from now on learn of alerts; none are configured while it is undefined. */
  alerts: AlertSource | undefined;
  /** Whom `webhook` probes of operators that are started from now on may call. */
  receivers: readonly Receiver[] = [];
  /** What operators look at that are started from now on, instead of the scripted sight. */
  otherSight: Sight | undefined;
  /** Whom operators notify that are started from now on. */
  notifier: Notifier | undefined;
  /** Revision at which the scene was complete; what comes later is the operators' doing, or the test's. */
  readonly begun: number;
  #writes = 0;
  #served = 0;

  readonly #istio: KubeObject[];

  constructor(scene: readonly object[], { withoutIstio = false, isLax = false }: BenchOptions = {}) {
    this.cluster = new EmbeddedCluster({
      clock: this.clock,
      crds: [isLax ? laxDefinition() : CRD],
      ...(isLax ? { validators: { 'mtlsrollouts.mtlsrollout.io': () => [] } } : {}),
      random: randomFrom(7),
    });
    this.cluster.subscribe(revision => this.history.push(revision));
    this.#istio = this.cluster.list(...DEFINITIONS).filter(({ metadata }) => metadata.name.endsWith('.istio.io'));
    if (withoutIstio) for (const { metadata } of this.#istio) this.cluster.remove(...DEFINITIONS, '', metadata.name);
    for (const object of scene) this.cluster.put(object, 'somebody');
    this.sight = new ScriptedSight(this.cluster);
    this.begun = this.cluster.revision;
  }

  /** Starts one more operator; a restart is a new process, with an identity of its own. */
  async start(identity = 'first', settings = settingsOf()): Promise<Running> {
    const { clock } = this;
    const wire = new Wire(this, identity, this.cluster.transport());
    const log = wire.log();
    const operator = new MtlsRolloutOperator({
      settings,
      transport: wire,
      clock,
      sight: this.otherSight ?? this.sight,
      ...(this.alerts ? { alerts: this.alerts } : {}),
      receivers: this.receivers,
      log,
      random: randomFrom(11),
      identity,
      ...(this.notifier ? { notifier: this.notifier } : {}),
    });
    const running: Running = {
      operator,
      identity,
      kill: () => {
        wire.isDead = true;
        operator.kill();
        this.running.delete(running);
      },
    };
    this.running.add(running);
    await operator.start();
    return running;
  }

  /** Ends everything that runs. */
  end(): void {
    for (const running of this.running) running.kill();
  }

  /** What a rollout says of itself. */
  status(name = 'shop', namespace = ROOT): Status {
    return this.rollout(name, namespace)?.['status'] ?? {};
  }

  rollout(name = 'shop', namespace = ROOT): KubeObject | undefined {
    return this.cluster.get(ROLLOUT_API, 'MtlsRollout', namespace, name);
  }

  policy(namespace: string, name: string): KubeObject | undefined {
    return this.cluster.get(POLICY_API, 'PeerAuthentication', namespace, name);
  }

  installIstio(): void {
    for (const { metadata, status: _, ...rest } of this.#istio)
      this.cluster.put({ ...rest, metadata: { name: metadata.name } });
  }

  async untilPhase(phase: Status['phase'], name = 'shop', namespace = ROOT, limitMs = 3_600_000): Promise<void> {
    try {
      await this.clock.runUntil(() => this.status(name, namespace).phase === phase, limitMs);
    } catch (error) {
      const { phase: now, message } = this.status(name, namespace);
      const last = this.lines.slice(-8).map(line => `  ${line.by} ${line.level} ${line.message}`);
      throw new Error(`${name} is ${now}, not ${phase}: ${message}\n${last.join('\n')}`, { cause: error });
    }
  }

  /** Calls that change something, of one operator or of all. */
  writes(by?: string): Call[] {
    return this.calls.filter(call => call.write > 0 && (by === undefined || call.by === by));
  }

  /** For the wire: notes a call. */
  note(by: string, request: KubeRequest): Call {
    const { method, path } = request;
    const write = method === 'GET' ? 0 : ++this.#writes;
    const call: Call = { by, method, kind: kindOf(path), path, request, at: this.clock.now() - START, write };
    this.calls.push(call);
    return call;
  }

  noteServed(call: Call, status: number): void {
    call.status = status;
    call.served = ++this.#served;
  }
}

export function settingsOf(...more: string[]): Settings {
  const loaded = loadSettings([LEASE, PROMETHEUS, ...more].join('\n'), []);
  if ('problems' in loaded) throw new Error(loaded.problems.join('; '));
  return loaded.settings;
}

export function connectionLost(what: string): KubeError {
  return new KubeError('Unavailable', `cannot reach the API server: ${what}`);
}

/** What a write was about, in a word: the plural, with the subresource. */
function kindOf(path: string): string {
  const parts = path.split('/').filter(part => part !== '');
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  const [plural = '', , sub] = rest[0] === 'namespaces' && rest.length > 2 ? rest.slice(2) : rest;
  return sub === undefined ? plural : `${plural}/${sub}`;
}

/** The definition as it might once have been: it takes everything. */
function laxDefinition(): object {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const versions = CRD.spec.versions.map(version => ({ ...version, schema }));
  return { ...CRD, spec: { ...CRD.spec, versions } };
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
