/** The kinds of objects that the operator writes on behalf of a rollout. There is no fourth. */
import type { Resource } from './resource.ts';

const KINDS = {
  PeerAuthentication: { group: 'security.istio.io', plural: 'peerauthentications', versions: ['v1', 'v1beta1'] },
  DestinationRule: {
    group: 'networking.istio.io',
    plural: 'destinationrules',
    versions: ['v1', 'v1beta1', 'v1alpha3'],
  },
  AuthorizationPolicy: { group: 'security.istio.io', plural: 'authorizationpolicies', versions: ['v1', 'v1beta1'] },
} as const;

export type PolicyKind = keyof typeof KINDS;

/** The resource behind an apiVersion and kind. Anything but a policy is an error of the program: it throws TypeError. */
export function policyResource(apiVersion: string, kind: string): Resource & { kind: PolicyKind } {
  if (isPolicyKind(kind)) {
    const { group, plural, versions } = KINDS[kind];
    const version = versions.find(served => apiVersion === `${group}/${served}`);
    if (version !== undefined) return { group, version, plural, kind, namespaced: true };
  }
  throw new TypeError(`${apiVersion} ${kind} is not a policy: only ${Object.keys(KINDS).join(', ')} are written`);
}

function isPolicyKind(kind: string): kind is PolicyKind {
  return Object.hasOwn(KINDS, kind);
}
