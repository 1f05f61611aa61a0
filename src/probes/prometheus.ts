/** Asks Prometheus, or whatever speaks its HTTP API, for instant vectors: bounded in time and size, and no further. */
import { Agent, request, type Dispatcher } from 'undici';
import type { Series } from './probe.ts';

export interface PrometheusOptions {
  /** Base address, with a path where the API has one: `https://metrics.example.com/prometheus`. */
  url: string;
  /** Asked before every query, since mounted tokens are renewed. */
  bearerToken?: () => Promise<string>;
  /** PEM of the authority that signed the server's certificate; the system's authorities unless given. */
  ca?: string;
  deadlineMs?: number;
  maxBytes?: number;
}

export type PrometheusFault = 'Unreachable' | 'Timeout' | 'Refused' | 'BadAnswer' | 'TooLarge';

/** Why there is no answer. The message is fit for status: what is wrong and what to do, and nothing the server sent. */
export class PrometheusError extends Error {
  readonly fault: PrometheusFault;

  constructor(fault: PrometheusFault, message: string) {
    super(message);
    this.name = 'PrometheusError';
    this.fault = fault;
  }
}

const MAX_BYTES = 10 * 1024 * 1024;
/** Of Prometheus' API; any other word is not repeated. */
const ERROR_TYPES = new Set(['bad_data', 'timeout', 'canceled', 'execution', 'internal', 'unavailable', 'not_found']);

export class Prometheus {
  readonly #endpoint: URL;
  readonly #token: (() => Promise<string>) | undefined;
  readonly #agent: Agent;
  readonly #deadlineMs: number;
  readonly #maxBytes: number;

  /** Throws RangeError when the address is none. */
  constructor(options: PrometheusOptions) {
    this.#endpoint = endpointOf(options.url);
    this.#token = options.bearerToken;
    this.#deadlineMs = options.deadlineMs ?? 10_000;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
    this.#agent = new Agent({ connections: 8, connect: options.ca === undefined ? {} : { ca: options.ca } });
  }

  /** Runs an instant query at `time` (ms since the epoch). Samples that are no numbers (NaN, Inf) are left out. */
  async query(promql: string, time: number, signal: AbortSignal): Promise<Series[]> {
    const within = AbortSignal.any([signal, AbortSignal.timeout(this.#deadlineMs)]);
    try {
      const answer = await this.#send(promql, time, within);
      // whoever reads the body gets its error; one that is left unread must not become an uncaught one
      answer.body.on('error', () => {});
      if (answer.statusCode !== 200) throw await this.#refusal(answer);
      return parseVector(await this.#read(answer), this.#where);
    } catch (error) {
      if (error instanceof PrometheusError) throw error;
      if (within.aborted) {
        const advice = 'it is overloaded, or the window of the probe is too long for it';
        throw new PrometheusError(
          'Timeout',
          `${this.#where} did not answer in ${this.#deadlineMs / 1000} s: ${advice}`,
        );
      }
      throw new PrometheusError(
        'Unreachable',
        `${this.#where} cannot be reached (${causeOf(error)}): check its address`,
      );
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  get #where(): string {
    return `Prometheus at ${this.#endpoint.host}`;
  }

  async #send(promql: string, time: number, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const token = await this.#token?.().catch(() => {
      throw new PrometheusError('Refused', `the token for ${this.#where} cannot be read: check the mounted file`);
    });
    // POST: the names of a large step do not fit into an address. undici follows no redirect unless told to.
    return request(this.#endpoint, {
      method: 'POST',
      dispatcher: this.#agent,
      signal,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'accept-encoding': 'identity',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: new URLSearchParams({ query: promql, time: (time / 1000).toFixed(3) }).toString(),
    });
  }

  async #refusal(answer: Dispatcher.ResponseData): Promise<PrometheusError> {
    const status = answer.statusCode;
    if (status >= 300 && status < 400) {
      answer.body.destroy();
      const message = `${this.#where} redirects (status ${status}), which is not followed: configure the address it redirects to`;
      return new PrometheusError('Refused', message);
    }
    const type = errorTypeOf(await this.#read(answer).catch(() => ''));
    const advice = status === 401 || status === 403 ? 'check the credentials' : 'check its address and its logs';
    return new PrometheusError('Refused', `${this.#where} answered with status ${status}${type}: ${advice}`);
  }

  /** The body as text, read no further than the limit. */
  async #read({ headers, body }: Dispatcher.ResponseData): Promise<string> {
    const encoding = headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      body.destroy();
      throw new PrometheusError('BadAnswer', `${this.#where} compresses its answers unasked: is a proxy in between?`);
    }
    const chunks: Buffer[] = [];
    let size = 0;
    // leaving the loop early destroys the body, and with it the connection
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > this.#maxBytes) {
        const message = `${this.#where} answered with more than ${this.#maxBytes} bytes: make the step smaller (maxConcurrent)`;
        throw new PrometheusError('TooLarge', message);
      }
      chunks.push(chunk);
    }
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
    } catch {
      throw badAnswer(this.#where, 'no valid UTF-8');
    }
  }
}

function endpointOf(address: string): URL {
  const url = URL.parse(address);
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new RangeError('the address of Prometheus must begin with http:// or https://');
  }
  if (url.username || url.password) throw new RangeError('the address of Prometheus must not hold credentials');
  if (url.search || url.hash) throw new RangeError('the address of Prometheus must not hold a query or a fragment');
  return new URL(`${url.pathname.replace(/\/+$/, '')}/api/v1/query`, url);
}

function causeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'connection failed';
}

function badAnswer(where: string, what: string): PrometheusError {
  return new PrometheusError(
    'BadAnswer',
    `${where} sent an answer that is ${what}: does the address lead to Prometheus?`,
  );
}

function errorTypeOf(body: string): string {
  const answer = parseJson(body);
  const type = isRecord(answer) ? answer['errorType'] : undefined;
  return typeof type === 'string' && ERROR_TYPES.has(type) ? ` (${type})` : '';
}

function parseVector(body: string, where: string): Series[] {
  const answer = parseJson(body);
  const data = isRecord(answer) && answer['status'] === 'success' ? answer['data'] : undefined;
  if (!isRecord(answer) || !isRecord(data)) throw badAnswer(where, 'not of its API');
  if (data['resultType'] !== 'vector' || !Array.isArray(data['result'])) throw badAnswer(where, 'no instant vector');
  if (isPartial(answer['warnings'])) {
    throw new PrometheusError('BadAnswer', `${where} answered in part only: some of its stores could not be asked`);
  }
  return data['result']
    .map((element: unknown) => seriesOf(element, where))
    .filter(({ value }) => Number.isFinite(value));
}

/** Remarks on the query itself are no loss; any other warning (Thanos: a store is away) means that data is missing. */
function isPartial(warnings: unknown): boolean {
  return Array.isArray(warnings) && warnings.some(text => typeof text !== 'string' || !text.startsWith('PromQL '));
}

function seriesOf(element: unknown, where: string): Series {
  const labels = isRecord(element) ? element['metric'] : undefined;
  const sample = isRecord(element) ? element['value'] : undefined;
  const text: unknown = Array.isArray(sample) && sample.length === 2 ? sample[1] : undefined;
  if (!isLabels(labels) || typeof text !== 'string') throw badAnswer(where, 'damaged');
  return { labels, value: text.trim() === '' ? Number.NaN : Number(text) };
}

function isLabels(labels: unknown): labels is Record<string, string> {
  return isRecord(labels) && Object.values(labels).every(value => typeof value === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
