import assert from 'node:assert/strict';
import { clientRules } from '../../../src/istio/hazards/clientRules.ts';
import { findings, type Row, tellsApart } from './scene.ts';

const scene = (podLabels: string, annotations = '{}') => `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  template:
    metadata: {labels: ${podLabels}, annotations: ${annotations}}
    spec: {containers: [{name: cart, ports: [{containerPort: 8080}, {containerPort: 9090}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  selector: {app: cart}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: admin, port: 90, targetPort: 9090}]
---
`;

const SIDECAR = scene('{app: cart}');
const PLAIN = scene('{app: cart, sidecar.istio.io/inject: "false"}');
const AMBIENT = scene('{app: cart, sidecar.istio.io/inject: "false", istio.io/dataplane-mode: ambient}');

const rule = (
  spec: string,
  { name = 'cart', namespace = 'shop', created = '2026-01-01T00:00:00Z', more = '' } = {},
) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: "${created}"${more}}
spec: ${spec}
---
`;

const tls = (mode: string, host = 'cart') => `{host: "${host}", trafficPolicy: {tls: {mode: ${mode}}}}`;

const EXEMPT = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: cart, namespace: shop}
spec: {selector: {matchLabels: {app: cart}}, portLevelMtls: {"9090": {mode: PERMISSIVE}}}
---
`;

const onPort = (port: number) =>
  rule(`{host: cart, trafficPolicy: {portLevelSettings: [{port: {number: ${port}}, tls: {mode: DISABLE}}]}}`);

const subset = (policy: string) =>
  rule(`{host: cart, subsets: [{name: v1, labels: {v: one}, trafficPolicy: ${policy}}]}`);

const OWN = ', annotations: {mtlsrollout.io/rollout: istio-system/shop/1}';
const younger = (spec: string) => rule(spec, { name: 'younger', created: '2026-02-01T00:00:00Z' });

const ROWS: readonly Row[] = [
  {
    code: 'PlaintextRule',
    what: 'a rule of the namespace that says DISABLE; not one that leaves TLS alone',
    yes: SIDECAR + rule(tls('DISABLE')),
    no: SIDECAR + rule('{host: cart, trafficPolicy: {loadBalancer: {simple: RANDOM}}}'),
    object: 'DestinationRule shop/cart',
    says: /in every namespace without a rule of its own speak plaintext to Service shop\/cart;.*503/,
  },
  {
    code: 'PlaintextRule',
    what: 'a wildcard of the root namespace; not where the namespace has a rule of its own',
    yes: SIDECAR + rule(tls('DISABLE', '*.local'), { name: 'all', namespace: 'istio-system' }),
    no:
      SIDECAR + rule(tls('DISABLE', '*.local'), { name: 'all', namespace: 'istio-system' }) + rule(tls('ISTIO_MUTUAL')),
    object: 'DestinationRule istio-system/all',
    says: /speak plaintext/,
  },
  {
    code: 'PlaintextRule',
    what: 'a rule that a client keeps for itself; not one about another host',
    yes: SIDECAR + rule(tls('DISABLE', 'cart.shop.svc.cluster.local'), { namespace: 'front', name: 'old' }),
    no: SIDECAR + rule(tls('DISABLE', 'cart.shop2.svc.cluster.local'), { namespace: 'front', name: 'old' }),
    object: 'DestinationRule front/old',
    says: /clients in namespace front speak plaintext/,
  },
  {
    code: 'PlaintextRule',
    what: 'a setting of one port, by the number of the Service; not by that of the container',
    yes: SIDECAR + onPort(90),
    no: SIDECAR + onPort(9090),
    object: 'DestinationRule shop/cart',
    says: /Service shop\/cart/,
  },
  {
    code: 'PlaintextRule',
    what: 'a port that goes STRICT; not one that an exception keeps',
    yes: SIDECAR + EXEMPT + onPort(80),
    no: SIDECAR + EXEMPT + onPort(90),
    object: 'DestinationRule shop/cart',
    says: /Service shop\/cart/,
  },
  {
    code: 'PlaintextRule',
    what: 'a rule of somebody; not one that a rollout wrote and takes away again',
    yes: SIDECAR + rule(tls('DISABLE')),
    no: SIDECAR + rule(tls('DISABLE'), { more: OWN }),
    object: 'DestinationRule shop/cart',
    says: /plaintext/,
  },
  {
    code: 'PlaintextRule',
    what: 'a subset that says DISABLE; not one that leaves TLS alone',
    yes: SIDECAR + subset('{tls: {mode: DISABLE}}'),
    no: SIDECAR + subset('{loadBalancer: {simple: RANDOM}}'),
    object: 'DestinationRule shop/cart',
    says: /through subset v1/,
  },
  {
    code: 'PlaintextRule',
    what: 'a rule about pods with proxy; not about pods that STRICT does not reach',
    yes: SIDECAR + rule(tls('DISABLE')),
    no: PLAIN + rule(tls('DISABLE')),
    object: 'DestinationRule shop/cart',
    says: /plaintext/,
  },
  {
    code: 'ForeignTlsRule',
    what: 'SIMPLE; not ISTIO_MUTUAL',
    yes: SIDECAR + rule(tls('SIMPLE')),
    no: SIDECAR + rule(tls('ISTIO_MUTUAL')),
    object: 'DestinationRule shop/cart',
    says: /TLS without the identity of the mesh/,
  },
  {
    code: 'ForeignTlsRule',
    what: 'MUTUAL with certificates of its own; not DISABLE, which is another hazard',
    yes: SIDECAR + rule(tls('MUTUAL')),
    no: SIDECAR + rule(tls('DISABLE')),
    object: 'DestinationRule shop/cart',
    says: /TLS without the identity of the mesh/,
  },
  {
    code: 'MutualRuleWithoutProxy',
    what: 'ISTIO_MUTUAL toward a pod without proxy; not toward one with a sidecar',
    yes: PLAIN + rule(tls('ISTIO_MUTUAL')),
    no: SIDECAR + rule(tls('ISTIO_MUTUAL')),
    object: 'DestinationRule shop/cart',
    says: /cannot answer, today as after the step/,
  },
  {
    code: 'RuleConflict',
    what: 'an older rule with any traffic policy; not one that only has subsets',
    yes: SIDECAR + rule('{host: cart, trafficPolicy: {loadBalancer: {simple: RANDOM}}}') + younger(tls('ISTIO_MUTUAL')),
    no: SIDECAR + rule('{host: cart, subsets: [{name: v1}]}') + younger(tls('ISTIO_MUTUAL')),
    object: 'DestinationRule shop/younger',
    says: /DestinationRule shop\/cart is for the same host cart and comes first/,
  },
  {
    code: 'RuleConflict',
    what: 'a rule for the same clients; not one for those of its own namespace only',
    yes: SIDECAR + rule(tls('ISTIO_MUTUAL')) + younger(tls('DISABLE')),
    no:
      SIDECAR +
      rule(tls('ISTIO_MUTUAL')) +
      younger('{host: cart, exportTo: ["."], trafficPolicy: {tls: {mode: DISABLE}}}'),
    object: 'DestinationRule shop/younger',
    says: /is void/,
  },
  {
    code: 'RuleConflict',
    what: 'the same host written in two ways; not the same name in two namespaces',
    yes: SIDECAR + rule(tls('ISTIO_MUTUAL')) + younger(tls('DISABLE', 'cart.shop.svc.cluster.local')),
    no:
      SIDECAR +
      rule(tls('ISTIO_MUTUAL')) +
      rule(tls('DISABLE', 'cart.shop.svc.cluster.local'), { namespace: 'front', name: 'younger' }),
    object: 'DestinationRule shop/younger',
    says: /is void/,
  },
  {
    code: 'MixedDataPlanes',
    what: 'a wildcard with ISTIO_MUTUAL over ambient pods; not over sidecars',
    yes: AMBIENT + rule(tls('ISTIO_MUTUAL', '*.local'), { namespace: 'istio-system', name: 'all' }),
    no: SIDECAR + rule(tls('ISTIO_MUTUAL', '*.local'), { namespace: 'istio-system', name: 'all' }),
    object: 'DestinationRule istio-system/all',
    says: /as to a sidecar to Service shop\/cart/,
  },
  {
    code: 'MixedDataPlanes',
    what: 'a scope with sidecars and ambient pods; not with ambient pods alone',
    yes:
      AMBIENT +
      SIDECAR.replace(
        'name: cart, namespace: shop}\nspec:\n  template',
        'name: web, namespace: shop}\nspec:\n  template',
      ),
    no: AMBIENT,
    object: 'Deployment shop/cart',
    says: /Deployment shop\/web of the same scope has a sidecar/,
  },
];

describe('hazards: DestinationRules', () => {
  tellsApart(clientRules, ROWS);

  it('tells one rule that breaks many Services once, with a bounded list', () => {
    const services = ['a', 'b', 'c', 'd', 'e'].map(name =>
      SIDECAR.replace(
        'name: cart, namespace: shop}\nspec:\n  selector',
        `name: ${name}, namespace: shop}\nspec:\n  selector`,
      ),
    );
    const found = findings(clientRules, services.join('') + rule(tls('DISABLE', '*.shop.svc.cluster.local')));
    assert.deepEqual(
      found.map(({ code, object }) => [code, object]),
      [['PlaintextRule', 'DestinationRule shop/cart']],
    );
    assert.match(found[0]?.message ?? '', /Services shop\/a, shop\/b, shop\/c and 2 more/);
  });

  it('passes over a rule without host, as files may have it', () => {
    assert.deepEqual(findings(clientRules, SIDECAR + rule('{trafficPolicy: {tls: {mode: DISABLE}}}')), []);
  });
});
