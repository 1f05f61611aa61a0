/**
 * Istio's standard metrics of the sidecars. Istio's own proxy counts them in a filter that Envoy as the Envoy project
 * builds it lacks; here the same counters are made from what each proxy wrote into its access log, by the rules of that
 * filter (istio_stats.cc): a TCP connection whose handshake failed counts as one that came without mutual TLS and carried
 * nothing. Peers are found by address, as with Istio's peer metadata discovery.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AccessLine, readAccessLine } from './accessLog.ts';
import { HOST } from './world.ts';

export interface Counted {
  namespace: string;
  name: string;
  workload: string;
  ip: string;
  accessLog: string;
}

/** Who is at an address; undefined where nobody knows. */
export type WhoIs = (ip: string) => { namespace: string; workload: string } | undefined;

const PORT = 9091;

export class Telemetry {
  readonly #pods = new Map<string, PodCounters>();
  readonly #whoIs: WhoIs;
  readonly #server = createServer(({ url }, response) => {
    const pod = this.#pods.get(url ?? '');
    if (pod === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(pod.text());
  });

  constructor(whoIs: WhoIs) {
    this.#whoIs = whoIs;
  }

  async start(): Promise<void> {
    this.#server.listen(PORT, HOST);
    await once(this.#server, 'listening');
  }

  /** From now on the pod's traffic is counted; returns address and path of its metrics. */
  add(pod: Counted): { address: string; path: string } {
    const path = `/${pod.namespace}/${pod.name}/metrics`;
    this.#pods.set(path, new PodCounters(pod, this.#whoIs));
    return { address: `${HOST}:${PORT}`, path };
  }

  remove({ namespace, name }: Pick<Counted, 'namespace' | 'name'>): void {
    this.#pods.delete(`/${namespace}/${name}/metrics`);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

/** Counters of one sidecar, brought up to date when somebody asks. */
class PodCounters {
  readonly #pod: Counted;
  readonly #whoIs: WhoIs;
  readonly #counters = new Map<string, number>();
  readonly #connections = new Map<number, { labels: Record<string, string>; received: number; sent: number }>();
  #offset = 0;
  #rest = '';

  constructor(pod: Counted, whoIs: WhoIs) {
    this.#pod = pod;
    this.#whoIs = whoIs;
  }

  text(): string {
    for (const line of this.#news()) this.#count(line);
    return [...this.#counters].map(([series, value]) => `${series} ${value}\n`).join('');
  }

  #news(): AccessLine[] {
    const file = openSync(this.#pod.accessLog, 'r');
    const buffer = Buffer.alloc(64 * 1024);
    let text = this.#rest;
    for (let read = -1; read !== 0; this.#offset += read) {
      read = readSync(file, buffer, 0, buffer.length, this.#offset);
      text += buffer.toString('utf8', 0, read);
    }
    closeSync(file);
    const lines = text.split('\n');
    this.#rest = lines.pop()!;
    return lines.flatMap(line => readAccessLine(line) ?? []);
  }

  #count(line: AccessLine): void {
    const labels = this.#labels(line);
    if (labels === undefined) return;
    if (line.protocol !== undefined) {
      const grpc = line.protocol === 'HTTP/2' ? 'grpc' : 'http';
      const request = { request_protocol: grpc, response_code: String(line.code), response_flags: line.flags };
      this.#add('istio_requests_total', { ...labels, ...request });
      return;
    }
    this.#countTcp(line, { ...labels, request_protocol: 'tcp', response_flags: line.flags });
  }

  /** What a connection has carried since its last line. Its labels are those of its first: they never change in Istio. */
  #countTcp({ type, connection, received, sent }: AccessLine, labels: Record<string, string>): void {
    const known = this.#connections.get(connection) ?? { labels, received: 0, sent: 0 };
    if (!this.#connections.has(connection)) this.#add('istio_tcp_connections_opened_total', labels);
    this.#connections.set(connection, { labels: known.labels, received, sent });
    this.#add('istio_tcp_received_bytes_total', known.labels, received - known.received);
    this.#add('istio_tcp_sent_bytes_total', known.labels, sent - known.sent);
    if (type !== 'TcpConnectionEnd') return;
    this.#connections.delete(connection);
    this.#add('istio_tcp_connections_closed_total', known.labels);
  }

  /** Undefined for what no filter chain took: Istio's filter never sees it. */
  #labels({ cluster = '', remote, upstream = '', peer }: AccessLine): Record<string, string> | undefined {
    const own = { namespace: this.#pod.namespace, workload: this.#pod.workload };
    if (cluster.startsWith('inbound|') || cluster.startsWith('InboundPassthrough')) {
      const policy = peer === undefined ? 'none' : 'mutual_tls';
      return { reporter: 'destination', connection_security_policy: policy, ...pair(this.#whoIs(hostOf(remote)), own) };
    }
    if (cluster === '') return undefined;
    const target = this.#whoIs(hostOf(upstream));
    return { reporter: 'source', connection_security_policy: 'unknown', ...pair(own, target), ...serviceOf(cluster) };
  }

  #add(metric: string, labels: Record<string, string>, by = 1): void {
    const text = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    const series = `${metric}{${text.join(',')}}`;
    this.#counters.set(series, (this.#counters.get(series) ?? 0) + by);
  }
}

function pair(source: ReturnType<WhoIs>, target: ReturnType<WhoIs>): Record<string, string> {
  return {
    source_workload: source?.workload ?? 'unknown',
    source_workload_namespace: source?.namespace ?? 'unknown',
    destination_workload: target?.workload ?? 'unknown',
    destination_workload_namespace: target?.namespace ?? 'unknown',
  };
}

/** The Service that a client called: `outbound|8080||server.demo.svc.cluster.local`, or a cluster that is none. */
function serviceOf(cluster: string): Record<string, string> {
  const host = cluster.split('|')[3] ?? cluster;
  const [name = host, namespace = 'unknown'] = host.split('.');
  return { destination_service: host, destination_service_name: name, destination_service_namespace: namespace };
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}
