/**
 * Plaintext connections that STRICT refused. No default metric counts them; a counter of the sidecar's listener does
 * where the mesh exports it, and ztunnel always does.
 *
 * While STRICT spreads, the operator's own hellos stand in the same counter: a port that is still PERMISSIVE has no
 * filter chain for them either. So nothing from before STRICT was seen in force is ever counted. From then on a hello
 * meets a filter chain for TLS and is counted elsewhere, as one that showed no certificate.
 */
import { formatDuration, parseDuration } from '../api/duration.ts';
import type { ProbeSpec } from '../api/schema.ts';
import { countOf, firstFew, observe, type Finding, noData, noPods, SEEN } from './observation.ts';
import type { Look, Probe, Sight } from './probe.ts';
import { isTooShort } from './promql.ts';
import { COUNTER, readRefusals, type RefusalSpan, type Refusals, type Refused } from './refusals.ts';
import { governedScopes, type ScopePods } from './scopePods.ts';

export type RefusedOptions = NonNullable<ProbeSpec['refusedConnections']>;

/**
 * The clocks of the operator and of Prometheus differ a little: a reading that is dated after the last hello to a
 * PERMISSIVE port must also have been made after it.
 */
const CLOCK_SKEW_MS = 1_000;

export function refusedConnections(name: string, options: RefusedOptions, sight: Sight): Probe {
  return {
    name,
    rounds: ['Soak'],
    observe: look =>
      observe(name, look, async () => {
        const scopes = await governedScopes(look);
        return scopes.length === 0 ? NOTHING_IN_SCOPE : findRefusals(look, scopes, options, sight, readRefusals);
      }),
  };
}

/** Looks at scopes in which somebody may refuse something, with one way of reading who did. */
export async function findRefusals(
  look: Look,
  scopes: readonly ScopePods[],
  options: RefusedOptions,
  sight: Sight,
  read: (span: RefusalSpan) => Promise<Refusals>,
): Promise<Finding> {
  const full = parseDuration(options.window);
  const windowMs = Math.min(full, look.now - (look.inForceAt ?? look.changedAt ?? look.now) - CLOCK_SKEW_MS);
  if (isTooShort(windowMs, full)) return TOO_SOON;
  const refusals = await read({ sight, scopes, windowMs, until: look.now, signal: look.signal });
  return judgeRefusals(refusals, options.maxConnections, windowMs);
}

/** More than the limit is too much even where others do not count: what they would add only makes it more. */
export function judgeRefusals(refusals: Refusals, maxConnections: number, windowMs: number): Finding {
  const { refused, counted, pods } = refusals;
  const seen = refused.filter(entry => entry.connections >= SEEN).sort((a, b) => b.connections - a.connections);
  const total = Math.round(seen.reduce((sum, entry) => sum + entry.connections, 0));
  const value = `${total} refused, ${counted}/${pods} pods count`;
  const over = `in the last ${formatDuration(windowMs)}`;
  if (total > maxConnections) {
    const message = `refused ${over}: ${firstFew(seen.map(sentence))}; ${advice(seen)}`;
    return { verdict: 'Unhealthy', value, samples: counted, message };
  }
  const blind = blindSpots(refusals, over);
  if (blind.length > 0) return { verdict: 'NoData', value, samples: counted, message: blind.join('; ') };
  const message = healthy(total, maxConnections, `${over}, counted at ${countOf(counted, 'pod')}`);
  return { verdict: 'Healthy', value, samples: counted, message };
}

function healthy(total: number, maxConnections: number, where: string): string {
  if (total === 0) return `no plaintext connection was refused ${where}`;
  return `${countOf(total, 'plaintext connection')} refused ${where}; ${maxConnections} are allowed (maxConnections)`;
}

function sentence({ namespace, workload, source, connections }: Refused): string {
  const from = source ?? 'unknown sources';
  return `${countOf(connections, 'plaintext connection')} from ${from} to ${namespace}/${workload}`;
}

function advice(seen: readonly Refused[]): string {
  const unknown = (by: Refused['by']) => seen.some(entry => entry.by === by && entry.source === undefined);
  const places = [
    ...(unknown('Sidecar') ? ['"NR filter_chain_not_found" in the access logs of the receiving proxies'] : []),
    ...(unknown('Ztunnel') ? ['"policy rejection" in the log of ztunnel'] : []),
  ];
  return places.length > 0
    ? `the addresses of unknown sources stand in the lines with ${places.join(' and with ')}`
    : 'put these clients into the mesh, or keep their targets out of the step';
}

/** Where refusals would not be counted, and what to do about it. */
function blindSpots({ silent, unread, uncounted, pods }: Refusals, over: string): string[] {
  const some = (names: readonly string[]) => `${names.length} of ${countOf(pods, 'pod')} (${firstFew(names, 1)})`;
  const found: [readonly string[], () => string][] = [
    [silent, () => `the sidecars of ${some(silent)} do not export ${COUNTER}: ${EXPORT_IT}`],
    [unread, () => `too soon: the counters of ${some(unread)} were not read twice ${over}; ${WAIT}`],
    [uncounted, () => `no ztunnel is heard counting connections of ${firstFew(uncounted)}: ${SCRAPE_ZTUNNEL}`],
  ];
  return found.filter(([where]) => where.length > 0).map(([, text]) => text());
}

const EXPORT_IT =
  "add listener.0.0.0.0_15006.no_filter_chain_match to the mesh's proxyStatsMatcher.inclusionRegexps (or to the pods' " +
  'annotation sidecar.istio.io/statsInclusionRegexps) and restart the pods; where they do export it, check that ' +
  'Prometheus scrapes them, with the labels namespace and pod';

const WAIT = 'the next rounds will tell, unless the window is shorter than two scrape intervals';

const SCRAPE_ZTUNNEL = 'check that Prometheus scrapes ztunnel, and whether anybody calls the scope';

const NOTHING_IN_SCOPE = noPods('no pods in the mesh in scope: nothing that could refuse');

const TOO_SOON = noData('too soon after the change to read any counter twice; the next rounds will');
