import { kubelet } from '../../../src/istio/hazards/kubelet.ts';
import { exempt, PROXY } from './cart.ts';
import { type Row, tellsApart } from './scene.ts';

const NAMESPACE = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
`;

/** What a pod or a template says besides its container. */
interface Given {
  /** Of the container, such as a probe. */
  container: string;
  annotations?: string;
  ports?: string;
}
const PORTS = '{name: http, containerPort: 8080}';

/** Deployment cart without pods yet. */
const template = ({ container, annotations = '', ports = PORTS }: Given) => `${NAMESPACE}---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: {app: cart}, annotations: {${annotations}}}
    spec: {containers: [{name: cart, ports: [${ports}], ${container}}]}
---
`;

/** A pod of it, as it runs. */
const pod = ({ container, annotations = '', ports = PORTS }: Given, proxy = PROXY) => `${NAMESPACE}---
apiVersion: v1
kind: Pod
metadata:
  name: cart-5d-x
  namespace: shop
  labels: {app: cart, pod-template-hash: 5d, security.istio.io/tlsMode: istio}
  annotations: {${annotations}}
  ownerReferences: [{kind: ReplicaSet, name: cart-5d, controller: true}]
spec: {containers: [{name: cart, ports: [${ports}], ${container}}, ${proxy}]}
---
`;

const istiod = (version: string) => `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec: {template: {spec: {containers: [{name: discovery, image: "istio/pilot:${version}"}]}}}
---
`;

const AMBIENT = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
`;
const OFF = 'sidecar.istio.io/rewriteAppHTTPProbers: "false"';
const ON = 'sidecar.istio.io/rewriteAppHTTPProbers: "true"';
const http = (port: string, more = '') => `livenessProbe: {httpGet: {path: /, port: ${port}, ${more}}}`;
const hook = (port: string) => `lifecycle: {preStop: {httpGet: {path: /, port: ${port}}}}`;
const OBJECT = { object: 'Deployment shop/cart' };

const ROWS: readonly Row[] = [
  {
    ...OBJECT,
    code: 'ProbeNotRewritten',
    what: 'a probe of a pod that goes to the application; not one that goes to the agent',
    yes: pod({ container: http('8080') }),
    no: pod({ container: http('15020') }),
    says: /liveness probe of cart on port 8080 .* the injector has not seen it.* restarts the container/,
  },
  {
    ...OBJECT,
    code: 'ProbeNotRewritten',
    what: 'a probe for readiness by a named port; not where the agent has a port of its own',
    yes: pod({ container: 'readinessProbe: {tcpSocket: {port: http}}' }),
    no: pod({
      container: 'readinessProbe: {httpGet: {port: 16020}}',
      annotations: 'status.sidecar.istio.io/port: "16020"',
    }),
    says: /readiness probe of cart on port 8080 .* takes the pod for not ready/,
  },
  {
    ...OBJECT,
    code: 'ProbeNotRewritten',
    what: 'a port that goes STRICT; not one that an exception keeps',
    yes: pod({ container: 'startupProbe: {grpc: {port: 8080}}' }) + exempt(9090),
    no: pod({ container: 'startupProbe: {grpc: {port: 8080}}' }) + exempt(8080),
    says: /startup probe of cart/,
  },
  {
    ...OBJECT,
    code: 'ProbeNotRewritten',
    what: 'a port behind the proxy; not one that leads past it',
    yes: pod({ container: http('8080'), annotations: 'traffic.sidecar.istio.io/excludeInboundPorts: "9090"' }),
    no: pod({ container: http('8080'), annotations: 'traffic.sidecar.istio.io/excludeInboundPorts: "8080"' }),
    says: /liveness probe/,
  },
  {
    ...OBJECT,
    code: 'ProbeNotRewritten',
    what: 'a template that switches rewriting off; not one that leaves it on',
    yes: template({ container: http('http'), annotations: OFF }),
    no: template({ container: http('http') }),
    says: /its annotation sidecar\.istio\.io\/rewriteAppHTTPProbers is "false"/,
  },
  {
    ...OBJECT,
    code: 'ProbeNotRewritten',
    what: 'a mesh with rewriting off; not a template that switches it on again',
    yes: template({ container: http('8080') }),
    no: template({ container: http('8080'), annotations: ON }),
    mesh: { rewriteAppHttpProbe: false },
    says: /the mesh has rewriteAppHTTPProbe off/,
  },
  {
    ...OBJECT,
    code: 'ProbeNotRewritten',
    what: 'pods with sidecar; not ambient ones, whose probes are let through',
    yes: template({ container: http('8080'), annotations: OFF }),
    no: template({ container: http('8080'), annotations: OFF }) + AMBIENT,
    says: /liveness probe/,
  },
  {
    ...OBJECT,
    code: 'ProbePortUnknown',
    what: 'a name that the container does not declare; not one that it does',
    yes: template({ container: http('health') }),
    no: template({ container: http('http') }),
    says: /probe of cart on port "health" names a port that its container does not declare/,
  },
  {
    ...OBJECT,
    code: 'ProbePortUnknown',
    what: 'a scope that moves; not ports that all stay as they are',
    yes: template({ container: http('health') }),
    no: template({ container: http('health') }) + exempt(8080),
    says: /neither the kubelet nor Istio's agent/,
  },
  {
    ...OBJECT,
    code: 'ProbeOfHost',
    what: 'a probe of another host; not of the pod itself',
    yes: template({ container: http('8080', 'host: 127.0.0.1') }),
    no: template({ container: http('8080') }),
    says: /goes to host 127\.0\.0\.1 instead of the pod/,
  },
  {
    ...OBJECT,
    code: 'HookNotRewritten',
    what: 'a hook of a pod that goes to the application; not one that goes to the agent',
    yes: pod({ container: hook('8080') }, PROXY.replace('1.27.1', '1.24.6')),
    no: pod({ container: hook('15020') }, PROXY.replace('1.27.1', '1.25.0')),
    says: /preStop hook of cart on port 8080 .* injectors before Istio 1\.25/,
  },
  {
    ...OBJECT,
    code: 'HookNotRewritten',
    what: 'a hook that an old control plane will leave alone; not with one that is new enough',
    yes: template({ container: hook('http') }) + istiod('1.24.3'),
    no: template({ container: hook('http') }) + istiod('1.25.0'),
    says: /preStop hook of cart on port 8080 .* injectors before Istio 1\.25/,
  },
  {
    ...OBJECT,
    code: 'HookNotRewritten',
    what: 'a control plane of unknown version; not one of which all are known and new',
    yes: template({ container: hook('8080') }) + istiod('1.27.0') + istiod('latest'),
    no: template({ container: hook('8080') }) + istiod('1.27.0') + istiod('1.31.0'),
    says: /it is not known whether the injector is of Istio 1\.25 or newer/,
  },
  {
    ...OBJECT,
    code: 'HookNotRewritten',
    what: 'a template that switches rewriting off; not one that leaves it on',
    yes: template({ container: hook('8080'), annotations: OFF }) + istiod('1.27.0'),
    no: template({ container: hook('8080') }) + istiod('1.27.0'),
    says: /its annotation sidecar\.istio\.io\/rewriteAppHTTPProbers is "false"/,
  },
];

describe('hazards: what the kubelet sends', () => {
  tellsApart(kubelet, ROWS);
});
