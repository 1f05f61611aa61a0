import { membership } from '../../../src/istio/hazards/membership.ts';
import { type Row, tellsApart } from './scene.ts';

const namespace = (labels: string) => `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {${labels}}}
`;
const INJECTED = namespace('istio-injection: enabled');

/** A Deployment without pods yet. */
const template = (labels = '', spec = '') => `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart, ${labels}}}
    spec: {${spec} containers: [{name: cart, ports: [{containerPort: 8080}]}]}
`;

/** A pod that runs, with these containers besides its own. */
const pod = (labels: string, containers = '', more = '') => `---
apiVersion: v1
kind: Pod
metadata:
  name: cart-5d-x1
  namespace: shop
  labels: {app: cart, pod-template-hash: 5d, ${labels}}
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: cart-5d, uid: u, controller: true}]
  ${more}
spec: {containers: [{name: cart, ports: [{containerPort: 8080}]}, ${containers}]}
`;

const PROXY = '{name: istio-proxy, image: "istio/proxyv2:1.27.1", args: [proxy, sidecar]}';
const IN_MESH = 'security.istio.io/tlsMode: istio';

const GROUP = `---
apiVersion: vpcresources.k8s.aws/v1beta1
kind: SecurityGroupPolicy
metadata: {name: database, namespace: shop}
spec: {podSelector: {matchLabels: {app: cart}}}
`;

const ROWS: readonly Row[] = [
  {
    code: 'UnmeshedWorkload',
    what: 'a workload in a namespace that is not injected; not one that asks for a proxy itself',
    yes: namespace('team: shop') + template(),
    no: namespace('team: shop') + template('sidecar.istio.io/inject: "true"'),
    object: 'Deployment shop/cart',
    says: /namespace shop is labelled neither for injection nor for ambient/,
  },
  {
    code: 'UnmeshedWorkload',
    what: 'one that opts out by label; not one whose label has another value',
    yes: INJECTED + template('sidecar.istio.io/inject: "false"'),
    no: INJECTED + template('sidecar.istio.io/inject: "true"'),
    object: 'Deployment shop/cart',
    says: /its label sidecar\.istio\.io\/inject is "false"/,
  },
  {
    code: 'UnmeshedWorkload',
    what: 'one that opts out by the older annotation; not where the label overrules it',
    yes: INJECTED + pod('', '', 'annotations: {sidecar.istio.io/inject: "false"}'),
    no: INJECTED + pod('sidecar.istio.io/inject: "true"', '', 'annotations: {sidecar.istio.io/inject: "false"}'),
    object: 'Deployment shop/cart',
    says: /its annotation sidecar\.istio\.io\/inject is "false"/,
  },
  {
    code: 'UnmeshedWorkload',
    what: 'one of a namespace that is disabled; not of one that is enabled',
    yes: namespace('istio-injection: disabled') + template(),
    no: INJECTED + template(),
    object: 'Deployment shop/cart',
    says: /label istio-injection of namespace shop is "disabled"/,
  },
  {
    code: 'UnmeshedWorkload',
    what: 'an ambient pod that ztunnel has not taken in; not one that it has',
    yes: namespace('istio.io/dataplane-mode: ambient') + pod(''),
    no:
      namespace('istio.io/dataplane-mode: ambient') +
      pod('', '', 'annotations: {ambient.istio.io/redirection: enabled}'),
    object: 'Deployment shop/cart',
    says: /ztunnel on its node has not taken it in/,
  },
  {
    code: 'UnmeshedWorkload',
    what: 'a pod that opts out of ambient; not its namesake without the label',
    yes: namespace('istio.io/dataplane-mode: ambient') + template('istio.io/dataplane-mode: none'),
    no: namespace('istio.io/dataplane-mode: ambient') + template(),
    object: 'Deployment shop/cart',
    says: /its label istio\.io\/dataplane-mode is "none"/,
  },
  {
    code: 'UnmeshedWorkload',
    what: 'a workload outside; not a pod that only lacks a restart',
    yes: namespace('istio.io/rev: ""') + pod(''),
    no: namespace('istio.io/rev: stable') + pod(''),
    object: 'Deployment shop/cart',
    says: /STRICT has no effect on it/,
  },
  {
    code: 'NotRestarted',
    what: 'a pod from before the label; not one with proxy',
    yes: INJECTED + pod(''),
    no: INJECTED + pod(IN_MESH, PROXY),
    object: 'Deployment shop/cart',
    says: /pod cart-5d-x1 of Deployment shop\/cart would get a proxy today/,
  },
  {
    code: 'NotRestarted',
    what: 'pods of one workload that differ, once; not those that opt out',
    yes: INJECTED + pod('') + pod('version: two'),
    no: INJECTED + pod('sidecar.istio.io/inject: "false"'),
    object: 'Deployment shop/cart',
    says: /as a client it sends plaintext/,
  },
  {
    code: 'HostNetworkPod',
    what: 'a pod in the network of its node; not the same in a network of its own',
    yes: INJECTED + template('', 'hostNetwork: true,'),
    no: INJECTED + template(),
    object: 'Deployment shop/cart',
    says: /runs in the network of its node/,
  },
  {
    code: 'UnmeshedWorkload',
    what: 'a pod outside the mesh, but not one for the reason that it is in the network of its node',
    yes: namespace('team: shop') + template(),
    no: namespace('team: shop') + template('', 'hostNetwork: true,'),
    object: 'Deployment shop/cart',
    says: /it goes on taking plaintext/,
  },
  {
    code: 'UnlabelledProxy',
    what: 'a proxy without the label that clients go by; not one with it',
    yes: INJECTED + pod('', PROXY),
    no: INJECTED + pod(IN_MESH, PROXY),
    object: 'Deployment shop/cart',
    says: /tlsMode is missing instead of "istio"/,
  },
  {
    code: 'UnlabelledProxy',
    what: 'one with another value; not where an exception keeps its port',
    yes: INJECTED + pod('security.istio.io/tlsMode: disabled', PROXY),
    no: `${INJECTED}${pod('security.istio.io/tlsMode: disabled', PROXY)}---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: cart, namespace: shop}
spec: {selector: {matchLabels: {app: cart}}, portLevelMtls: {"8080": {mode: PERMISSIVE}}}
`,
    object: 'Deployment shop/cart',
    says: /tlsMode is "disabled" instead of "istio"/,
  },
  {
    code: 'PodSecurityGroup',
    what: 'security groups of ambient pods; not of pods with sidecars',
    yes: namespace('istio.io/dataplane-mode: ambient') + template() + GROUP,
    no: INJECTED + template() + GROUP,
    object: 'SecurityGroupPolicy shop/database',
    says: /probes of such ambient pods are misrouted and fail/,
  },
];

describe('hazards: who is in the mesh', () => {
  tellsApart(membership, ROWS);
});
