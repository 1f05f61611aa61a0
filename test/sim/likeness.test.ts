/** The simulated mesh behaves as a real one was recorded: `test/bed/mesh/likeness.test.ts` compares that one. */
import type { ClientTlsMode, Mode } from '../../src/istio/objects.ts';
import type { HelloAnswer } from '../../src/probes/probe.ts';
import type { VirtualClock } from '../../src/sim/clock.ts';
import type { Call, CallReport } from '../../src/sim/mesh/call.ts';
import type { SimulatedMesh } from '../../src/sim/mesh/mesh.ts';
import { SimulatedSight } from '../../src/sim/sight.ts';
import {
  type ClientKind,
  type Got,
  type HeldConnection,
  type HeldKind,
  type HelloGot,
  type Likeness,
  likeTheRecording,
  type Policy,
  type PortKind,
  type ServerName,
} from '../bed/mesh/likeness.ts';
import type { Counters } from '../bed/mesh/likenessCounters.ts';
import { call, policy, POD_IPS, scene, START } from './scene.ts';

const PORTS = { http: 8080, tcp: 9090, auto: 7070, undeclared: 6060 };
const CLIENTS = { plaintext: 'legacy', mesh: 'client' };
/** A call that makes one connection and ends. */
const ONCE_MS = 1000;

class SimulatedLikeness implements Likeness {
  readonly drainMs = 2_000;
  readonly #clock: VirtualClock;
  readonly #mesh: SimulatedMesh;
  readonly #sight: SimulatedSight;
  #calls = 0;

  constructor() {
    const { clock, mesh } = scene({ drainMs: this.drainMs });
    this.#clock = clock;
    this.#mesh = mesh;
    this.#sight = new SimulatedSight(mesh, clock);
  }

  now(): number {
    return this.#clock.now();
  }

  wait(ms: number): Promise<void> {
    return this.#clock.advance(ms);
  }

  async setPolicy(wanted: Policy | undefined): Promise<void> {
    const { mode, exception } = wanted ?? {};
    const ports: Record<string, Mode> | undefined = exception && { [PORTS[exception.port]]: exception.mode };
    const written = policy('likeness', mode, { app: 'server', ...(ports && { ports }) });
    this.#mesh.setPolicy('demo', 'likeness', wanted && written);
  }

  async setRule(server: ServerName, mode: ClientTlsMode | undefined): Promise<void> {
    this.#mesh.setRule(
      'demo',
      server,
      mode && {
        apiVersion: 'networking.istio.io/v1',
        kind: 'DestinationRule',
        metadata: { name: server, namespace: 'demo', creationTimestamp: new Date(START).toISOString() },
        spec: { host: server, trafficPolicy: { tls: { mode } } },
      },
    );
  }

  async connect(client: ClientKind, server: ServerName, port: PortKind): Promise<Got> {
    const name = this.#call(client, server, port, { perSecond: 1 });
    const from = this.now();
    await this.wait(ONCE_MS);
    const report = this.#reportOf(name, from);
    this.#mesh.removeCall(name);
    return gotOf(report);
  }

  async servesPlaintext(): Promise<boolean> {
    const name = this.#call('plaintext', 'server', 'tcp', { perSecond: 1 });
    const from = this.now();
    await this.wait(1);
    const { plaintext } = this.#reportOf(name, from);
    this.#mesh.removeCall(name);
    return plaintext > 0;
  }

  async strangerHello(port: PortKind | 'undeclared', alpn: string[]): Promise<void> {
    await this.#answer(port, alpn);
  }

  async hello(port: PortKind, alpn: string[]): Promise<HelloGot> {
    const answer = await this.#answer(port, alpn);
    if (answer.kind !== 'Certificate') return answer.kind.toLowerCase() as HelloGot;
    return answer.spiffe === undefined ? 'other certificate' : 'certificate of the mesh';
  }

  async hold(kind: HeldKind): Promise<HeldConnection | undefined> {
    const client = kind.startsWith('plaintext') ? 'plaintext' : 'mesh';
    const port = kind.endsWith('tcp') ? 'tcp' : 'http';
    const since = this.now() - 1;
    const name = this.#call(client, 'server', port, { perSecond: 0, held: 1, since: this.now() });
    const opened = this.#reportOf(name, since);
    if (opened.plaintext + opened.mutualTls === 0) {
      this.#mesh.removeCall(name);
      return undefined;
    }
    let cutAt: number | undefined;
    const look = () => {
      if (this.#reportOf(name, since).cut > 0) cutAt ??= this.now();
      return cutAt;
    };
    return { cutAt: look, hang: async () => this.#mesh.removeCall(name) };
  }

  async counters(): Promise<Counters> {
    const sum = async (selector: string) => {
      const series = await this.#sight.query(`sum(${selector})`, this.now(), new AbortController().signal);
      return series[0]?.value ?? 0;
    };
    const listener = (counter: string) => sum(`envoy_listener_${counter}{pod="server"}`);
    const tcp = (metric: string, secured: string) =>
      sum(`istio_tcp_${metric}_total{reporter="destination",pod="server",connection_security_policy="${secured}"}`);
    const bytes = async (secured: string) =>
      (await tcp('received_bytes', secured)) + (await tcp('sent_bytes', secured));
    return {
      noFilterChainMatch: await listener('no_filter_chain_match'),
      failVerifyNoCert: await listener('ssl_fail_verify_no_cert'),
      handshakes: await listener('ssl_handshake'),
      openedNone: await tcp('connections_opened', 'none'),
      openedMutualTls: await tcp('connections_opened', 'mutual_tls'),
      bytesNone: await bytes('none'),
      bytesMutualTls: await bytes('mutual_tls'),
    };
  }

  async #answer(port: PortKind | 'undeclared', alpn: string[]): Promise<HelloAnswer> {
    const asked = this.#sight.hello(POD_IPS.server, PORTS[port], alpn, new AbortController().signal);
    await this.wait(10);
    return asked;
  }

  #call(client: ClientKind, server: ServerName, port: PortKind, more: Partial<Call>): string {
    const name = `likeness ${this.#calls++}`;
    const to = { namespace: 'demo', service: server, port: PORTS[port] };
    const kind = port === 'http' ? 'http' : 'tcp';
    this.#mesh.addCall(call(CLIENTS[client], PORTS[port], { name, to, kind, since: this.now(), ...more }));
    return name;
  }

  #reportOf(name: string, from: number): CallReport {
    return this.#mesh.reports(from, this.now()).find(report => report.call.name === name)!;
  }
}

function gotOf({ mutualTls, plaintext }: CallReport): Got {
  if (mutualTls > 0) return 'mutual TLS';
  return plaintext > 0 ? 'plaintext' : 'refused';
}

describe('the likeness of the simulated mesh to a recorded real one', () => {
  let likeness: Likeness;
  before(() => {
    likeness = new SimulatedLikeness();
  });
  likeTheRecording(() => likeness, { factor: 3 });
});
