import { inbound } from '../../../src/istio/hazards/inbound.ts';
import { INJECTED, object, policy, workload } from './manifests.ts';
import { type Row, tellsApart } from './scene.ts';

const annotated = (annotations: string) => INJECTED + workload('cart', { annotations });
const sidecar = (spec: string, path = 'shop/cart') => object('networking.istio.io/v1', 'Sidecar', path, spec);
const LISTENER = 'ingress: [{port: {number: 9080, protocol: HTTP, name: http}, defaultEndpoint: 127.0.0.1:8080}]';
const EXEMPT = policy(
  'shop/cart',
  '{selector: {matchLabels: {app: cart}}, portLevelMtls: {"8080": {mode: PERMISSIVE}}}',
);
const CART = INJECTED + workload('cart');

const ROWS: readonly Row[] = [
  {
    code: 'ExcludedInboundPort',
    what: 'a port that is excluded; not another number',
    yes: annotated('{traffic.sidecar.istio.io/excludeInboundPorts: "22, 8080"}'),
    no: annotated('{traffic.sidecar.istio.io/excludeInboundPorts: "22, 80"}'),
    object: 'Deployment shop/cart',
    says: /container port 8080 past the sidecar/,
  },
  {
    code: 'ExcludedInboundPort',
    what: 'a port that is not among those included; not where all are',
    yes: annotated('{traffic.sidecar.istio.io/includeInboundPorts: "80"}'),
    no: annotated('{traffic.sidecar.istio.io/includeInboundPorts: "*"}'),
    object: 'Deployment shop/cart',
    says: /8080/,
  },
  {
    code: 'ExcludedInboundPort',
    what: 'a port that was to go STRICT; not one that has an exception anyway',
    yes: annotated('{traffic.sidecar.istio.io/excludeInboundPorts: "8080"}'),
    no: annotated('{traffic.sidecar.istio.io/excludeInboundPorts: "8080"}') + EXEMPT,
    object: 'Deployment shop/cart',
    says: /not enforced there/,
  },
  {
    code: 'SidecarIngress',
    what: 'ingress listeners for pods of the scope; not egress alone',
    yes: CART + sidecar(`{workloadSelector: {labels: {app: cart}}, ${LISTENER}}`),
    no: CART + sidecar('{workloadSelector: {labels: {app: cart}}, egress: [{hosts: ["*/*"]}]}'),
    object: 'Sidecar shop/cart',
    says: /take port 9080 in place of the ports/,
  },
  {
    code: 'SidecarIngress',
    what: 'one that selects pods of the scope; not other pods',
    yes: CART + sidecar(`{workloadSelector: {labels: {app: cart}}, ${LISTENER}}`),
    no: CART + sidecar(`{workloadSelector: {labels: {app: web}}, ${LISTENER}}`),
    object: 'Sidecar shop/cart',
    says: /9080/,
  },
];

describe('hazards: what a sidecar takes of its pod', () => {
  tellsApart(inbound, ROWS);
});
