/** An API that the API server fetches from a Service, and whether it says that it can. */
import { countOf, fieldsOf, listOf, textOf, timeOf } from '../fields.ts';

export interface AggregatedApi {
  /** `v1.example.com`. */
  name: string;
  service: { namespace: string; name: string; port: number };
  /** Undefined: not known yet. */
  available: boolean | undefined;
  /** When that changed last, in ms since the epoch; 0 where nothing says so. */
  since: number;
  /** What the API server says about it. */
  message: string;
}

/** Undefined for an API that the API server serves by itself. */
export function aggregatedApi(raw: unknown): AggregatedApi | undefined {
  const { metadata, spec, status } = fieldsOf(raw);
  const { service } = fieldsOf(spec);
  if (service === undefined || service === null) return undefined;
  const { namespace, name, port } = fieldsOf(service);
  const condition = listOf(fieldsOf(status)['conditions']).find(({ type }) => type === 'Available') ?? {};
  const said = condition['status'];
  return {
    name: textOf(fieldsOf(metadata)['name']),
    service: { namespace: textOf(namespace), name: textOf(name), port: countOf(port) || 443 },
    available: said === 'True' ? true : said === 'False' ? false : undefined,
    since: timeOf(condition['lastTransitionTime']) ?? 0,
    message: textOf(condition['message']),
  };
}
