/**
 * DestinationRules of one namespace by host, merged where they name the same one. Source of the rules:
 * `mergeDestinationRule` in istio's `destination_rule.go`, with ENABLE_ENHANCED_DESTINATIONRULE_MERGE on (its default).
 */
import type { DestinationRule, TrafficPolicy } from './objects.ts';

/** One or more rules that act as one. Only what decides about mutual TLS is kept. */
export interface MergedRule {
  readonly exportTo: ReadonlySet<string>;
  /** Labels of the client pods that the rule is for; undefined: all of them. */
  readonly selector: Record<string, string> | undefined;
  trafficPolicy: TrafficPolicy | undefined;
  /** The rule that `trafficPolicy` comes from. */
  decidedBy: DestinationRule | undefined;
}

/** Namespaces that see the rule; empty: all, `.`: its own. A rule for chosen workloads never leaves its namespace. */
export function audienceOf({ spec }: DestinationRule): ReadonlySet<string> {
  return new Set(spec.workloadSelector ? ['.'] : spec.exportTo);
}

/** A rule before anything is merged into it. */
function single(rule: DestinationRule): MergedRule {
  const { workloadSelector, trafficPolicy } = rule.spec;
  const policy = trafficPolicy ?? undefined;
  return {
    exportTo: audienceOf(rule),
    selector: workloadSelector ? (workloadSelector.matchLabels ?? {}) : undefined,
    trafficPolicy: policy,
    decidedBy: policy && rule,
  };
}

/** The rules of one namespace that one audience sees, by host. Rules must be added in Istio's order. */
export class HostTable {
  readonly #exact = new Map<string, MergedRule[]>();
  readonly #wildcard = new Map<string, MergedRule[]>();

  /** `host` is fully qualified or begins with `*`. */
  add(host: string, rule: DestinationRule): void {
    const rules = host.startsWith('*') ? this.#wildcard : this.#exact;
    const sameHost = rules.get(host);
    if (sameHost) merge(sameHost, rule);
    else rules.set(host, [single(rule)]);
  }

  /** Rules of the most specific host that covers the service: its own name, else the longest wildcard. */
  find(fqdn: string): readonly MergedRule[] | undefined {
    const exact = this.#exact.get(fqdn);
    if (exact) return exact;
    let longest: string | undefined;
    for (const host of this.#wildcard.keys()) {
      if (fqdn.endsWith(host.slice(1)) && host.length > (longest?.length ?? 0)) longest = host;
    }
    return longest === undefined ? undefined : this.#wildcard.get(longest);
  }
}

/**
 * Takes a younger rule in. A traffic policy counts only where the older rule has none at all, whatever it sets.
 * The last of the older rules decides whether the younger one also stands for itself; so a rule without selector
 * vanishes behind one with selector and the same `exportTo` (istio/istio#58322), and that is Istio's behaviour today.
 */
function merge(older: MergedRule[], rule: DestinationRule): void {
  const younger = single(rule);
  let standsAlone = true;
  for (const existing of older) {
    const sameAudience = equalSets(existing.exportTo, younger.exportTo);
    const widerAudience = existing.exportTo.size > 0 && contains(younger.exportTo, existing.exportTo);
    standsAlone = true;
    if (!sameAudience && !widerAudience) continue;
    if (existing.selector && younger.selector && !equalLabels(existing.selector, younger.selector)) continue;
    const sameClients = (existing.selector === undefined) === (younger.selector === undefined);
    standsAlone = !sameAudience && !sameClients;
    if (!existing.trafficPolicy && younger.trafficPolicy) {
      existing.trafficPolicy = younger.trafficPolicy;
      existing.decidedBy = younger.decidedBy;
    }
  }
  if (standsAlone) older.push(younger);
}

function equalSets(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && contains(a, b);
}

function contains(all: ReadonlySet<string>, some: ReadonlySet<string>): boolean {
  return [...some].every(one => all.has(one));
}

function equalLabels(a: Record<string, string>, b: Record<string, string>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key]);
}
