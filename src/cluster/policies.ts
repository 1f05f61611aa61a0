/** A PeerAuthentication as the API serves it, cut down to what the rules look at. */
import type { ObjectMeta } from '../api/resource.ts';
import type { PeerAuthentication } from '../istio/objects.ts';
import type { KubeObject } from './resource.ts';
import { PEER_AUTHENTICATIONS } from './resources.ts';

/** Without what no rule looks at; of the managed fields only who wrote and when. */
export function projectPolicy(raw: KubeObject): PeerAuthentication {
  const { apiVersion = `${PEER_AUTHENTICATIONS.group}/${PEER_AUTHENTICATIONS.version}` } = raw;
  const {
    name,
    namespace,
    uid,
    resourceVersion,
    creationTimestamp,
    labels,
    annotations,
    ownerReferences,
    managedFields,
    deletionTimestamp,
  } = raw.metadata as ObjectMeta & { namespace: string };
  const managers = managedFields?.map(({ manager, operation, time }) => ({
    ...(manager === undefined ? {} : { manager }),
    ...(operation === undefined ? {} : { operation }),
    ...(time === undefined ? {} : { time }),
  }));
  const metadata = {
    name,
    namespace,
    uid,
    resourceVersion,
    creationTimestamp,
    labels,
    annotations,
    ownerReferences,
    deletionTimestamp,
    managedFields: managers,
  };
  const present = Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined));
  return {
    apiVersion,
    kind: 'PeerAuthentication',
    metadata: present as unknown as PeerAuthentication['metadata'],
    spec: raw['spec'] ?? {},
  };
}
