/**
 * What the operator keeps of the cluster: rollouts, namespaces, policies, DestinationRules, and whether it is frozen. Pods
 * and workloads are read when needed.
 */
import { type ParsedRollout, parseRollout } from '../api/validate.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { projectFreeze } from '../cluster/freeze.ts';
import type { Log } from '../cluster/log.ts';
import { projectPolicy, projectRule } from '../cluster/policies.ts';
import { Reflector } from '../cluster/reflector.ts';
import type { KubeObject } from '../cluster/resource.ts';
import { CONFIG_MAPS, DESTINATION_RULES, NAMESPACES, PEER_AUTHENTICATIONS, ROLLOUTS } from '../cluster/resources.ts';
import type { Cache } from '../cluster/store.ts';
import type { DestinationRule, Namespace, PeerAuthentication } from '../istio/objects.ts';
import { projectNamespace } from '../istio/pods.ts';
import { byAge, type Policies } from '../istio/policies.ts';
import { FREEZE, type Freeze } from '../rollout/gates/freeze.ts';

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
  rules: Reflector<DestinationRule>;
  freeze: Reflector<Freeze>;
}

export function createCaches(
  source: { client: KubeClient; clock: Clock; random: () => number; log: Log },
  ownNamespace: string,
): Caches {
  const fieldSelector = `metadata.name=${FREEZE}`;
  return {
    rollouts: new Reflector({ ...source, resource: ROLLOUTS, project: projectRollout }),
    namespaces: new Reflector({ ...source, resource: NAMESPACES, project: projectNamespace }),
    policies: new Reflector({ ...source, resource: PEER_AUTHENTICATIONS, project: projectPolicy }),
    rules: new Reflector({ ...source, resource: DESTINATION_RULES, project: projectRule }),
    freeze: new Reflector({
      ...source,
      resource: CONFIG_MAPS,
      namespace: ownNamespace,
      fieldSelector,
      project: projectFreeze,
    }),
  };
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
