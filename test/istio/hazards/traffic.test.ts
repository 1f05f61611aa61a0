import { traffic } from '../../../src/istio/hazards/traffic.ts';
import { AMBIENT, INJECTED, object, policy, service, workload } from './manifests.ts';
import { type Row, tellsApart } from './scene.ts';

const CART = AMBIENT + workload('cart');
const network = (spec: string, name = 'cart') =>
  object('networking.k8s.io/v1', 'NetworkPolicy', `shop/${name}`, `{podSelector: {matchLabels: {app: cart}}, ${spec}}`);
const letsIn = (...ports: string[]) => network(`ingress: [{ports: [${ports.join(', ')}]}]`);
const authorization = (rules: string, app = 'cart') =>
  object(
    'security.istio.io/v1',
    'AuthorizationPolicy',
    'shop/cart',
    `{selector: {matchLabels: {app: ${app}}}, rules: ${rules}}`,
  );
const PRINCIPALS = '[{from: [{source: {principals: ["cluster.local/ns/front/sa/web"]}}]}]';
const SIDECAR = INJECTED + workload('cart');
const served = (port: string) => service('shop/cart', `{selector: {app: cart}, ports: [${port}]}`);
const EXEMPT = policy(
  'shop/cart',
  '{selector: {matchLabels: {app: cart}}, portLevelMtls: {"8080": {mode: PERMISSIVE}}}',
);

const ROWS: readonly Row[] = [
  {
    code: 'NetworkPolicyWithoutHbone',
    what: 'a policy that lets the application be reached; not with HBONE beside it',
    yes: CART + letsIn('{port: 8080}'),
    no: CART + letsIn('{port: 8080}', '{port: 15008}'),
    object: 'NetworkPolicy shop/cart',
    says: /port 8080 of ambient Deployment shop\/cart be reached, but not 15008/,
  },
  {
    code: 'NetworkPolicyWithoutHbone',
    what: 'a range of ports below; not one that reaches over it',
    yes: CART + letsIn('{port: 8000, endPort: 15000}'),
    no: CART + letsIn('{port: 8000, endPort: 16000}'),
    object: 'NetworkPolicy shop/cart',
    says: /8000-15000/,
  },
  {
    code: 'NetworkPolicyWithoutHbone',
    what: 'a list of ports; not a rule for all of them, however it is written',
    yes: CART + letsIn('{port: 8080}'),
    no:
      CART +
      network('ingress: [{ports: []}]') +
      network('ingress: [{ports: [{protocol: TCP}]}]', 'tcp') +
      network('ingress: [{}]', 'all'),
    object: 'NetworkPolicy shop/cart',
    says: /15008/,
  },
  {
    code: 'NetworkPolicyWithoutHbone',
    what: 'one policy alone; not beside another that lets HBONE in, nor one that lets nobody in',
    yes: CART + letsIn('{port: 8080}') + network('policyTypes: [Ingress]', 'nobody'),
    no: CART + letsIn('{port: 8080}') + network('ingress: [{ports: [{port: 15008}]}]', 'hbone'),
    object: 'NetworkPolicy shop/cart',
    says: /15008/,
  },
  {
    code: 'NetworkPolicyWithoutHbone',
    what: 'ambient pods; not sidecars, nor a policy about what goes out',
    yes: CART + letsIn('{port: 8080}'),
    no: SIDECAR + letsIn('{port: 8080}') + network('policyTypes: [Egress], ingress: [{ports: [{port: 1}]}]', 'out'),
    object: 'NetworkPolicy shop/cart',
    says: /15008/,
  },
  {
    code: 'CallerPolicy',
    what: 'a policy that asks for principals; not one that asks for paths',
    yes: SIDECAR + authorization(PRINCIPALS),
    no: SIDECAR + authorization('[{to: [{operation: {paths: ["/buy"]}}]}]'),
    object: 'AuthorizationPolicy shop/cart',
    says: /asks who calls \(ALLOW\)/,
  },
  {
    code: 'CallerPolicy',
    what: 'one for pods of the scope; not for others',
    yes: SIDECAR + authorization(PRINCIPALS),
    no: SIDECAR + authorization(PRINCIPALS, 'web'),
    object: 'AuthorizationPolicy shop/cart',
    says: /identity/,
  },
  {
    code: 'LongLivedConnections',
    what: 'a StatefulSet; not a Deployment',
    yes: INJECTED + workload('cart', { kind: 'StatefulSet' }),
    no: SIDECAR,
    object: 'StatefulSet shop/cart',
    says: /a StatefulSet.*45 s/,
  },
  {
    code: 'LongLivedConnections',
    what: 'PostgreSQL by number; not HTTP on the same number',
    yes: SIDECAR + served('{name: db, port: 5432}'),
    no: SIDECAR + served('{name: http, port: 5432}'),
    object: 'Deployment shop/cart',
    says: /postgres on port 5432/,
  },
  {
    code: 'LongLivedConnections',
    what: 'Redis by name; not what is declared as HTTP, such as its metrics',
    yes: SIDECAR + served('{name: redis, port: 90, targetPort: 8080}'),
    no: SIDECAR + served('{name: http-redis-metrics, port: 90, targetPort: 8080}'),
    object: 'Deployment shop/cart',
    says: /redis on port 8080/,
  },
  {
    code: 'LongLivedConnections',
    what: 'Kafka by name; not on a port that is exempt',
    yes: SIDECAR + served('{name: tcp-kafka, port: 90, targetPort: 8080}'),
    no: SIDECAR + served('{name: tcp-kafka, port: 90, targetPort: 8080}') + EXEMPT,
    object: 'Deployment shop/cart',
    says: /kafka on port 8080/,
  },
  {
    code: 'LongLivedConnections',
    what: 'sidecars, whose listeners are made anew; not ambient pods',
    yes: SIDECAR + served('{name: redis, port: 6379}'),
    no: CART + served('{name: redis, port: 6379}'),
    object: 'Deployment shop/cart',
    says: /redis/,
  },
  {
    code: 'NotTcp',
    what: 'a UDP port of a container; not a TCP port',
    yes: INJECTED + workload('cart', { ports: '[{containerPort: 53, protocol: UDP}]' }),
    no: INJECTED + workload('cart', { ports: '[{containerPort: 53, protocol: TCP}]' }),
    object: 'Deployment shop/cart',
    says: /port 53 stays as it is/,
  },
  {
    code: 'NotTcp',
    what: 'an SCTP port of a Service; not before other pods',
    yes: SIDECAR + served('{port: 36412, protocol: SCTP}'),
    no: SIDECAR + served('{port: 36412, protocol: SCTP}').replace('app: cart', 'app: web'),
    object: 'Deployment shop/cart',
    says: /36412/,
  },
];

describe('hazards: what else decides about connections', () => {
  tellsApart(traffic, ROWS);
});
