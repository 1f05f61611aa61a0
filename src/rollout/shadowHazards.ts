/** Why plaintext to a scope must not be counted by an AuthorizationPolicy in dry run: where it would be obeyed. */
import type { Hazard } from '../api/status.ts';
import { olderControlPlane } from '../istio/hazards/versions.ts';
import { type Inventory, inNamespace } from '../istio/inventory/inventory.ts';
import type { SeenPod } from '../istio/inventory/shapes.ts';
import { selects } from '../istio/policies.ts';
import type { Platform } from './fronts.ts';
import type { ScopeState } from './scopeState.ts';
import { countsByShadow, newShadow, shadowOf } from './shadows.ts';
import type { Situation } from './situation.ts';
import { nameOf } from './text.ts';

const DATA_PLANE = 'istio.io/dataplane-mode';
const METRICS_INSTEAD = 'use plaintextTraffic with source Metrics';

export function shadowHazards(
  { input }: Situation,
  state: ScopeState,
  inventory: Inventory,
  platform: Platform,
): Hazard[] {
  const { rollout, world } = input;
  const object = countsByShadow(rollout.spec) ? newShadow(rollout, state, '') : undefined;
  if (!object) return [];
  const { namespace, name } = object.metadata;
  const pods = inNamespace(inventory.pods, namespace).filter(
    ({ labels }) => state.scope.kind !== 'Workload' || selects(state.scope.selector, labels),
  );
  const reason = whyUnsafe(namespace, pods, inventory, platform);
  const gateway = pods.find(pod => pod.gateway);
  const ours = (world.shadows?.policies ?? []).some(policy => policy.metadata.name === name && shadowOf(policy));
  const isTaken = inNamespace(inventory.authorizationPolicies, namespace).some(policy => policy.name === name);
  return [
    ...(reason ? [unsafe(state.key, nameOf(object), reason)] : []),
    ...(gateway ? [onGateway(state.key, nameOf(object), `${namespace}/${gateway.name}`)] : []),
    ...(isTaken && !ours ? [taken(state.key, nameOf(object))] : []),
  ];
}

/** ztunnel obeys a policy in dry run as any other, unless it is new and told not to; its counters say nothing of it. */
function whyUnsafe(
  namespace: string,
  pods: readonly SeenPod[],
  inventory: Inventory,
  platform: Platform,
): string | undefined {
  if (platform === 'managed-csm') return 'whether the managed control plane keeps it from being enforced is not known';
  if (inventory.unseen.some(({ kind }) => kind === 'Pod'))
    return 'the pods cannot be listed, so that nobody can say whether one is behind ztunnel, which may enforce it';
  const ambient = pods.find(({ mesh }) => mesh === 'Ambient');
  if (ambient) return `pod ${namespace}/${ambient.name} is behind ztunnel, which may enforce it`;
  if (inventory.namespaces.get(namespace)?.labels[DATA_PLANE] === 'ambient')
    return `namespace ${namespace} is labelled ${DATA_PLANE}=ambient, and ztunnel may enforce it`;
  const old = olderControlPlane(inventory, '1.9');
  return old && `Istio ${old.version} does not know dry run and would enforce it`;
}

function unsafe(key: string, object: string, reason: string): Hazard {
  const message = `plaintext to ${key} is to be counted by an AuthorizationPolicy in dry run, and ${reason}: plaintext would be refused`;
  return blocking({ code: 'ShadowUnsafe', key, object, message, fix: METRICS_INSTEAD });
}

/** STRICT leaves the listeners of a gateway alone; this does not. */
function onGateway(key: string, object: string, pod: string): Hazard {
  const message = `the AuthorizationPolicy in dry run that would count plaintext to ${key} also reaches gateway ${pod}, and would cut the open connections of its clients, which STRICT does not`;
  const fix = `${METRICS_INSTEAD}; or accept ShadowOnGateway, which cuts them twice`;
  return blocking({ code: 'ShadowOnGateway', key, object, message, fix });
}

function taken(key: string, object: string): Hazard {
  const message = `${object} is not of this rollout, and has the name of the policy that would count plaintext to ${key}`;
  return blocking({ code: 'Conflict', key, object, message, fix: `rename it, or ${METRICS_INSTEAD}` });
}

function blocking({ key, ...rest }: { key: string } & Omit<Hazard, 'severity' | 'scope'>): Hazard {
  return { severity: 'Block', scope: key, ...rest };
}
