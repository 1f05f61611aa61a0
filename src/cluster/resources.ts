/** The resources that are read to see where a rollout stands. */
import { GROUP, KIND, PLURAL, VERSION } from '../api/resource.ts';
import type { Resource } from './resource.ts';

export const ROLLOUTS: Resource = { group: GROUP, version: VERSION, plural: PLURAL, kind: KIND, namespaced: true };
export const NAMESPACES: Resource = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};
export const SERVICES: Resource = { group: '', version: 'v1', plural: 'services', kind: 'Service', namespaced: true };
export const CONFIG_MAPS: Resource = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};
export const PODS: Resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
export const API_SERVICES: Resource = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  plural: 'apiservices',
  kind: 'APIService',
  namespaced: false,
};
// The oldest version that is still served: what an older Istio beside this one must read too. v1 begins with Istio 1.22.
export const DESTINATION_RULES: Resource = {
  group: 'networking.istio.io',
  version: 'v1beta1',
  versions: ['v1beta1', 'v1', 'v1alpha3'],
  plural: 'destinationrules',
  kind: 'DestinationRule',
  namespaced: true,
};
const security = {
  group: 'security.istio.io',
  version: 'v1beta1',
  versions: ['v1beta1', 'v1'],
  namespaced: true,
} satisfies Partial<Resource>;
export const PEER_AUTHENTICATIONS: Resource = {
  ...security,
  plural: 'peerauthentications',
  kind: 'PeerAuthentication',
};
export const AUTHORIZATION_POLICIES: Resource = {
  ...security,
  plural: 'authorizationpolicies',
  kind: 'AuthorizationPolicy',
};
