/**
 * `plaintextTraffic` with source Shadow: what an AuthorizationPolicy in dry run counts, for every port and in every
 * sidecar, whatever the mesh's telemetry is set to. It counts from the time on at which the policy is in every proxy.
 */
import { formatDuration, parseDuration } from '../api/duration.ts';
import { countOf, firstFew, observe, type Finding, noData, SEEN } from './observation.ts';
import { NOTHING_IN_SCOPE, type PlaintextOptions } from './plaintextTraffic.ts';
import type { Look, Probe, Sight } from './probe.ts';
import { isTooShort } from './promql.ts';
import { governedScopes, type ScopePods } from './scopePods.ts';
import { readShadowCounts, type ShadowCount, type ShadowCounts } from './shadowCounts.ts';
import { workloadOf } from './workloadNames.ts';

export function shadowTraffic(name: string, options: PlaintextOptions, sight: Sight): Probe {
  return { name, rounds: ['Entry'], observe: look => observe(name, look, () => find(look, options, sight)) };
}

async function find(look: Look, options: PlaintextOptions, sight: Sight): Promise<Finding> {
  const scopes = await governedScopes(look);
  if (scopes.length === 0) return NOTHING_IN_SCOPE;
  const since = scopes.map(({ key }) => look.countedSince?.get(key));
  const [uncounted] = scopes.filter(({ key }) => !look.countedSince?.has(key));
  if (uncounted) return notCounted(uncounted);
  const begun = Math.max(...since.map(time => time ?? 0));
  const fullMs = parseDuration(options.window);
  const windowMs = Math.min(fullMs, look.now - begun);
  if (isTooShort(windowMs, fullMs)) return TOO_SOON;
  const counts = await readShadowCounts({ sight, scopes, windowMs, until: look.now, signal: look.signal });
  return judgeShadows(attributed(scopes, counts, look), { minimum: options.minRequests, windowMs, fullMs });
}

/** What the sidecars of one scope counted. */
interface CountedScope {
  key: string;
  /** Requests and connections, plaintext or not. */
  all: number;
  /** Plaintext to what goes STRICT, by workload and port. */
  bad: readonly Plaintext[];
  /** Plaintext that may have come to ports that stay open. */
  open: number;
  /** Ready pods, and those of them that export no counter. */
  pods: number;
  silent: readonly string[];
}

interface Plaintext {
  /** `port 8080 of cart/web`, `TCP ports of cart/redis`. */
  where: string;
  what: 'request' | 'connection';
  count: number;
}

function attributed(scopes: readonly ScopePods[], { counts, exporting }: ShadowCounts, look: Look): CountedScope[] {
  return scopes.map(({ key, scope, governed }) => {
    const byName = new Map(governed.map(pod => [`${pod.namespace}/${pod.name}`, pod]));
    const ready = governed.filter(pod => pod.ready);
    const bad = new Map<string, Plaintext>();
    let [all, open] = [0, 0];
    for (const count of counts) {
      const pod = byName.get(`${count.namespace}/${count.pod}`);
      if (!pod) continue;
      all += count.all;
      const exempt = look.exempt(scope, pod);
      const stays = exempt.length > 0 && (count.port === undefined || exempt === 'All' || exempt.includes(count.port));
      if (stays) open += count.plaintext;
      else if (count.plaintext > 0) add(bad, count, `${count.namespace}/${workloadOf(pod)}`);
    }
    const silent = ready.map(pod => `${pod.namespace}/${pod.name}`).filter(name => !exporting.has(name));
    return { key, all, bad: [...bad.values()], open, pods: ready.length, silent };
  });
}

function add(found: Map<string, Plaintext>, { port, protocol, plaintext }: ShadowCount, workload: string): void {
  const place = port === undefined ? (protocol === 'Tcp' ? 'TCP ports' : 'undeclared ports') : `port ${port}`;
  const where = `${place} of ${workload}`;
  const entry = found.get(where) ?? { where, what: protocol === 'Tcp' ? 'connection' : 'request', count: 0 };
  entry.count += plaintext;
  found.set(where, entry);
}

/** Every scope needs its own evidence, from each of its pods, and for the whole window. */
function judgeShadows(
  scopes: readonly CountedScope[],
  { minimum, windowMs, fullMs }: { minimum: number; windowMs: number; fullMs: number },
): Finding {
  const bad = scopes.flatMap(scope => scope.bad.filter(({ count }) => count >= SEEN));
  const plaintext = Math.round(bad.reduce((sum, { count }) => sum + count, 0));
  const samples = Math.round(scopes.reduce((sum, { all }) => sum + all, 0));
  const value = `${plaintext} plaintext of ${samples}`;
  const over = `in the last ${formatDuration(windowMs)}`;
  const open = Math.round(scopes.reduce((sum, scope) => sum + scope.open, 0));
  const note = open > 0 ? `; plaintext that may be meant for ports that stay open is not judged (${open})` : '';
  const finding = (verdict: Finding['verdict'], message: string): Finding => ({
    verdict,
    value,
    samples,
    message: `${message}${note}`,
  });
  if (bad.length > 0) {
    const worst = bad.toSorted((a, b) => b.count - a.count);
    const named = worst.map(({ where, what, count }) => `${countOf(count, what)} to ${where}`);
    return finding('Unhealthy', `${firstFew(named)} without mutual TLS ${over}; ${WHO}`);
  }
  const doubt = silence(scopes) ?? early(windowMs, fullMs) ?? thin(scopes, minimum, over);
  if (doubt) return finding('NoData', doubt);
  return finding('Healthy', `none of ${samples} requests and connections ${over} came without mutual TLS`);
}

function silence(scopes: readonly CountedScope[]): string | undefined {
  const silent = scopes.flatMap(scope => scope.silent);
  if (silent.length === 0) return undefined;
  const pods = scopes.reduce((sum, scope) => sum + scope.pods, 0);
  return `the sidecars of ${silent.length} of ${countOf(pods, 'pod')} (${firstFew(silent, 1)}) do not export envoy_http_rbac or envoy_tcp with authz_dry_run_action="deny": check that Prometheus scrapes them, with the labels namespace and pod, and that they are of Istio 1.23 or newer`;
}

/** Entry evidence is about the whole window: what comes once a day must have had its day. */
function early(windowMs: number, fullMs: number): string | undefined {
  if (windowMs >= fullMs) return undefined;
  return `no plaintext yet; counted for ${formatDuration(windowMs)} of ${formatDuration(fullMs)} (window), and before that nobody counted`;
}

function thin(scopes: readonly CountedScope[], minimum: number, over: string): string | undefined {
  const few = scopes.filter(({ all }) => all < minimum - SEEN);
  if (few.length === 0) return undefined;
  const named = few.map(({ key, all }) => `${Math.round(all)} to ${key}`);
  return `too few requests and connections ${over}: ${firstFew(named)}; ${minimum} each are needed (minRequests)`;
}

function notCounted({ key, scope }: ScopePods): Finding {
  const why =
    scope.kind === 'Mesh'
      ? 'a policy for the whole mesh would cut connections everywhere; use source Metrics for the mesh'
      : 'its AuthorizationPolicy in dry run is not there';
  return noData(`nobody counts plaintext to ${key}: ${why}`);
}

const WHO =
  'the access logs of the receiving proxies name their addresses; put these clients into the mesh, or keep their targets out of the step';

const TOO_SOON = noData('plaintext is counted since a moment ago; the next rounds will tell');
