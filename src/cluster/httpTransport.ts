/**
 * Requests to a real API server over pooled HTTPS connections. Who we are comes from client-node's KubeConfig,
 * asked anew for every request, so that rotated tokens and certificates are taken up by themselves.
 */
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { type Dispatcher, request as send } from 'undici';
import { type Agents, agentsFor } from './agents.ts';
import { jsonOf, linesOf } from './body.ts';
import { connectionError } from './connectionError.ts';
import { KubeError } from './errors.ts';
import type { KubeRequest, KubeResponse, KubeStream, Transport } from './transport.ts';

export interface HttpTransportOptions {
  /** Longest time a call may take, and a watch until its head is there. 20 s unless given. */
  callTimeoutMs?: number;
  /** Most connections for calls; every watch has one of its own. 12 unless given. */
  connections?: number;
}

interface Session {
  agents: Agents;
  headers: Record<string, string>;
}

export class HttpTransport implements Transport {
  readonly #config: KubeConfig;
  readonly #server: string;
  readonly #callTimeoutMs: number;
  readonly #connections: number;
  /** With what they were built from. */
  #agents: (Agents & { identity: string }) | undefined;
  #opening: Promise<Session> | undefined;

  constructor(config: KubeConfig, { callTimeoutMs = 20_000, connections = 12 }: HttpTransportOptions = {}) {
    const server = config.getCurrentCluster()?.server;
    if (server === undefined || !URL.canParse(server)) {
      throw new KubeError('Invalid', `the kubeconfig's current context names no cluster with an address`);
    }
    if (!(callTimeoutMs > 0)) throw new RangeError(`callTimeoutMs must be greater than 0, not ${callTimeoutMs}`);
    if (!(connections >= 1)) throw new RangeError(`connections must be at least 1, not ${connections}`);
    this.#config = config;
    this.#server = server.replace(/\/+$/, '');
    this.#callTimeoutMs = callTimeoutMs;
    this.#connections = connections;
  }

  async call(request: KubeRequest): Promise<KubeResponse> {
    return await this.#within(request, async (session, signal) => {
      const answer = await this.#send(request, session.agents.calls, session.headers, signal);
      const headers = plainHeaders(answer.headers);
      const text = await answer.body.text();
      return { status: answer.statusCode, headers, body: jsonOf(text, headers['content-type'], answer.statusCode) };
    });
  }

  async stream(request: KubeRequest): Promise<KubeStream> {
    return await this.#within(request, async (session, signal) => {
      const answer = await this.#send(request, session.agents.watches, session.headers, signal);
      const failed = (error: unknown) => request.signal?.reason ?? connectionError(error, this.#server);
      return {
        status: answer.statusCode,
        headers: plainHeaders(answer.headers),
        lines: linesOf(answer.body, failed),
      };
    });
  }

  /** Ends every connection; whatever still waits for an answer fails. */
  async close(): Promise<void> {
    const agents = this.#agents;
    this.#agents = undefined;
    await Promise.all([agents?.calls.destroy(), agents?.watches.destroy()]);
  }

  /**
   * Runs one exchange until its deadline and turns what goes wrong into a KubeError; the caller's abort stays as it
   * is. A stream has a deadline only until its head is there.
   */
  async #within<R>(request: KubeRequest, run: (session: Session, signal: AbortSignal) => Promise<R>): Promise<R> {
    request.signal?.throwIfAborted();
    const deadline = new AbortController();
    const seconds = this.#callTimeoutMs / 1000;
    const late = () =>
      new KubeError('Unavailable', `the API server ${this.#server} did not answer within ${seconds} s`);
    const timer = setTimeout(() => deadline.abort(late()), this.#callTimeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, deadline.signal]) : deadline.signal;
    try {
      // an authentication plug-in that hangs must not outlive the deadline either
      const session = await abortable(this.#session(), signal);
      return await run(session, signal);
    } catch (error) {
      throw request.signal?.aborted ? request.signal.reason : connectionError(error, this.#server);
    } finally {
      clearTimeout(timer);
    }
  }

  #send(request: KubeRequest, dispatcher: Dispatcher, headers: Record<string, string>, signal: AbortSignal) {
    const type = request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' };
    return send(this.#server + request.path + queryOf(request), {
      method: request.method,
      headers: { accept: request.accept ?? 'application/json', 'user-agent': 'mtls-rollout', ...type, ...headers },
      body: request.body === undefined ? null : JSON.stringify(request.body),
      dispatcher,
      signal,
    });
  }

  /** Concurrent requests share one look at the credentials: a plug-in is not started once for each. */
  #session(): Promise<Session> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Session> {
    const options: RequestOptions = {};
    try {
      await this.#config.applyToHTTPSOptions(options);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new KubeError('Unauthorized', `no credentials for ${this.#server}: ${why}`, { cause: error });
    }
    return { agents: this.#agentsFor(options), headers: credentialHeaders(options) };
  }

  /** The agents for these certificates: the same ones as before unless a certificate has changed. */
  #agentsFor(options: RequestOptions): Agents {
    const tls = tlsOf(options);
    const identity = Object.values(tls).map(String).join('\n');
    if (this.#agents?.identity === identity) return this.#agents;
    // lets running exchanges end; the new ones take the new certificates
    for (const agent of [this.#agents?.calls, this.#agents?.watches]) agent?.close().catch(() => undefined);
    const connect = this.#config.createDispatcherOptions(this.#config.getCurrentCluster(), tls);
    this.#agents = { ...agentsFor(connect, this.#connections, this.#callTimeoutMs), identity };
    return this.#agents;
  }
}

function tlsOf({ ca, cert, key, pfx, passphrase, rejectUnauthorized, servername }: RequestOptions) {
  const all = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Partial<typeof all>;
}

/** Token, impersonation and basic authentication. A token file may end in a line feed, a header may not. */
function credentialHeaders({ headers = {}, auth }: RequestOptions): Record<string, string> {
  const all = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value).trim()] as const);
  const basic = auth ? { authorization: `Basic ${Buffer.from(auth).toString('base64')}` } : {};
  return { ...basic, ...Object.fromEntries(all) };
}

function plainHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return plain;
}

function queryOf({ query }: KubeRequest): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) parameters.set(name, value);
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

/** The promise, or the signal's reason as soon as it fires. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
