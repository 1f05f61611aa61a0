/**
 * The two questions a kubelet asks, whether the process is alive (`/healthz`) and whether it knows the cluster yet
 * (`/readyz`), and the one that Prometheus asks (`/metrics`).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HealthOptions {
  address: string;
  /** 0: any free port. */
  port: number;
  /** What is still missing before the operator is ready, one phrase each; empty when it is. */
  missing: () => string[];
  metrics: { contentType: string; text: () => Promise<string> };
}

export interface Health {
  address: string;
  port: number;
  /** Stops listening and closes open connections. */
  close(): Promise<void>;
}

const PATHS = ['/healthz', '/readyz', '/metrics'];

/** Listens; rejects with a sentence that names address and port when it cannot. */
export async function startHealth({ address, port, missing, metrics }: HealthOptions): Promise<Health> {
  const server = createServer(
    // Node looks for late ones every 30 s only: as long as a kubelet has patience
    { requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 1_000 },
    (request, response) => void answer(request, response, { missing, metrics }),
  );
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(explain(error, address, port), { cause: error })),
    );
    server.listen({ host: address, port }, resolve);
  });
  const bound = server.address() as AddressInfo;
  return {
    address: bound.address,
    port: bound.port,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { missing, metrics }: Pick<HealthOptions, 'missing' | 'metrics'>,
): Promise<void> {
  const [path = ''] = (request.url ?? '').split('?');
  if (!PATHS.includes(path)) return send(response, 404, 'not found');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(response, 405, 'only GET and HEAD');
  }
  // an answer at all is the proof of life
  if (path === '/healthz') return send(response, 200, 'ok');
  if (path === '/metrics') {
    const text = await metrics.text().catch(() => undefined);
    if (text === undefined) return send(response, 500, 'the metrics cannot be read');
    return send(response, 200, text.trimEnd(), metrics.contentType);
  }
  const open = missing();
  if (open.length > 0) return send(response, 503, `waiting for: ${open.join(', ')}`);
  send(response, 200, 'ok');
}

function send(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(`${text}\n`);
}

const ADVICE: Record<string, string> = {
  EADDRINUSE: 'another process uses it; choose another with health.port or --health-port',
  EACCES: 'not permitted; choose a port from 1024 up with health.port or --health-port',
  EADDRNOTAVAIL: 'this machine does not have that address; check health.address',
};

function explain(error: NodeJS.ErrnoException, address: string, port: number): string {
  const advice = ADVICE[error.code ?? ''] ?? error.message;
  return `health endpoint cannot listen on ${address} port ${port}: ${advice}`;
}
