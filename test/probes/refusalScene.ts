/** Counters of refused connections as the tests want them, and the probe that reads them. */
import assert from 'node:assert/strict';
import type { Pod } from '../../src/istio/objects.ts';
import type { Series } from '../../src/probes/probe.ts';
import { refusedConnections } from '../../src/probes/refusedConnections.ts';
import { look, metrics, MINUTE, NOW, pod } from './scene.ts';

export interface Mesh {
  /** Refused connections by pod, `namespace/name`; undefined where Prometheus read the counter only once. */
  sidecars?: Record<string, number | undefined>;
  /** What ztunnel denied, in each of its two counters. */
  failed?: Series[];
  closed?: Series[];
  /** Connections that were opened at all, received and sent. */
  opened?: Series[];
  sent?: Series[];
}

function ofPod(name: string, value: number): Series {
  const [namespace, own] = name.split('/');
  return { labels: { namespace: namespace!, pod: own! }, value };
}

/** Metrics of the mesh by counter, and by whether it is asked for its presence or for what it grew by. */
export function mesh(given: Mesh) {
  return metrics(query => {
    const isPresence = query.startsWith('count by ');
    if (query.includes('envoy_listener_no_filter_chain_match')) {
      assert.match(query, /listener_address="0\.0\.0\.0_15006"/);
      return Object.entries(given.sidecars ?? {}).flatMap(([name, n]) =>
        isPresence ? [ofPod(name, 1)] : n === undefined ? [] : [ofPod(name, n)],
      );
    }
    if (query.includes('reporter="source"')) return given.sent ?? [];
    assert.match(query, /reporter="destination"/);
    if (!isPresence) assert.match(query, /response_flags="DENY",connection_security_policy!="mutual_tls"/);
    if (query.includes('istio_tcp_connections_failed_total')) return given.failed ?? [];
    if (query.includes('istio_tcp_connections_closed_total')) return given.closed ?? [];
    assert.match(query, /^count by .*istio_tcp_connections_opened_total/);
    return given.opened ?? [];
  });
}

export const probe = (sight: ReturnType<typeof mesh>, options: object = {}) =>
  refusedConnections('refused', { window: '2m', maxConnections: 0, ...options }, sight);
export const soak = (pods: Pod[], given: object = {}) => look(pods, { changedAt: NOW - 10 * MINUTE, ...given });
export const verdictOf = async (given: Mesh, pods: Pod[]) => (await probe(mesh(given)).observe(soak(pods))).verdict;
export const redis = pod({ name: 'redis-0' });
export const ambient = pod({ name: 'redis-0', mesh: 'Ambient' });
