/**
 * A Prometheus on the loopback interface that is told about traffic, not about queries: what it is asked it works out
 * from scripted counters with Istio's standard names, over whatever window the query has.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SeriesStore } from '../../src/sim/mesh/series.ts';
import { evaluate, type Value } from '../../src/sim/promql/evaluate.ts';
import { parse } from '../../src/sim/promql/parse.ts';
import { PromqlError } from '../../src/sim/promql/syntax.ts';

const RETENTION_MS = 15 * 24 * 3_600_000;

export interface TrafficSpec {
  /** `namespace/workload`; a client outside the mesh has no name and is left out. */
  from?: string;
  /** `namespace/workload`. */
  to: string;
  secured: boolean;
  perSecond: number;
  kind?: 'http' | 'tcp';
  /** How long it has been going on already, in milliseconds; 25 hours unless given. */
  sinceMs?: number;
}

export interface Traffic {
  /** From now on; 0 ends it. */
  setRate(perSecond: number): void;
}

/** How the server misbehaves: `Error` answers 500, `Hang` never, `Refuse` resets every connection. */
export type Trouble = 'Error' | 'Hang' | 'Refuse';

export class PrometheusStub {
  readonly url: string;
  /** Every query that was asked, in order. */
  readonly queries: string[] = [];
  /** Set to make it misbehave until it is set back to undefined. */
  trouble: Trouble | undefined;
  readonly #series = new SeriesStore(RETENTION_MS);
  readonly #server;

  constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
  }

  static async start(): Promise<PrometheusStub> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new PrometheusStub(server);
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  /** Lets traffic flow, from the past until it is changed. */
  traffic(spec: TrafficSpec): Traffic {
    const born = Date.now() - (spec.sinceMs ?? 25 * 3_600_000);
    const metric = spec.kind === 'tcp' ? 'istio_tcp_connections_opened_total' : 'istio_requests_total';
    // a client with a name has a sidecar, which counts what it sends
    const sides = spec.from === undefined ? ['destination'] : ['destination', 'source'];
    const tallies = sides.map(reporter => this.#series.tally(metric, { ...labelsOf(spec), reporter }, born));
    const setRate = (at: number, perSecond: number) => tallies.forEach(tally => tally.setRate(at, perSecond));
    setRate(born, spec.perSecond);
    return { setRate: perSecond => setRate(Date.now(), perSecond) };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parameters = await parametersOf(request);
    const query = parameters.get('query') ?? '';
    this.queries.push(query);
    if (this.trouble === 'Refuse') return void request.socket.resetAndDestroy();
    if (this.trouble === 'Hang') return;
    if (this.trouble === 'Error') return reply(response, 500, failure('internal', 'scripted'));
    try {
      const time = parameters.has('time') ? Number(parameters.get('time')) * 1000 : Date.now();
      reply(response, 200, { status: 'success', data: dataOf(evaluate(parse(query), this.#series, time), time) });
    } catch (error) {
      if (!(error instanceof PromqlError)) throw error;
      reply(response, 400, failure('bad_data', error.message));
    }
  }
}

function labelsOf({ from, to, secured, kind }: TrafficSpec): Record<string, string> {
  const [sourceNamespace, source] = from === undefined ? ['unknown', 'unknown'] : halves(from);
  const [namespace, workload] = halves(to);
  return {
    connection_security_policy: secured ? 'mutual_tls' : 'none',
    source_workload: source,
    source_workload_namespace: sourceNamespace,
    destination_workload: workload,
    destination_workload_namespace: namespace,
    destination_service: `${workload}.${namespace}.svc.cluster.local`,
    request_protocol: kind ?? 'http',
    response_code: '200',
    namespace,
  };
}

function halves(text: string): [string, string] {
  const [namespace, workload] = text.split('/');
  if (!namespace || !workload) throw new RangeError(`"${text}" is not namespace/workload`);
  return [namespace, workload];
}

async function parametersOf(request: IncomingMessage): Promise<URLSearchParams> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'POST') return url.searchParams;
  let body = '';
  request.setEncoding('utf8');
  for await (const part of request) body += part;
  return new URLSearchParams(body);
}

function dataOf(value: Value, time: number) {
  if (value.kind === 'scalar') return { resultType: 'scalar', result: [time / 1000, String(value.value)] };
  const result = value.series.map(({ labels, value: number }) => ({
    metric: labels,
    value: [time / 1000, String(number)],
  }));
  return { resultType: 'vector', result };
}

function failure(errorType: string, error: string) {
  return { status: 'error', errorType, error };
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
