/** What the operator keeps of the cluster: rollouts, namespaces and policies. Pods and workloads are read when needed. */
import { type ParsedRollout, parseRollout } from '../api/validate.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import type { Log } from '../cluster/log.ts';
import { projectPolicy } from '../cluster/policies.ts';
import { Reflector } from '../cluster/reflector.ts';
import type { KubeObject } from '../cluster/resource.ts';
import { NAMESPACES, PEER_AUTHENTICATIONS, ROLLOUTS } from '../cluster/resources.ts';
import type { Cache } from '../cluster/store.ts';
import type { Namespace, PeerAuthentication } from '../istio/objects.ts';
import { projectNamespace } from '../istio/pods.ts';
import { byAge, type Policies } from '../istio/policies.ts';

/** A rollout as it was read: valid or not, and the version that a write of its status replaces. */
export interface RolloutEntry {
  parsed: ParsedRollout;
  resourceVersion: string;
  /** The status as served, to see whether a new one differs. */
  rawStatus: unknown;
}

export interface Caches {
  rollouts: Reflector<RolloutEntry>;
  namespaces: Reflector<Namespace>;
  policies: Reflector<PeerAuthentication>;
}

export function createCaches(source: { client: KubeClient; clock: Clock; random: () => number; log: Log }): Caches {
  return {
    rollouts: new Reflector({ ...source, resource: ROLLOUTS, project: projectRollout }),
    namespaces: new Reflector({ ...source, resource: NAMESPACES, project: projectNamespace }),
    policies: new Reflector({ ...source, resource: PEER_AUTHENTICATIONS, project: projectPolicy }),
  };
}

/** Without a watch for so long, a cache is no longer taken for what is in the cluster. */
const BLIND_MS = 120_000;

/** Whether nobody can say what is in the cluster: it was never listed, or has not been watched for a while. */
export function isBlind({ isSynced, blindMs }: { isSynced: boolean; blindMs: number }): boolean {
  return !isSynced || blindMs >= BLIND_MS;
}

/** The cached policies in Istio's order; each namespace is sorted when it is first asked for. */
export function policiesIn(cache: Cache<PeerAuthentication>): Policies {
  const sorted = new Map<string, readonly PeerAuthentication[]>();
  return {
    in: namespace => {
      const known = sorted.get(namespace) ?? cache.in(namespace).toSorted(byAge);
      sorted.set(namespace, known);
      return known;
    },
  };
}

function projectRollout(raw: KubeObject): RolloutEntry {
  return { parsed: parseRollout(raw), resourceVersion: raw.metadata.resourceVersion, rawStatus: raw['status'] };
}
