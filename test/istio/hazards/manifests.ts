/** Manifests that the tests of several families are made of. Labels, specs and the like are YAML in one line. */

export const INJECTED = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
`;

export const AMBIENT = INJECTED.replace('istio-injection: enabled', 'istio.io/dataplane-mode: ambient');

interface Workload {
  kind?: string;
  namespace?: string;
  labels?: string;
  annotations?: string;
  ports?: string;
  env?: string;
}

/** A Deployment, unless another kind is asked for. */
export function workload(name: string, given: Workload = {}): string {
  const { kind = 'Deployment', namespace = 'shop', labels = `{app: ${name}}` } = given;
  const { annotations = '{}', ports = '[{containerPort: 8080}]', env = '[]' } = given;
  return `
apiVersion: apps/v1
kind: ${kind}
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  template:
    metadata: {labels: ${labels}, annotations: ${annotations}}
    spec: {containers: [{name: main, ports: ${ports}, env: ${env}}]}
---
`;
}

export function object(apiVersion: string, kind: string, path: string, spec: string, more = ''): string {
  const [namespace, name] = path.split('/');
  return `
apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: ${name}, namespace: ${namespace}${more}}
spec: ${spec}
---
`;
}

export function service(path: string, spec: string, more = ''): string {
  return object('v1', 'Service', path, spec, more);
}

export function policy(path: string, spec: string, created = '2026-01-01T00:00:00Z'): string {
  return object('security.istio.io/v1', 'PeerAuthentication', path, spec, `, creationTimestamp: "${created}"`);
}

/** A Deployment of the control plane. */
export function istiod(tag: string, env = '[]'): string {
  return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec: {template: {spec: {containers: [{name: discovery, image: "docker.io/istio/pilot:${tag}", env: ${env}}]}}}
---
`;
}
