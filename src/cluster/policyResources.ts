/** The kinds of objects that the operator writes on behalf of a rollout. There is no fourth. */
import type { Resource } from './resource.ts';
import { AUTHORIZATION_POLICIES, DESTINATION_RULES, PEER_AUTHENTICATIONS } from './resources.ts';

const KINDS = {
  PeerAuthentication: PEER_AUTHENTICATIONS,
  DestinationRule: DESTINATION_RULES,
  AuthorizationPolicy: AUTHORIZATION_POLICIES,
};

export type PolicyKind = keyof typeof KINDS;

/** The resource behind an apiVersion and kind. Anything but a policy is an error of the program: it throws TypeError. */
export function policyResource(apiVersion: string, kind: string): Resource & { kind: PolicyKind } {
  if (isPolicyKind(kind)) {
    const { group, plural, versions } = KINDS[kind];
    const version = versions?.find(served => apiVersion === `${group}/${served}`);
    if (version !== undefined) return { group, version, plural, kind, namespaced: true };
  }
  throw new TypeError(`${apiVersion} ${kind} is not a policy: only ${Object.keys(KINDS).join(', ')} are written`);
}

function isPolicyKind(kind: string): kind is PolicyKind {
  return Object.hasOwn(KINDS, kind);
}
