/** A PeerAuthentication as the API serves it, cut down to what the rules look at. */
import type { ObjectMeta } from '../api/resource.ts';
import type { PeerAuthentication } from '../istio/objects.ts';
import { apiVersionOf, type KubeObject } from './resource.ts';
import { PEER_AUTHENTICATIONS } from './resources.ts';

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
  const { managedFields } = raw.metadata as Partial<ObjectMeta>;
  const metadata = {
    ...picked(raw.metadata, KEPT),
    ...(managedFields ? { managedFields: managedFields.map(entry => picked(entry, KEPT_OF_MANAGERS)) } : {}),
  };
  return {
    apiVersion: raw.apiVersion ?? apiVersionOf(PEER_AUTHENTICATIONS),
    kind: 'PeerAuthentication',
    metadata: metadata as PeerAuthentication['metadata'],
    spec: raw['spec'] ?? {},
  };
}

/** The members of an object that are there, of those named. */
function picked(object: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}
