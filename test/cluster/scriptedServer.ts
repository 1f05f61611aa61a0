/** An HTTP or HTTPS server on loopback that answers by script, and breaks on demand. */
import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';

export interface Exchange {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: unknown;
  socket: Socket;
  response: ServerResponse;
}

export type Script = (exchange: Exchange) => void | Promise<void>;

export class ScriptedServer {
  readonly requests: Exchange[] = [];
  connections = 0;
  readonly #server: http.Server;
  readonly #scheme: string;
  #script: Script;

  private constructor(server: http.Server, scheme: string, script: Script) {
    this.#server = server;
    this.#scheme = scheme;
    this.#script = script;
  }

  static async start(script: Script, tls?: https.ServerOptions): Promise<ScriptedServer> {
    const server = tls === undefined ? http.createServer() : https.createServer(tls);
    const scripted = new ScriptedServer(server, tls === undefined ? 'http' : 'https', script);
    server.on(tls === undefined ? 'connection' : 'secureConnection', () => scripted.connections++);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', chunk => chunks.push(chunk as Buffer));
      request.on('end', () => {
        const url = new URL(request.url ?? '/', scripted.url);
        const text = Buffer.concat(chunks).toString();
        const exchange: Exchange = {
          method: request.method ?? '',
          path: url.pathname,
          query: url.searchParams,
          headers: request.headers,
          body: text === '' ? undefined : JSON.parse(text),
          socket: request.socket,
          response,
        };
        scripted.requests.push(exchange);
        void scripted.#script(exchange);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return scripted;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  set script(script: Script) {
    this.#script = script;
  }

  /** A configuration that leads here. */
  config(user: Record<string, unknown> = {}, cluster: Record<string, unknown> = { skipTLSVerify: true }): KubeConfig {
    return configFor(this.url, user, cluster);
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}

export function configFor(
  server: string,
  user: Record<string, unknown> = {},
  cluster: Record<string, unknown> = { skipTLSVerify: true },
): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: 'test', server, ...cluster }],
    users: [{ name: 'test', ...user }],
    contexts: [{ name: 'test', cluster: 'test', user: 'test' }],
    currentContext: 'test',
  });
  return config;
}

export function json({ response }: Exchange, code: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function status(exchange: Exchange, code: number, reason: string, message: string, headers = {}): void {
  json(exchange, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code }, headers);
}
