/** Real TCP and TLS servers on loopback addresses that answer as ports of a mesh do. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

export interface KeyPair {
  key: string;
  cert: string;
}

/** A self-signed certificate with these names: `URI:spiffe://…` or `DNS:…`. */
export function certificate(names: string): KeyPair {
  const flags = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/'];
  const output = ['-addext', `subjectAltName=${names}`, '-keyout', '-', '-out', '-'];
  const made = spawnSync('openssl', ['req', '-x509', ...flags, ...output], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr || made.error?.message}`);
  return { key: made.stdout, cert: made.stdout };
}

/** What happens to each connection. */
export type Behaviour = (socket: Socket) => void;

/** TLS that asks for a client certificate before anything else, as a proxy under STRICT does. */
export function strict(pair: KeyPair, options: TlsOptions = {}): Behaviour {
  const server = createTlsServer({ ...pair, ca: pair.cert, requestCert: true, rejectUnauthorized: true, ...options });
  server.on('tlsClientError', () => {});
  return socket => server.emit('connection', socket);
}

/** TLS of an application: anybody may connect. */
export function applicationTls(pair: KeyPair, options: TlsOptions = {}): Behaviour {
  return strict(pair, { requestCert: false, rejectUnauthorized: false, ...options });
}

/** An HTTP port under PERMISSIVE: only a hello of the mesh gets an answer, any other is reset. */
export function permissiveHttp(pair: KeyPair): Behaviour {
  const mesh = strict(pair);
  return socket => {
    socket.once('data', hello => {
      if (hello.includes('\u0005istio')) {
        socket.pause();
        socket.unshift(hello);
        mesh(socket);
      } else {
        socket.resetAndDestroy();
      }
    });
  };
}

export const echo: Behaviour = socket => socket.pipe(socket);
export const http: Behaviour = socket => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
export const reset: Behaviour = socket => socket.once('data', () => socket.resetAndDestroy());
export const hangUp: Behaviour = socket => socket.once('data', () => socket.end());
export const silent: Behaviour = () => {};

/** Opens ports and closes all of them again. */
export class House {
  /** Connections that came, by address and port. */
  readonly visits = new Map<string, number>();
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /** Listens on a free port of this loopback address. */
  async open(address: string, behaviour: Behaviour): Promise<number> {
    const server = createServer(socket => {
      const key = `${address}:${socket.localPort}`;
      this.visits.set(key, (this.visits.get(key) ?? 0) + 1);
      this.#sockets.add(socket);
      socket.on('error', () => {});
      behaviour(socket);
    });
    this.#servers.push(server);
    server.listen(0, address);
    await once(server, 'listening');
    const bound = server.address();
    if (bound === null || typeof bound === 'string') throw new Error('no port');
    return bound.port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.splice(0).map(server => new Promise(done => server.close(done))));
  }
}
