/** The two questions a kubelet asks: is the process alive (`/healthz`), and does it know the cluster yet (`/readyz`). */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HealthOptions {
  address: string;
  /** 0: any free port. */
  port: number;
  /** What is still missing before the operator is ready, one phrase each; empty when it is. */
  missing: () => string[];
}

export interface Health {
  address: string;
  port: number;
  /** Stops listening and closes open connections. */
  close(): Promise<void>;
}

/** Listens; rejects with a sentence that names address and port when it cannot. */
export async function startHealth({ address, port, missing }: HealthOptions): Promise<Health> {
  const server = createServer(
    // Node looks for late ones every 30 s only: as long as a kubelet has patience
    { requestTimeout: 5_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, connectionsCheckingInterval: 1_000 },
    (request, response) => answer(request, response, missing),
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

function answer(request: IncomingMessage, response: ServerResponse, missing: () => string[]): void {
  const [path] = (request.url ?? '').split('?');
  if (path !== '/healthz' && path !== '/readyz') return send(response, 404, 'not found');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(response, 405, 'only GET and HEAD');
  }
  // an answer at all is the proof of life
  if (path === '/healthz') return send(response, 200, 'ok');
  const open = missing();
  if (open.length > 0) return send(response, 503, `waiting for: ${open.join(', ')}`);
  send(response, 200, 'ok');
}

function send(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
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
