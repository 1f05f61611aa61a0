/** Raw counters of Envoy's inbound listener: connections by pod, and nothing about where they came from. */
import { USUAL_SCRAPE_MS } from '../rollout/soak.ts';
import { inbound, INBOUND, isCount, POD } from './matchers.ts';
import * as promql from './promql.ts';
import { ask, type Counters, keepScopes, type Span, type Traffic } from './traffic.ts';
import { workloadOfPodName } from './workloadNames.ts';

export const ENVOY: Counters = {
  timing: { readEveryMs: USUAL_SCRAPE_MS, delayMs: 0, graceMs: promql.HANDSHAKE_GRACE_MS },
  plaintext: (span, withNew) =>
    byWorkload(span, promql.unencryptedConnections(inbound(span.scopes), POD, span.windowMs, { inWhole: !withNew })),
  volume: span => byWorkload(span, promql.judgeableConnections(inbound(span.scopes), POD, span.windowMs)),
  sent: () => Promise.resolve([]),
  areThere: async span =>
    (await ask(span, promql.presence('envoy_listener_ssl_handshake', [INBOUND]))).some(({ value }) => value > 0),
  read: async span => {
    const query = promql.presence('envoy_listener_ssl_handshake', inbound(span.scopes), POD);
    return new Set((await ask(span, query)).map(({ labels }) => `${labels['namespace']}/${labels['pod']}`));
  },
  bySource: async span => {
    const opened = promql.increase('envoy_listener_downstream_cx_total', inbound(span.scopes), POD, span.windowMs);
    return (await byWorkload(span, opened)).map(entry => ({ ...entry, bytes: 0 }));
  },
  readings: async span => {
    const query = promql.readings('envoy_listener_downstream_cx_total', inbound(span.scopes), span.windowMs);
    return Math.max(0, ...(await ask(span, query)).map(({ value }) => value));
  },
};

/** Pods of one workload are added up, so that a replaced pod is not a loss. */
async function byWorkload(span: Span, query: string): Promise<Traffic[]> {
  const found = new Map<string, Traffic>();
  for (const { labels, value } of (await ask(span, query)).filter(isCount)) {
    const { namespace, pod } = labels;
    if (!namespace || !pod) continue;
    const workload = workloadOfPodName(pod);
    const key = `${namespace}/${workload}`;
    const entry = found.get(key) ?? { namespace, workload, source: undefined, requests: 0, connections: 0 };
    entry.connections += value;
    found.set(key, entry);
  }
  return keepScopes(span.scopes, [...found.values()]);
}
