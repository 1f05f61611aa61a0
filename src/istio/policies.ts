/** PeerAuthentications in the order in which Istio obeys them, and what one of them says. */
import { type Mode, MODES, type PeerAuthentication } from './objects.ts';

/** The policies of a mesh; those of one namespace come oldest first. */
export interface Policies {
  in(namespace: string): readonly PeerAuthentication[];
}

const NONE: readonly PeerAuthentication[] = [];

/** Groups policies by namespace. The order of the list makes no difference. */
export function policiesOf(list: Iterable<PeerAuthentication>): Policies {
  const byNamespace = new Map<string, PeerAuthentication[]>();
  for (const policy of list) {
    const { namespace } = policy.metadata;
    const group = byNamespace.get(namespace);
    if (group) group.push(policy);
    else byNamespace.set(namespace, [policy]);
  }
  for (const group of byNamespace.values()) group.sort(byAge);
  return { in: namespace => byNamespace.get(namespace) ?? NONE };
}

/** What decides which of two objects Istio calls the older one. */
interface Aged {
  metadata: { name: string; namespace: string; creationTimestamp?: string };
}

/** Oldest first: creation time in whole seconds, then name, then namespace (`sortConfigByCreationTime`). */
export function byAge(a: Aged, b: Aged): number {
  const [x, y] = [createdAt(a), createdAt(b)];
  if (x !== y) return x < y ? -1 : 1;
  return compare(a.metadata.name, b.metadata.name) || compare(a.metadata.namespace, b.metadata.namespace);
}

/** Seconds since the epoch. An object without a readable time is not in the cluster yet: younger than any that is. */
function createdAt({ metadata }: Aged): number {
  const ms = Date.parse(metadata.creationTimestamp ?? '');
  return Number.isNaN(ms) ? Infinity : Math.floor(ms / 1000);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Labels that a workload policy asks for. An absent selector and an empty one mean the same: the whole namespace. */
export function selectorOf(policy: PeerAuthentication): Record<string, string> | undefined {
  const labels = policy.spec?.selector?.matchLabels;
  return labels && Object.keys(labels).length > 0 ? labels : undefined;
}

/** The mode that the policy gives to its scope; undefined where it inherits. */
export function modeOf(policy: PeerAuthentication): Mode | undefined {
  return explicit(policy.spec?.mtls?.mode);
}

/** Ports that a policy names, with their modes; undefined where a port inherits from the policy's own scope. */
export function portModesOf(policy: PeerAuthentication): ReadonlyMap<number, Mode | undefined> {
  const ports = Object.entries(policy.spec?.portLevelMtls ?? {});
  return new Map(ports.map(([port, setting]) => [Number(port), explicit(setting?.mode)]));
}

function explicit(mode: string | undefined): Mode | undefined {
  return MODES.find(known => known === mode);
}

/** Whether every label of the selector is there with its value. */
export function selects(selector: Record<string, string>, labels: Record<string, string>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
