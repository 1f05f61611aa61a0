/** Counters that know both workloads of a call, as those of Istio's telemetry do under whatever names. */
import { destinations, endOf, isCount, sourceOf, within } from './matchers.ts';
import type { Naming } from './naming.ts';
import type { Series } from './probe.ts';
import * as promql from './promql.ts';
import type { Label, Matcher } from './promql.ts';
import { ask, type Counters, type Flow, keepScopes, type Span, type Traffic } from './traffic.ts';

export function workloadCounters(naming: Naming): Counters {
  const { received, sent, plaintext, timing } = naming;
  const inbound = (span: Span) => [...received.only, ...destinations(span.scopes, naming.destination)];
  const ends = { by: [...naming.source, ...naming.destination], named: named(naming) };
  const targets = { ...ends, by: naming.destination };
  return {
    timing,
    plaintext: (span, withNew) =>
      traffic(naming, span, [...inbound(span), plaintext], ends, withNew && naming.beginsUnseen),
    volume: span => traffic(naming, span, inbound(span), targets),
    sent: async span => {
      const matchers = [...sent.only, ...within(span.scopes, 'source_workload_namespace')];
      const queries = [sent.requests, sent.opened].map(metric =>
        promql.increase(metric, matchers, naming.source, span.windowMs),
      );
      return keepScopes(span.scopes, (await all(span, queries)).filter(isCount).map(named(naming)).map(senderOf));
    },
    areThere: async span => {
      const queries = [received.requests, received.opened].map(metric => promql.presence(metric, received.only));
      return (await all(span, queries)).some(({ value }) => value > 0);
    },
    read: span => naming.read(span),
    bySource: async span => {
      const [flows, bytes] = await Promise.all([
        traffic(naming, span, inbound(span), ends),
        all(
          span,
          received.bytes.map(metric => promql.increase(metric, inbound(span), ends.by, span.windowMs)),
        ),
      ]);
      return withBytes(flows, bytes.filter(isCount).map(named(naming)));
    },
    readings: async span => {
      const queries = [received.requests, received.opened].map(metric =>
        promql.readings(metric, inbound(span), span.windowMs),
      );
      return Math.max(0, ...(await all(span, queries)).map(({ value }) => value));
    },
  };
}

async function all(span: Span, queries: readonly string[]): Promise<Series[]> {
  return (await Promise.all(queries.map(query => ask(span, query)))).flat();
}

/** The labels of a series under Istio's names. */
function named({ source, destination }: Naming): (series: Series) => Series {
  return ({ labels, value }) => ({
    value,
    labels: {
      ...labels,
      source_workload: labels[source[1]] ?? '',
      destination_workload: labels[destination[1]] ?? '',
    },
  });
}

function senderOf({ labels, value }: Series): Traffic {
  return {
    namespace: labels['source_workload_namespace'] ?? '',
    workload: labels['source_workload'] ?? '',
    source: undefined,
    requests: value,
    connections: 0,
  };
}

async function traffic(
  { received, tcp }: Naming,
  span: Span,
  matchers: readonly Matcher[],
  { by, named: rename }: { by: readonly Label[]; named: (series: Series) => Series },
  withNew = false,
): Promise<Traffic[]> {
  const count = withNew ? promql.increaseWithNew : promql.increase;
  const [requests, connections] = await Promise.all([
    ask(span, count(received.requests, matchers, by, span.windowMs)),
    ask(span, promql.connections(tcp, matchers, by, span.windowMs, { withNew })),
  ]);
  const found = new Map<string, Traffic>();
  for (const [kind, series] of [
    ['requests', requests],
    ['connections', connections],
  ] as const) {
    for (const each of series.filter(isCount).map(rename)) {
      const target = endOf(each, 'destination');
      if (!target) continue;
      const source = sourceOf(each);
      const key = keyOf(source, target);
      const entry = found.get(key) ?? { ...target, source, requests: 0, connections: 0 };
      entry[kind] += each.value;
      found.set(key, entry);
    }
  }
  return keepScopes(span.scopes, [...found.values()]);
}

function withBytes(flows: readonly Traffic[], bytes: readonly Series[]): Flow[] {
  const carried = new Map<string, number>();
  for (const each of bytes) {
    const key = keyOf(sourceOf(each), endOf(each, 'destination'));
    carried.set(key, (carried.get(key) ?? 0) + each.value);
  }
  return flows.map(entry => ({ ...entry, bytes: carried.get(keyOf(entry.source, entry)) ?? 0 }));
}

function keyOf(source: string | undefined, target: { namespace: string; workload: string } | undefined): string {
  return JSON.stringify([source, target?.namespace, target?.workload]);
}
