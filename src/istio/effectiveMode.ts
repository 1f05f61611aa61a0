/**
 * The mode that Istio gives to a workload and its ports: the oldest policy of each scope counts, the narrowest
 * scope that says something wins. Source of the rules: `ComposePeerAuthentication` in istio's `policy_applier.go`.
 */
import type { Mode, PeerAuthentication } from './objects.ts';
import { modeOf, type Policies, portModesOf, selectorOf, selects } from './policies.ts';

/** A mode and the policy that says so; no policy means Istio's own default. */
export interface Effective {
  mode: Mode;
  decidedBy: PeerAuthentication | undefined;
}

/** What holds for a workload: on the ports in `ports` their own mode, on every other port that of the workload. */
export interface EffectiveModes {
  workload: Effective;
  ports: ReadonlyMap<number, Effective>;
}

const DEFAULT: Effective = { mode: 'PERMISSIVE', decidedBy: undefined };

/** Mode of everything that no narrower policy governs. */
export function meshMode(policies: Policies, rootNamespace: string): Effective {
  return narrowed(DEFAULT, scopeWide(policies, rootNamespace));
}

/** Mode of the workloads of a namespace that no workload policy selects. */
export function namespaceMode(policies: Policies, rootNamespace: string, namespace: string): Effective {
  const mesh = meshMode(policies, rootNamespace);
  return namespace === rootNamespace ? mesh : narrowed(mesh, scopeWide(policies, namespace));
}

/** Modes of a workload, given the labels of its pods. */
export function effectiveModes(
  policies: Policies,
  rootNamespace: string,
  namespace: string,
  labels: Record<string, string>,
): EffectiveModes {
  const inherited = namespaceMode(policies, rootNamespace, namespace);
  // Istio ignores policies with a selector in the root namespace, whatever runs there.
  const own = namespace === rootNamespace ? undefined : selecting(policies, namespace, labels);
  const workload = narrowed(inherited, own);
  const ports = new Map<number, Effective>();
  if (own) {
    for (const [port, mode] of portModesOf(own)) ports.set(port, mode ? { mode, decidedBy: own } : workload);
  }
  return { workload, ports };
}

/** Oldest policy of a namespace without selector. It holds the place even when it says nothing. */
function scopeWide(policies: Policies, namespace: string): PeerAuthentication | undefined {
  return policies.in(namespace).find(policy => selectorOf(policy) === undefined);
}

/** Oldest policy that selects the workload; policies of one workload are never merged. */
function selecting(
  policies: Policies,
  namespace: string,
  labels: Record<string, string>,
): PeerAuthentication | undefined {
  return policies.in(namespace).find(policy => {
    const selector = selectorOf(policy);
    return selector !== undefined && selects(selector, labels);
  });
}

function narrowed(inherited: Effective, policy: PeerAuthentication | undefined): Effective {
  const mode = policy && modeOf(policy);
  return mode ? { mode, decidedBy: policy } : inherited;
}
