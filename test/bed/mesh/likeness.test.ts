/** The real mesh behaves as recorded, so that the simulated one, which is held against the same record, stays like it. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import type { ClientTlsMode } from '../../../src/istio/objects.ts';
import { tlsHello } from '../../../src/probes/hello.ts';
import type { HelloAnswer } from '../../../src/probes/probe.ts';
import { apply } from '../boutiqueObjects.ts';
import { patch, policyPath, remove, userPolicy } from '../rollouts.ts';
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
} from './likeness.ts';
import type { Counters } from './likenessCounters.ts';
import type { Mesh } from './mesh.ts';
import { meshFor } from './suite.ts';
import type { Closed } from './workloadAnswers.ts';

const NAMESPACE = 'demo';
const PORTS = { http: 8080, tcp: 9090, auto: 7070, undeclared: 6060 };
const DRAIN_MS = 2_000;
/** An access log is written once a second, and Istio's counters are made from it. */
const LOGGED_MS = 1_500;
const TALK_EVERY_MS = 300;
const TALK = { send: 'anybody there?\n', timeoutMs: 3_000 };
const CLIENTS = { plaintext: `${NAMESPACE}/legacy`, mesh: `${NAMESPACE}/client` };

class RealLikeness implements Likeness {
  readonly drainMs = DRAIN_MS;
  readonly #mesh: Mesh;
  readonly #hello = tlsHello();
  #hasPolicy = false;
  readonly #ruled = new Set<ServerName>();

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  now(): number {
    return Date.now();
  }

  async wait(ms: number): Promise<void> {
    await delay(ms);
  }

  async setPolicy(policy: Policy | undefined): Promise<void> {
    const { api } = this.#mesh;
    const had = this.#hasPolicy;
    this.#hasPolicy = policy !== undefined;
    const path = policyPath(NAMESPACE, 'likeness');
    if (policy === undefined) return had ? remove(api, path) : undefined;
    const { mode, exception } = policy;
    const portLevelMtls = exception && { [PORTS[exception.port]]: { mode: exception.mode } };
    const spec = { selector: { matchLabels: { app: 'server' } }, mtls: { mode } };
    if (!had) await userPolicy(api, NAMESPACE, 'likeness', { ...spec, ...(portLevelMtls && { portLevelMtls }) });
    else await patch(api, path, { spec: { ...spec, portLevelMtls: portLevelMtls ?? null } });
  }

  async setRule(server: ServerName, mode: ClientTlsMode | undefined): Promise<void> {
    const { api } = this.#mesh;
    const path = `/apis/networking.istio.io/v1/namespaces/${NAMESPACE}/destinationrules/${server}`;
    const had = this.#ruled.has(server);
    if (mode === undefined) {
      this.#ruled.delete(server);
      return had ? remove(api, path) : undefined;
    }
    this.#ruled.add(server);
    const spec = { host: `${server}.${NAMESPACE}.svc.cluster.local`, trafficPolicy: { tls: { mode } } };
    const metadata = { name: server, namespace: NAMESPACE };
    if (had) await patch(api, path, { spec });
    else await apply(api, { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec });
  }

  async connect(client: ClientKind, server: ServerName, port: PortKind): Promise<Got> {
    const from = this.#mesh.pod(CLIENTS[client]);
    const address = await from.addressOf(`${NAMESPACE}/${server}`, PORTS[port]);
    if (port === 'http') {
      const answer = await from.request({ address, timeoutMs: 3_000 });
      if (answer.failed !== undefined || answer.status !== 200) return 'refused';
      return answer.clientCertificate === null ? 'plaintext' : 'mutual TLS';
    }
    // the application cannot tell how it was reached over TCP; the proxy before it can
    const before = await this.#listener('ssl_handshake');
    if ((await from.talk({ address, ...TALK })).failed !== undefined) return 'refused';
    return (await this.#listener('ssl_handshake')) > before ? 'mutual TLS' : 'plaintext';
  }

  async servesPlaintext(): Promise<boolean> {
    const address = `${this.#server.ip}:${PORTS.tcp}`;
    return (await this.#mesh.pod(CLIENTS.plaintext).talk({ address, ...TALK })).failed === undefined;
  }

  async hello(port: PortKind, alpn: string[]): Promise<HelloGot> {
    return meaningOf(await this.#hello(this.#server.ip, PORTS[port], alpn, new AbortController().signal));
  }

  /** A proxy counts a handshake as refused only where the client stays to hear it. */
  async strangerHello(port: PortKind | 'undeclared', alpn: string[]): Promise<void> {
    const socket = connect({
      host: this.#server.ip,
      port: PORTS[port],
      minVersion: 'TLSv1.3',
      rejectUnauthorized: false,
      ...(alpn.length > 0 ? { ALPNProtocols: alpn } : {}),
    });
    // it ends in an error of one kind or another; which one, `hello` tells
    socket.on('error', () => {});
    socket.setTimeout(TALK.timeoutMs, () => socket.destroy());
    await new Promise(resolve => socket.once('close', resolve));
  }

  async hold(kind: HeldKind): Promise<HeldConnection | undefined> {
    const from = this.#mesh.pod(kind.startsWith('plaintext') ? CLIENTS.plaintext : CLIENTS.mesh);
    const protocol = kind.endsWith('tcp') ? 'tcp' : 'http';
    const address = await from.addressOf(`${NAMESPACE}/server`, PORTS[protocol]);
    const connection = await from.dial({ address, kind: protocol });
    let ended: Closed | undefined;
    connection.closed.then(
      closed => (ended = closed),
      () => {},
    );
    const talk = async () => (await connection.say(protocol === 'tcp' ? TALK.send : '/')).failed === undefined;
    if (!(await talk())) return undefined;
    const goOn = async () => {
      while (await talk()) await Promise.race([connection.closed, delay(TALK_EVERY_MS)]);
    };
    // where the process of the workloads dies, the next question to it says so
    goOn().catch(() => {});
    return { cutAt: () => ended?.at, hang: () => connection.hang() };
  }

  async counters(): Promise<Counters> {
    await delay(LOGGED_MS);
    const series = await this.#istio();
    const sum = (metric: string, policy: string) =>
      series
        .filter(({ name }) => name.startsWith(`istio_tcp_${metric}_total{`))
        .filter(({ name }) => name.includes('reporter="destination"'))
        .filter(({ name }) => name.includes(`connection_security_policy="${policy}"`))
        .reduce((total, { value }) => total + value, 0);
    const bytes = (policy: string) => sum('received_bytes', policy) + sum('sent_bytes', policy);
    return {
      noFilterChainMatch: await this.#listener('no_filter_chain_match'),
      failVerifyNoCert: await this.#listener('ssl_fail_verify_no_cert'),
      handshakes: await this.#listener('ssl_handshake'),
      openedNone: sum('connections_opened', 'none'),
      openedMutualTls: sum('connections_opened', 'mutual_tls'),
      bytesNone: bytes('none'),
      bytesMutualTls: bytes('mutual_tls'),
    };
  }

  get #server() {
    return this.#mesh.pod(`${NAMESPACE}/server`);
  }

  /** A proxy forgets its counters of TLS where no filter chain with TLS is left, under DISABLE. */
  async #listener(counter: string): Promise<number> {
    return (await this.#server.scrape()).get(`envoy_listener_${counter}{listener_address="0.0.0.0_15006"}`) ?? 0;
  }

  async #istio(): Promise<{ name: string; value: number }[]> {
    const { address, path } = this.#server.targets.find(target => target.path !== '/stats/prometheus')!;
    const text = await (await fetch(`http://${address}${path}`)).text();
    return text
      .split('\n')
      .filter(line => line !== '')
      .map(line => line.split(/ (?=[^ ]+$)/))
      .map(([name, value]) => ({ name: name!, value: Number(value) }));
  }
}

function meaningOf(answer: HelloAnswer): HelloGot {
  if (answer.kind !== 'Certificate') return answer.kind.toLowerCase() as HelloGot;
  return answer.spiffe === undefined ? 'other certificate' : 'certificate of the mesh';
}

describe('the likeness of the simulated mesh, on the real one', () => {
  let likeness: RealLikeness;
  let mesh: Mesh;

  before(async function () {
    mesh = await meshFor(this, { drain: `${DRAIN_MS / 1000}s` });
    const ports = [
      { name: 'http-web', port: PORTS.http, serves: 'http' as const },
      { name: 'tcp-echo', port: PORTS.tcp, serves: 'echo' as const },
      { name: 'auto', port: PORTS.auto, serves: 'echo' as const },
    ];
    const undeclared = [{ port: PORTS.undeclared, serves: 'echo' as const }];
    await mesh.add(
      { namespace: NAMESPACE, name: 'server', ports, undeclared },
      { namespace: NAMESPACE, name: 'bare', ports, meshed: false },
      { namespace: NAMESPACE, name: 'client', ports: [], service: false },
      { namespace: NAMESPACE, name: 'legacy', ports: [], service: false, meshed: false },
    );
    likeness = new RealLikeness(mesh);
  });
  after(() => mesh?.stop());

  likeTheRecording(() => likeness, { factor: 10, record: process.env['RECORD'] === '1' });
});
