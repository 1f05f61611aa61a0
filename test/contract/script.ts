/** What a contract case does to a server, and the trace of answers that it leaves. */
import type { KubeRequest, KubeResponse, Transport } from '../../src/cluster/transport.ts';
import { waitFor } from '../bed/waiting.ts';
import { normalise, Symbols } from './normalise.ts';

export interface Step {
  /** The request, or a sentence about a fact. */
  do: string;
  status?: number;
  answer?: unknown;
}

export type Query = Record<string, string | undefined>;

/** An object as an answer brings it, for reading on. */
export interface Answered {
  status: number;
  body: {
    metadata: { name: string; uid: string; resourceVersion: string; generation?: number; continue?: string };
    items?: Answered['body'][];
    [field: string]: unknown;
  };
}

/** What one watch brought. */
export interface WatchEvent {
  type: string;
  object: Answered['body'];
}

export type Case = (script: Script) => Promise<void>;

const WATCH_DEADLINE_MS = 10_000;

export class Script {
  /** A namespace of this case alone. */
  readonly namespace: string;
  readonly trace: Step[] = [];
  readonly #transport: Transport;
  readonly #symbols = new Symbols();

  constructor(transport: Transport, namespace: string) {
    this.#transport = transport;
    this.namespace = namespace;
  }

  get(path: string, query?: Query, accept?: string): Promise<Answered> {
    return this.#record({ method: 'GET', path, ...optional({ query, accept }) });
  }

  create(path: string, body: unknown, query?: Query): Promise<Answered> {
    return this.#record({ method: 'POST', path, body, ...optional({ query }) });
  }

  replace(path: string, body: unknown, query?: Query): Promise<Answered> {
    return this.#record({ method: 'PUT', path, body, ...optional({ query }) });
  }

  merge(path: string, body: unknown, query?: Query): Promise<Answered> {
    return this.patch(path, body, 'application/merge-patch+json', query);
  }

  patch(path: string, body: unknown, contentType: string, query?: Query): Promise<Answered> {
    return this.#record({ method: 'PATCH', path, body, contentType, ...optional({ query }) });
  }

  remove(path: string, body?: unknown, query?: Query): Promise<Answered> {
    return this.#record({ method: 'DELETE', path, ...optional({ body, query }) });
  }

  /** A fact that is computed from answers, not itself an answer. */
  note(fact: string, value: unknown): void {
    this.trace.push({ do: fact, answer: value });
  }

  /** A request that leaves no trace: preparation, or looking until something has happened. */
  async quietly(request: KubeRequest): Promise<Answered> {
    return (await this.#transport.call(request)) as Answered;
  }

  /** Opens a watch and reads until `count` events are there or the server ends it; other than 200 is one answer. */
  async watch(path: string, query: Query, count: number, accept?: string): Promise<WatchEvent[]> {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(WATCH_DEADLINE_MS)]);
    const step: Step = { do: `WATCH ${path}${text(query)}` };
    this.trace.push(step);
    const request: KubeRequest = { method: 'GET', path, query: { ...query, watch: 'true' }, signal };
    const stream = await this.#transport.stream({ ...request, ...optional({ accept }) });
    const events: WatchEvent[] = [];
    step.status = stream.status;
    if (count > 0) {
      for await (const line of stream.lines) {
        events.push(JSON.parse(line) as WatchEvent);
        if (events.length >= count) break;
      }
    }
    stop.abort();
    step.answer = events.map(event => normalise(event, this.#symbols));
    return events;
  }

  /** All events of a watch that the server ends by itself, `meanwhile` once it is open; leaves no trace. */
  async quietWatch(path: string, query: Query, meanwhile?: () => Promise<void>): Promise<WatchEvent[]> {
    const signal = AbortSignal.timeout(WATCH_DEADLINE_MS);
    const stream = await this.#transport.stream({ method: 'GET', path, query: { ...query, watch: 'true' }, signal });
    await meanwhile?.();
    const events: WatchEvent[] = [];
    for await (const line of stream.lines) events.push(JSON.parse(line) as WatchEvent);
    return events;
  }

  /** Looks until the answer is as wanted; leaves no trace. True, or an error when time is over. */
  async until(path: string, wanted: (answer: Answered) => boolean): Promise<true> {
    const looks = async () => wanted(await this.quietly({ method: 'GET', path }));
    return waitFor(async () => (await looks()) || undefined, `the wanted answer to GET ${path}`, 20_000);
  }

  async #record(request: KubeRequest): Promise<Answered> {
    const answer = await this.#transport.call(request);
    this.trace.push({
      do: `${request.method} ${request.path}${text(request.query ?? {})}`,
      status: answer.status,
      answer: normalise(answer.body, this.#symbols),
    });
    return answer as KubeResponse & Answered;
  }
}

function optional<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** The query for the trace; versions and page tokens are another server's own. */
function text(query: Query): string {
  const parts = Object.entries(query).map(([key, value]) => {
    const own = key === 'continue' || (key === 'resourceVersion' && value !== '0' && value !== '1');
    return `${key}=${own ? `<${key}>` : value}`;
  });
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
