import assert from 'node:assert/strict';
import { workloadLines } from '../../src/cli/workloadView.ts';
import type { PortStatus } from '../../src/istio/workloadStatus.ts';

const client = (workload: string, namespace = 'shop', proxied = true) => ({
  namespace,
  workload: `Deployment/${workload}`,
  proxied,
});
const CART: PortStatus = {
  namespace: 'shop',
  workload: 'Deployment/cart',
  port: 8080,
  mode: 'STRICT',
  decidedBy: 'shop/default',
  dataPlane: 'Mixed',
  pods: 3,
  foretold: false,
  services: [
    { name: 'cart', port: 80 },
    { name: 'cart-canary', port: 80 },
  ],
  clientRule: { tls: 'ISTIO_MUTUAL', decidedBy: 'shop/cart' },
  clients: [client('a'), client('b', 'jobs', false), client('c'), client('d'), client('e')],
};
const GATEWAY: PortStatus = {
  namespace: 'shop',
  workload: 'Deployment/gateway',
  port: '*',
  mode: 'None',
  why: 'gateway',
  dataPlane: 'Sidecar',
  pods: 1,
  foretold: true,
  services: [],
  clients: [],
};

describe('the list of workloads', () => {
  it('shows no mode as enforced that is not, or only in part, and bounds the clients', () => {
    assert.deepEqual(workloadLines([CART, GATEWAY], false, undefined), [
      'NAMESPACE  WORKLOAD            PORT  MODE            DECIDED BY    DATA PLANE  CLIENTS',
      'shop       Deployment/cart     8080  STRICT in part  shop/default  Mixed       named by a, jobs/b (no sidecar), c and 2 more',
      'shop       Deployment/gateway  *     none, gateway   -             Sidecar',
    ]);
  });

  it('has more columns where they are wanted, which go below their row on a narrow terminal', () => {
    const [head, cart, gateway] = workloadLines([CART, GATEWAY], true, undefined);
    assert.match(head!, /DATA PLANE {2}PODS +SERVICES +RULE FOR CLIENTS +CLIENTS$/);
    assert.match(cart!, / {2}3 +cart:80 and cart-canary:80 {2}ISTIO_MUTUAL \(shop\/cart\) {2}named by a, /);
    assert.match(gateway!, / {2}1 \(template\) +- +-$/);
    assert.deepEqual(workloadLines([CART, GATEWAY], true, 100), [
      'NAMESPACE  WORKLOAD            PORT  MODE            DECIDED BY    DATA PLANE',
      'shop       Deployment/cart     8080  STRICT in part  shop/default  Mixed',
      '    pods 3; cart:80 and cart-canary:80, rule for clients ISTIO_MUTUAL (shop/cart); named by a,',
      '    jobs/b (no sidecar), c and 2 more',
      'shop       Deployment/gateway  *     none, gateway   -             Sidecar',
      '    pods 1 (template); no Service',
    ]);
  });
});
