/** Objects and paths that the contract cases use. */

export type Loose = Record<string, unknown>;

export const NAMESPACES = '/api/v1/namespaces';

/** Paths of the collections that live in a namespace. */
export function collections(namespace: string) {
  const under = (prefix: string, plural: string) => `${prefix}/namespaces/${namespace}/${plural}`;
  return {
    widgets: under('/apis/contract.test/v1', 'widgets'),
    policies: under('/apis/security.istio.io/v1', 'peerauthentications'),
    oldPolicies: under('/apis/security.istio.io/v1beta1', 'peerauthentications'),
    rules: under('/apis/networking.istio.io/v1', 'destinationrules'),
    rollouts: under('/apis/mtlsrollout.io/v1alpha1', 'mtlsrollouts'),
    leases: under('/apis/coordination.k8s.io/v1', 'leases'),
    events: under('/api/v1', 'events'),
    newEvents: under('/apis/events.k8s.io/v1', 'events'),
    configMaps: under('/api/v1', 'configmaps'),
    pods: under('/api/v1', 'pods'),
    services: under('/api/v1', 'services'),
  };
}

export function widget(name: string, spec: Loose = { size: 1 }, metadata: Loose = {}): Loose {
  return { apiVersion: 'contract.test/v1', kind: 'Widget', metadata: { name, ...metadata }, spec };
}

export function policy(name: string, spec: Loose, metadata: Loose = {}): Loose {
  return { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata: { name, ...metadata }, spec };
}

export function rule(name: string, spec: Loose): Loose {
  return { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata: { name }, spec };
}

export function rollout(name: string, spec: Loose): Loose {
  return { apiVersion: 'mtlsrollout.io/v1alpha1', kind: 'MtlsRollout', metadata: { name }, spec };
}

export function lease(name: string, spec: Loose, metadata: Loose = {}): Loose {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, ...metadata }, spec };
}

export function configMap(name: string, data: Loose, metadata: Loose = {}): Loose {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

export function namespaceObject(name: string, metadata: Loose = {}): Loose {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, ...metadata } };
}
