/** The only three things that are ever done to a policy: create, patch, delete. */
import type { AuthorizationPolicy, DestinationRule, PeerAuthentication } from '../istio/objects.ts';

export type PolicyObject = PeerAuthentication | DestinationRule | AuthorizationPolicy;

/** The object as it was seen when the write was decided; uid and resourceVersion are its preconditions. */
export interface WriteTarget {
  apiVersion: string;
  kind: PolicyObject['kind'];
  namespace: string;
  name: string;
  uid: string;
  resourceVersion: string;
}

/** JSON merge patch (RFC 7386) of the named fields; null removes a field. */
export type MergePatch = Record<string, unknown>;

export type Write =
  | { verb: 'create'; object: PolicyObject }
  | { verb: 'patch'; target: WriteTarget; patch: MergePatch }
  | { verb: 'delete'; target: WriteTarget };

/** `PeerAuthentication cart/default`: what a write is about. */
export function writtenName(write: Write): string {
  const { kind, namespace, name } =
    write.verb === 'create' ? { kind: write.object.kind, ...write.object.metadata } : write.target;
  return `${kind} ${namespace}/${name}`;
}

export function targetOf(object: PolicyObject): WriteTarget {
  const { namespace, name, uid = '', resourceVersion = '' } = object.metadata;
  return { apiVersion: object.apiVersion, kind: object.kind, namespace, name, uid, resourceVersion };
}
