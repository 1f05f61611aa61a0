import { hiddenServices } from '../../../src/istio/hazards/hiddenServices.ts';
import { INJECTED, object, policy, service, workload } from './manifests.ts';
import { type Row, tellsApart } from './scene.ts';

const FRONT = INJECTED.replace('name: shop', 'name: front');
const calls = (url: string) => workload('web', { namespace: 'front', env: `[{name: CART, value: "${url}"}]` });
const cart = (annotations = '{}') =>
  INJECTED +
  workload('cart') +
  service(
    'shop/cart',
    '{selector: {app: cart}, ports: [{port: 80, targetPort: 8080}]}',
    `, annotations: ${annotations}`,
  );
const egress = (host: string, { path = 'front/default', more = '' } = {}) =>
  object('networking.istio.io/v1', 'Sidecar', path, `{${more}egress: [{hosts: ["${host}", "istio-system/*"]}]}`);
const CALL = FRONT + calls('http://cart.shop/buy');
const EXEMPT = policy(
  'shop/cart',
  '{selector: {matchLabels: {app: cart}}, portLevelMtls: {"8080": {mode: PERMISSIVE}}}',
);
const exported = (to: string) => cart(`{networking.istio.io/exportTo: "${to}"}`);

const ROWS: readonly Row[] = [
  {
    code: 'HiddenService',
    what: 'a client whose Sidecar knows only its own namespace; not one that knows that of the Service',
    yes: cart() + CALL + egress('./*'),
    no: cart() + CALL + egress('shop/*'),
    object: 'Sidecar front/default',
    says: /leave out shop\/cart, a name that stands in Deployment front\/web/,
  },
  {
    code: 'HiddenService',
    what: 'a host by its full name; not the one that is meant',
    yes: cart() + CALL + egress('shop/pay.shop.svc.cluster.local'),
    no: cart() + CALL + egress('*/cart.shop.svc.cluster.local'),
    object: 'Sidecar front/default',
    says: /shop\/cart/,
  },
  {
    code: 'HiddenService',
    what: 'a suffix that does not cover it; not one that does',
    yes: cart() + CALL + egress('shop/*.pay.svc.cluster.local'),
    no: cart() + CALL + egress('shop/*.shop.svc.cluster.local'),
    object: 'Sidecar front/default',
    says: /shop\/cart/,
  },
  {
    code: 'HiddenService',
    what: 'a call that is named; not a client that names something else',
    yes: cart() + FRONT + calls('cart.shop.svc.cluster.local:80') + egress('~/*'),
    no: cart() + FRONT + calls('cart.shop.example.com:80') + egress('~/*'),
    object: 'Sidecar front/default',
    says: /Deployment front\/web/,
  },
  {
    code: 'HiddenService',
    what: 'a proxy that lets everything pass; not one that refuses what it does not know',
    yes: cart() + CALL + egress('./*'),
    no: cart() + CALL + egress('./*', { more: 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}, ' }),
    object: 'Sidecar front/default',
    says: /plaintext/,
  },
  {
    code: 'HiddenService',
    what: 'a mesh that lets everything pass; not one that does not',
    yes: cart() + CALL + egress('./*'),
    no: cart() + CALL + egress('./*'),
    meshOfNo: { outboundMode: 'REGISTRY_ONLY' },
    object: 'Sidecar front/default',
    says: /plaintext/,
  },
  {
    code: 'HiddenService',
    what: 'the default of the root namespace; not where the namespace has one of its own',
    yes: cart() + CALL + egress('./*', { path: 'istio-system/default' }),
    no: cart() + CALL + egress('./*', { path: 'istio-system/default' }) + egress('*/*'),
    object: 'Sidecar istio-system/default',
    says: /shop\/cart/,
  },
  {
    code: 'HiddenService',
    what: 'a resource for this client; not one for others',
    yes: cart() + CALL + egress('./*', { more: 'workloadSelector: {labels: {app: web}}, ' }),
    no: cart() + CALL + egress('./*', { more: 'workloadSelector: {labels: {app: api}}, ' }),
    object: 'Sidecar front/default',
    says: /shop\/cart/,
  },
  {
    code: 'HiddenService',
    what: 'a port that goes STRICT; not one that is exempt',
    yes: cart() + CALL + egress('./*'),
    no: cart() + CALL + egress('./*') + EXEMPT,
    object: 'Sidecar front/default',
    says: /STRICT refuses/,
  },
  {
    code: 'NotExported',
    what: 'a Service for its own namespace only; not one that is exported to the client',
    yes: exported('.') + CALL,
    no: exported('., front') + CALL,
    object: 'Service shop/cart',
    says: /hides it from Deployment front\/web/,
  },
  {
    code: 'NotExported',
    what: 'a Service for nobody; not where the mesh refuses unknown calls anyway',
    yes: exported('~') + CALL,
    no: exported('~') + CALL,
    meshOfNo: { outboundMode: 'REGISTRY_ONLY' },
    object: 'Service shop/cart',
    says: /plaintext/,
  },
];

describe('hazards: Services that clients do not know', () => {
  tellsApart(hiddenServices, ROWS);
});
