/** PeerAuthentications and DestinationRules as the API serves them, cut down to what the rules look at. */
import { type ObjectMeta, ROLLOUT_ANNOTATION } from '../api/resource.ts';
import { fieldsOf, listOf, textOf } from '../istio/fields.ts';
import type { AuthorizationPolicy, DestinationRule, PeerAuthentication, TrafficPolicy } from '../istio/objects.ts';
import { apiVersionOf, type KubeObject } from './resource.ts';
import { AUTHORIZATION_POLICIES, DESTINATION_RULES, PEER_AUTHENTICATIONS } from './resources.ts';

const KEPT = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'labels',
  'annotations',
  'ownerReferences',
] as const satisfies (keyof ObjectMeta)[];
/** Of the managed fields only who wrote and when, not which fields: that is most of an object. */
const KEPT_OF_MANAGERS = ['manager', 'operation', 'time'] as const;

export function projectPolicy(raw: KubeObject): PeerAuthentication {
  return {
    apiVersion: raw.apiVersion ?? apiVersionOf(PEER_AUTHENTICATIONS),
    kind: 'PeerAuthentication',
    metadata: projectMetadata(raw),
    spec: raw['spec'] ?? {},
  };
}

/** Of a rule of somebody else's only what decides about TLS; what carries our marks is kept whole, to see whether it was changed. */
export function projectRule(raw: KubeObject): DestinationRule {
  const rule: DestinationRule = {
    apiVersion: raw.apiVersion ?? apiVersionOf(DESTINATION_RULES),
    kind: 'DestinationRule',
    metadata: projectMetadata(raw),
    spec: (raw['spec'] ?? { host: '' }) as DestinationRule['spec'],
  };
  return rule.metadata.annotations?.[ROLLOUT_ANNOTATION] !== undefined
    ? rule
    : { ...rule, spec: projectRuleSpec(raw['spec']) };
}

/** Whole: whether it was changed is seen by all of it. */
export function projectAuthorization(raw: KubeObject): AuthorizationPolicy {
  return {
    apiVersion: raw.apiVersion ?? apiVersionOf(AUTHORIZATION_POLICIES),
    kind: 'AuthorizationPolicy',
    metadata: projectMetadata(raw),
    spec: (raw['spec'] ?? {}) as AuthorizationPolicy['spec'],
  };
}

function projectRuleSpec(raw: unknown): DestinationRule['spec'] {
  const { host, trafficPolicy, workloadSelector, exportTo } = fieldsOf(raw);
  return {
    host: textOf(host),
    ...(trafficPolicy ? { trafficPolicy: projectTraffic(trafficPolicy) } : {}),
    ...(workloadSelector ? { workloadSelector } : {}),
    ...(Array.isArray(exportTo) ? { exportTo: exportTo.map(textOf) } : {}),
  };
}

function projectTraffic(raw: unknown): TrafficPolicy {
  const { tls, portLevelSettings } = fieldsOf(raw) as TrafficPolicy;
  const ports = listOf(portLevelSettings).map(setting => picked(setting, ['port', 'tls']));
  return { ...(tls ? { tls } : {}), ...(ports.length > 0 ? { portLevelSettings: ports } : {}) };
}

function projectMetadata(raw: KubeObject): PeerAuthentication['metadata'] {
  const { managedFields } = raw.metadata as Partial<ObjectMeta>;
  const metadata = {
    ...picked(raw.metadata, KEPT),
    ...(managedFields ? { managedFields: managedFields.map(entry => picked(entry, KEPT_OF_MANAGERS)) } : {}),
  };
  return metadata as PeerAuthentication['metadata'];
}

/** The members of an object that are there, of those named. */
function picked(object: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}
