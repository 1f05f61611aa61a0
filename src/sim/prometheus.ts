/** A Prometheus over the counters of the simulated mesh: in process, and as the HTTP API `/api/v1/query`. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Series } from '../probes/probe.ts';
import type { SimulatedMesh } from './mesh/mesh.ts';
import { evaluate, type Value } from './promql/evaluate.ts';
import { parse } from './promql/parse.ts';
import { PromqlError } from './promql/syntax.ts';

const LARGEST_BODY = 1 << 20;

export class SimulatedPrometheus {
  readonly #mesh: SimulatedMesh;

  constructor(mesh: SimulatedMesh) {
    this.#mesh = mesh;
  }

  /**
   * Instant query at `time`, milliseconds since the epoch. A number becomes a vector of one element without labels.
   * Throws PromqlError for a query that is wrong or not understood.
   */
  query(promql: string, time: number): Series[] {
    const value = this.#evaluate(promql, time);
    return value.kind === 'vector' ? value.series : [{ labels: {}, value: value.value }];
  }

  /** Serves the HTTP API on a port of the loopback interface; 0 takes a free one. */
  async serve(port = 0): Promise<{ url: string; close(): Promise<void> }> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch(error => response.destroy(error as Error));
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const close = async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    };
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
  }

  #evaluate(promql: string, time: number): Value {
    return evaluate(parse(promql), this.#mesh.series, time);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname !== '/api/v1/query')
      return reply(response, 404, failure('not_found', `no such path: ${url.pathname}`));
    const parameters = request.method === 'POST' ? new URLSearchParams(await bodyOf(request)) : url.searchParams;
    try {
      const time = timeOf(parameters.get('time') ?? '', this.#mesh.now());
      reply(response, 200, {
        status: 'success',
        data: dataOf(this.#evaluate(parameters.get('query') ?? '', time), time),
      });
    } catch (error) {
      if (!(error instanceof PromqlError)) throw error;
      reply(response, 400, failure('bad_data', `invalid parameter "query": ${error.message}`));
    }
  }
}

function dataOf(value: Value, time: number) {
  if (value.kind === 'scalar') return { resultType: 'scalar', result: [time / 1000, numberText(value.value)] };
  return {
    resultType: 'vector',
    result: value.series.map(({ labels, value: number }) => ({
      metric: labels,
      value: [time / 1000, numberText(number)],
    })),
  };
}

/** Seconds since the epoch or an RFC 3339 time. */
function timeOf(text: string, now: number): number {
  if (text === '') return now;
  const time = /^[0-9.]+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(time)) throw new PromqlError(`cannot parse ${JSON.stringify(text)} to a valid timestamp`);
  return time;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : `${value > 0 ? '+' : '-'}Inf`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY) throw new Error('request body too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function failure(errorType: string, error: string) {
  return { status: 'error', errorType, error };
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
