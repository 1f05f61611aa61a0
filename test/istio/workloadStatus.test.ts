import assert from 'node:assert/strict';
import { type PortStatus, workloadStatus } from '../../src/istio/workloadStatus.ts';
import { inventoryOf } from './hazards/scene.ts';

const NAMESPACE = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---`;

const deployment = (name: string, more = '', pod = '{}') => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: shop}
spec:
  replicas: 2
  template: {metadata: {labels: {app: ${name}}, annotations: ${pod}}, spec: {containers: [{name: main ${more}}]}}
---`;

const service = (name: string, ports: string) => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {selector: {app: cart}, ports: ${ports}}
---`;

const policy = (spec: string, namespace = 'shop') => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: ${namespace}}
spec: ${spec}
---`;

const CART = deployment('cart', ', ports: [{containerPort: 8080, name: http}, {containerPort: 9000}]');

function statuses(...documents: string[]): PortStatus[] {
  return workloadStatus(inventoryOf(documents.join('')), new Set(['shop']));
}

describe('status of workloads', () => {
  it('has a row for every port, with the mode that counts and who says so', () => {
    const found = statuses(
      NAMESPACE,
      CART,
      policy('{selector: {matchLabels: {app: cart}}, mtls: {mode: STRICT}, portLevelMtls: {"9000": {mode: DISABLE}}}'),
      service('cart', '[{port: 80, targetPort: http}, {port: 81, targetPort: 9000}, {port: 53, protocol: UDP}]'),
    );
    const base = { namespace: 'shop', workload: 'Deployment/cart', dataPlane: 'Sidecar', pods: 2, foretold: true };
    const rest = { decidedBy: 'shop/default', clientRule: { tls: 'AUTO' }, clients: [] };
    assert.deepEqual(found, [
      { ...base, ...rest, port: 8080, mode: 'STRICT', services: [{ name: 'cart', port: 80 }] },
      { ...base, ...rest, port: 9000, mode: 'DISABLE', services: [{ name: 'cart', port: 81 }] },
    ]);
  });

  it("has one row where no port is declared, and Istio's default decides where nobody else does", () => {
    const [row, ...more] = statuses(NAMESPACE, deployment('cart'));
    assert.deepEqual(more, []);
    assert.deepEqual([row?.port, row?.mode, row?.decidedBy], ['*', 'PERMISSIVE', undefined]);
  });

  const unenforced: [what: string, documents: string[], why: string][] = [
    ['no proxy', [CART], 'no proxy'],
    [
      'a gateway',
      [NAMESPACE, deployment('cart', '', '{inject.istio.io/templates: gateway}'), policy('{mtls: {mode: STRICT}}')],
      'gateway',
    ],
  ];
  for (const [what, documents, why] of unenforced) {
    it(`shows no mode for ${what}, whatever a policy says`, () => {
      const [row] = statuses(...documents, policy('{mtls: {mode: STRICT}}').replace('default', 'another'));
      assert.deepEqual([row?.mode, row?.why, row?.decidedBy], ['None', why, undefined]);
    });
  }

  it('shows no mode for a port that leads past the proxy', () => {
    const annotations = '{traffic.sidecar.istio.io/excludeInboundPorts: "9000"}';
    const found = statuses(
      NAMESPACE,
      deployment('cart', ', ports: [{containerPort: 8080}, {containerPort: 9000}]', annotations),
    );
    assert.deepEqual(
      found.map(({ mode, why }) => [mode, why]),
      [
        ['PERMISSIVE', undefined],
        ['None', 'past the proxy'],
      ],
    );
  });

  it('tells pods with a proxy from pods of the same workload without', () => {
    const pod = (name: string, inside: string, labels: string) => `
apiVersion: v1
kind: Pod
metadata:
  {name: ${name}, namespace: shop, labels: {app: cart ${labels}}, ownerReferences: [{kind: StatefulSet, name: cart, controller: true}]}
spec: {containers: [{name: main}${inside}]}
---`;
    const [row, ...more] = statuses(
      pod('cart-0', ', {name: istio-proxy}', ', security.istio.io/tlsMode: istio'),
      pod('cart-1', '', ''),
      policy('{mtls: {mode: STRICT}}'),
    );
    assert.deepEqual(more, []);
    assert.deepEqual([row?.mode, row?.dataPlane, row?.pods, row?.foretold], ['STRICT', 'Mixed', 2, false]);
  });

  it('names what names a Service of the port, here and elsewhere, but not the workload itself', () => {
    const caller = (name: string, value: string) => deployment(name, `, env: [{name: A, value: "${value}"}]`);
    const found = statuses(
      NAMESPACE,
      CART.replace('{containerPort: 9000}]', '{containerPort: 9000}], env: [{name: ME, value: "cart:80"}]'),
      service('cart', '[{name: a, port: 80, targetPort: http}, {name: b, port: 81, targetPort: 9000}]'),
      caller('frontend', 'http://cart:80/items'),
      caller('batch', 'cart.shop').replaceAll('namespace: shop', 'namespace: jobs'),
    );
    const batch = { namespace: 'jobs', workload: 'Deployment/batch', proxied: false };
    const frontend = { namespace: 'shop', workload: 'Deployment/frontend', proxied: true };
    assert.deepEqual(
      found.filter(({ workload }) => workload === 'Deployment/cart').map(({ port, clients }) => [port, clients]),
      [
        [8080, [batch, frontend]],
        [9000, [batch]],
      ],
    );
  });

  it('says what rules make clients do', () => {
    const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: plain, namespace: shop}
spec: {host: cart, trafficPolicy: {tls: {mode: DISABLE}}}
---`;
    const [row] = statuses(NAMESPACE, CART, service('cart', '[{port: 80, targetPort: http}]'), rule);
    assert.deepEqual(row?.clientRule, { tls: 'DISABLE', decidedBy: 'shop/plain' });
  });
});
