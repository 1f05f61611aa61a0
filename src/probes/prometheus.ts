/** Asks Prometheus, or whatever speaks its HTTP API, for instant vectors. */
import { isRecord } from '../api/record.ts';
import type { Series } from './probe.ts';
import { parseJson, Remote, RemoteError, type RemoteOptions } from './remote.ts';

export {
  RemoteError as PrometheusError,
  type RemoteFault as PrometheusFault,
  type RemoteOptions as PrometheusOptions,
} from './remote.ts';

/** Of Prometheus' API; any other word is not repeated. */
const ERROR_TYPES = new Set(['bad_data', 'timeout', 'canceled', 'execution', 'internal', 'unavailable', 'not_found']);

export class Prometheus {
  readonly #remote: Remote;

  /** Throws RangeError when the address is none. */
  constructor(options: RemoteOptions) {
    const about = {
      name: 'Prometheus',
      path: '/api/v1/query',
      late: 'it is overloaded, or the window of the probe is too long for it',
      smaller: 'make the step smaller (maxConcurrent)',
    };
    this.#remote = new Remote(about, options);
  }

  /** Runs an instant query at `time` (ms since the epoch). A scalar becomes an element without labels. */
  async query(promql: string, time: number, signal: AbortSignal): Promise<Series[]> {
    // a form: the names of a large step do not fit into an address
    const form = new URLSearchParams({ query: promql, time: (time / 1000).toFixed(3) });
    return parseVector(await this.#remote.ask({ method: 'POST', form, detail: errorTypeOf }, signal), this.#remote);
  }

  async close(): Promise<void> {
    await this.#remote.close();
  }
}

function errorTypeOf(body: string): string {
  const answer = parseJson(body);
  const type = isRecord(answer) ? answer['errorType'] : undefined;
  return typeof type === 'string' && ERROR_TYPES.has(type) ? ` (${type})` : '';
}

function parseVector(body: string, remote: Remote): Series[] {
  const answer = parseJson(body);
  const data = isRecord(answer) && answer['status'] === 'success' ? answer['data'] : undefined;
  if (!isRecord(answer) || !isRecord(data)) throw remote.badAnswer('not of its API');
  if (isPartial(answer['warnings'])) {
    const message = `${remote.where} answered in part only: some of its stores could not be asked`;
    throw new RemoteError('BadAnswer', message);
  }
  const { resultType, result } = data;
  if (resultType === 'scalar') return [seriesOf({ metric: {}, value: result }, remote)];
  if (resultType !== 'vector' || !Array.isArray(result)) throw remote.badAnswer('no instant vector');
  return result.map((element: unknown) => seriesOf(element, remote));
}

/** Remarks on the query itself are no loss; any other warning (Thanos: a store is away) means that data is missing. */
function isPartial(warnings: unknown): boolean {
  return Array.isArray(warnings) && warnings.some(text => typeof text !== 'string' || !text.startsWith('PromQL '));
}

function seriesOf(element: unknown, remote: Remote): Series {
  const labels = isRecord(element) ? element['metric'] : undefined;
  const sample = isRecord(element) ? element['value'] : undefined;
  const text: unknown = Array.isArray(sample) && sample.length === 2 ? sample[1] : undefined;
  if (!isLabels(labels) || typeof text !== 'string') throw remote.badAnswer('damaged');
  return { labels, value: numberOf(text) };
}

/** Go writes infinity as `+Inf`. */
function numberOf(text: string): number {
  if (/^[+-]?Inf$/.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return text.trim() === '' ? Number.NaN : Number(text);
}

export function isLabels(labels: unknown): labels is Record<string, string> {
  return isRecord(labels) && Object.values(labels).every(value => typeof value === 'string');
}
