/** HTTP servers on loopback addresses, ended together. */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export class Loopback {
  readonly #servers: Server[] = [];

  /** The base address of a new server. */
  async listen(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    this.#servers.push(server);
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const server of this.#servers.splice(0)) {
      server.closeAllConnections();
      await new Promise(done => server.close(done));
    }
  }
}

/** Answers every request alike. */
export function json(body: string | Buffer, status = 200, headers: Record<string, string> = {}): RequestListener {
  return (_, answer) => answer.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
}
