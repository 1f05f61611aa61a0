/** Pods, looks and answers for the tests of probes. */
import type { Pod } from '../../src/istio/objects.ts';
import type { ClusterSight, Look, Series, Sight } from '../../src/probes/probe.ts';
import type { Scope } from '../../src/rollout/scope.ts';

export const NOW = Date.parse('2026-11-22T10:00:00Z');
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

export const cart: Scope = { kind: 'Namespace', namespace: 'cart' };
export const shop: Scope = { kind: 'Namespace', namespace: 'shop' };

export function pod(given: Partial<Pod> = {}): Pod {
  const name = given.name ?? 'cartservice-0';
  return {
    namespace: 'cart',
    name,
    uid: `${given.namespace ?? 'cart'}/${name}`,
    ip: '10.0.0.1',
    labels: {},
    created: NOW - 24 * HOUR,
    mesh: 'Sidecar',
    gateway: false,
    ready: true,
    readySince: NOW - 24 * HOUR,
    restarts: 0,
    restartedAt: undefined,
    ports: [8080],
    namedPorts: {},
    finished: false,
    ...given,
  };
}

/** A look at scopes with these pods; an entry round unless `changedAt` or `round` says otherwise. */
export function look(pods: Pod[], given: Partial<Look> = {}): Look {
  return {
    round: given.changedAt === undefined ? 'Entry' : 'Soak',
    scopes: [cart],
    now: NOW,
    startedAt: NOW - HOUR,
    changedAt: undefined,
    inForceAt: undefined,
    pods: scope =>
      Promise.resolve(pods.filter(({ namespace }) => scope.kind === 'Mesh' || namespace === scope.namespace)),
    exempt: () => [],
    timeoutMs: 30_000,
    turn: 'first',
    signal: AbortSignal.timeout(30_000),
    ...given,
  };
}

/** An API server that nobody may ask. */
const unasked = () => Promise.reject(new Error('no question to the API server expected'));
export const blindCluster: ClusterSight = {
  service: unasked,
  called: unasked,
  jobs: { find: unasked, template: unasked, start: unasked, remove: unasked, wait: unasked },
};

export interface Asked {
  query: string;
  time: number;
}

/** Metrics that answer each query with what `answer` gives, and remember what was asked. */
export function metrics(answer: (query: string, time: number) => Series[] | Error): Sight & { asked: Asked[] } {
  const asked: Asked[] = [];
  return {
    asked,
    query: (query, time) => {
      asked.push({ query, time });
      const given = answer(query, time);
      return given instanceof Error ? Promise.reject(given) : Promise.resolve(given);
    },
    hello: () => Promise.reject(new Error('no hello expected')),
    call: () => Promise.reject(new Error('no request expected')),
  };
}

export function edge(source: string | undefined, target: string, value: number): Series {
  const [from, client] = source?.split('/') ?? ['unknown', 'unknown'];
  const [to, server] = target.split('/');
  return {
    labels: {
      source_workload_namespace: from!,
      source_workload: client!,
      destination_workload_namespace: to!,
      destination_workload: server!,
    },
    value,
  };
}
