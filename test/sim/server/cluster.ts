/** An embedded cluster on a clock that stands still, and short words for what the tests ask of it. */
import type { KubeRequest, Transport } from '../../../src/cluster/transport.ts';
import { VirtualClock } from '../../../src/sim/clock.ts';
import { EmbeddedCluster, type EmbeddedClusterOptions } from '../../../src/sim/server/server.ts';

const START = Date.parse('2026-11-02T08:00:00Z');
export const WIDGETS = '/apis/example.com/v1/namespaces/shop/widgets';
export const MERGE = 'application/merge-patch+json';
export const APPLY = 'application/apply-patch+yaml';

/** What a test reads of an answer's body. */
export interface Body {
  kind: string;
  message?: string;
  reason?: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    resourceVersion: string;
    generation: number;
    labels?: Record<string, string>;
    continue?: string;
    remainingItemCount?: number;
    deletionTimestamp?: string;
    finalizers?: string[];
    managedFields?: { manager: string; operation: string; fieldsV1: object }[];
  };
  spec: Record<string, unknown>;
  status: unknown;
  details?: { causes: { field: string; message: string; reason: string }[] };
  items: Body[];
  rows: { cells: unknown[] }[];
  columnDefinitions: { name: string; priority: number }[];
}

export function widgetDefinition(spec: object): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Widget', plural: 'widgets', shortNames: ['wd'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          },
        },
      ],
    },
  };
}

const ANY_SPEC = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

export interface Bench {
  cluster: EmbeddedCluster;
  clock: VirtualClock;
  transport: Transport;
  ask: (method: KubeRequest['method'], path: string, body?: unknown, more?: Partial<KubeRequest>) => Promise<Answered>;
}

interface Answered {
  status: number;
  headers: Record<string, string>;
  body: Body;
}

/** A cluster with namespace `shop` and a `Widget` kind whose spec takes anything, unless a schema is given. */
export function bench(options: Partial<EmbeddedClusterOptions> = {}, spec: object = ANY_SPEC): Bench {
  const clock = new VirtualClock(START);
  const cluster = new EmbeddedCluster({ clock, crds: [widgetDefinition(spec)], ...options });
  cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
  const transport = cluster.transport();
  return {
    cluster,
    clock,
    transport,
    ask: async (method, path, body, more) => {
      const answer = await transport.call({ method, path, ...(body !== undefined && { body }), ...more });
      return answer as Answered;
    },
  };
}

export function widget(name: string, spec: object = {}, metadata: object = {}): object {
  return { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name, ...metadata }, spec };
}

interface WatchEvent {
  type: string;
  object: Body;
}

/** Reads events as they come; `events` grows, `ended` settles with the stream. */
export async function watch(
  transport: Transport,
  path: string,
  query: KubeRequest['query'] = {},
  signal?: AbortSignal,
) {
  const events: WatchEvent[] = [];
  const stream = await transport.stream({
    method: 'GET',
    path,
    query: { watch: 'true', ...query },
    ...(signal && { signal }),
  });
  const ended = (async () => {
    for await (const line of stream.lines) events.push(JSON.parse(line) as WatchEvent);
  })();
  return { events, ended, status: stream.status };
}
