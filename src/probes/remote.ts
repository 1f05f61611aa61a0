/** Asks an HTTP API that the configuration of the operator names: bounded in time and size, and no further. */
import { Agent, type Dispatcher, request } from 'undici';

export interface RemoteOptions {
  /** Base address, with a path where the API has one: `https://metrics.example.com/prometheus`. */
  url: string;
  /** Asked before every request, since mounted tokens are renewed. */
  bearerToken?: () => Promise<string>;
  /** PEM of the authority that signed the server's certificate; the system's authorities unless given. */
  ca?: string;
  deadlineMs?: number;
  maxBytes?: number;
}

export type RemoteFault = 'Unreachable' | 'Timeout' | 'Refused' | 'BadAnswer' | 'TooLarge';

/** Why there is no answer. The message is fit for status: what is wrong and what to do, and nothing the server sent. */
export class RemoteError extends Error {
  readonly fault: RemoteFault;

  constructor(fault: RemoteFault, message: string) {
    super(message);
    this.name = 'RemoteError';
    this.fault = fault;
  }
}

/** What the messages say about an API. */
interface About {
  /** `Prometheus`. */
  name: string;
  /** Behind the base address. */
  path: string;
  /** What a late answer may come from. */
  late: string;
  /** What makes an answer smaller. */
  smaller: string;
}

interface Question {
  method: 'GET' | 'POST';
  query?: URLSearchParams;
  /** Sent as a form. */
  form?: URLSearchParams;
  /** What the body of a refusal adds to the message; it must not repeat what the server sent. */
  detail?: (body: string) => string;
}

const MAX_BYTES = 10 * 1024 * 1024;

export class Remote {
  readonly #about: About;
  readonly #endpoint: URL;
  readonly #token: (() => Promise<string>) | undefined;
  readonly #agent: Agent;
  readonly #deadlineMs: number;
  readonly #maxBytes: number;

  /** Throws RangeError when the address is none. */
  constructor(about: About, options: RemoteOptions) {
    this.#about = about;
    this.#endpoint = endpointOf(about, options.url);
    this.#token = options.bearerToken;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
    this.#agent = new Agent({ connections: 8, connect: options.ca === undefined ? {} : { ca: options.ca } });
  }

  /** The body of an answer with status 200; rejects with a RemoteError. */
  async ask(question: Question, signal: AbortSignal): Promise<string> {
    const within = AbortSignal.any([signal, AbortSignal.timeout(this.#deadlineMs)]);
    try {
      const answer = await this.#send(question, within);
      // whoever reads the body gets its error; one that is left unread must not become an uncaught one
      answer.body.on('error', () => {});
      if (answer.statusCode !== 200) throw await this.#refusal(answer, question);
      return await this.#read(answer);
    } catch (error) {
      if (error instanceof RemoteError) throw error;
      if (within.aborted) {
        const seconds = this.#deadlineMs / 1000;
        throw new RemoteError('Timeout', `${this.where} did not answer in ${seconds} s: ${this.#about.late}`);
      }
      throw new RemoteError('Unreachable', `${this.where} cannot be reached (${codeOf(error)}): check its address`);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** `Prometheus at metrics.example.com`. */
  get where(): string {
    return `${this.#about.name} at ${this.#endpoint.host}`;
  }

  /** For an answer that is not of the API: `no valid UTF-8`. */
  badAnswer(what: string): RemoteError {
    const { name } = this.#about;
    return new RemoteError(
      'BadAnswer',
      `${this.where} sent an answer that is ${what}: does the address lead to ${name}?`,
    );
  }

  async #send({ method, query, form }: Question, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const token = await this.#token?.().catch(() => {
      throw new RemoteError('Refused', `the token for ${this.where} cannot be read: check the mounted file`);
    });
    const url = new URL(this.#endpoint);
    url.search = query?.toString() ?? '';
    // undici follows no redirect unless told to
    return request(url, {
      method,
      dispatcher: this.#agent,
      signal,
      headers: {
        ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
        'accept-encoding': 'identity',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(form ? { body: form.toString() } : {}),
    });
  }

  async #refusal(answer: Dispatcher.ResponseData, { detail }: Question): Promise<RemoteError> {
    const status = answer.statusCode;
    if (status >= 300 && status < 400) {
      answer.body.destroy();
      const message = `${this.where} redirects (status ${status}), which is not followed: configure the address it redirects to`;
      return new RemoteError('Refused', message);
    }
    const body = await this.#read(answer).catch(() => '');
    const advice = status === 401 || status === 403 ? 'check the credentials' : 'check its address and its logs';
    return new RemoteError('Refused', `${this.where} answered with status ${status}${detail?.(body) ?? ''}: ${advice}`);
  }

  /** The body as text, read no further than the limit. */
  async #read({ headers, body }: Dispatcher.ResponseData): Promise<string> {
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      body.destroy();
      throw new RemoteError('BadAnswer', `${this.where} compresses its answers unasked: is a proxy in between?`);
    }
    const chunks: Buffer[] = [];
    let size = 0;
    // leaving the loop early destroys the body, and with it the connection
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > this.#maxBytes) {
        const message = `${this.where} answered with more than ${this.#maxBytes} bytes: ${this.#about.smaller}`;
        throw new RemoteError('TooLarge', message);
      }
      chunks.push(chunk);
    }
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
    } catch {
      throw this.badAnswer('no valid UTF-8');
    }
  }
}

function endpointOf({ name, path }: About, address: string): URL {
  const url = URL.parse(address);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new RangeError(`the address of ${name} must begin with http:// or https://`);
  }
  if (url.username || url.password) throw new RangeError(`the address of ${name} must not hold credentials`);
  if (url.search || url.hash) throw new RangeError(`the address of ${name} must not hold a query or a fragment`);
  return new URL(`${url.pathname.replace(/\/+$/, '')}${path}`, url);
}

/** Of Node's network, OpenSSL or undici: fit to be shown, and nothing that the other side sent. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'connection failed';
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
