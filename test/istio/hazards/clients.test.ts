import assert from 'node:assert/strict';
import { clients } from '../../../src/istio/hazards/clients.ts';
import { CART, exempt, PROXY } from './cart.ts';
import { findings, type Row, tellsApart } from './scene.ts';

interface Caller {
  namespace?: string;
  labels?: string;
  annotations?: string;
  spec?: string;
  args?: string;
  container?: string;
}

/** A workload by the name of web. */
const web = ({ namespace = 'legacy', labels = '', annotations = '', spec = '', args = '', container = '' }: Caller) =>
  `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ${namespace}}
spec:
  template:
    metadata: {labels: {app: web, ${labels}}, annotations: {${annotations}}}
    spec: {${spec} containers: [{name: web, args: [${args}], ${container}}]}
---
`;

/** A pod of web in namespace shop with a sidecar. */
const running = (annotations: string, spec: string) => `---
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: shop
  labels: {app: web, security.istio.io/tlsMode: istio}
  annotations: {${annotations}}
spec: {${spec}}
---
`;

const cronJob = (args: string, labels = '') => `---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: legacy}
spec: {jobTemplate: {spec: {template: {metadata: {labels: {${labels}}}, spec: {containers: [{name: report, args: [${args}]}]}}}}}
---
`;

/** A pod of a Job that the CronJob made. */
const jobPod = (args: string) => `---
apiVersion: v1
kind: Pod
metadata:
  name: report-29387520-x
  namespace: legacy
  ownerReferences: [{kind: Job, name: report-29387520, controller: true}]
spec: {containers: [{name: report, args: [${args}]}]}
---
`;

const HEADLESS = `---
apiVersion: v1
kind: Service
metadata: {name: carts, namespace: shop}
spec: {clusterIP: None, selector: {app: cart}, ports: [{name: web, port: 80, targetPort: http}]}
---
`;

const FOREIGN: Pick<Row, 'code' | 'object' | 'says'> = {
  code: 'UnmeshedClient',
  object: 'Deployment legacy/web',
  says: /has no proxy and names cart\.shop.* container port 8080 of Deployment shop\/cart/,
};
const NEIGHBOUR: Pick<Row, 'code' | 'object' | 'says'> = {
  code: 'UnmeshedClient',
  object: 'Deployment shop/web',
  says: /names cart.* plaintext, which STRICT refuses/,
};
const OUTSIDE = 'sidecar.istio.io/inject: "false"';
const neighbour = (args: string) => CART + web({ namespace: 'shop', labels: OUTSIDE, args });
const foreign = (args: string) => CART + web({ args });

const ROWS: readonly Row[] = [
  {
    ...FOREIGN,
    what: 'a full name; not that of a Service in another namespace',
    yes: foreign('"http://cart.shop.svc.cluster.local/items"'),
    no: foreign('"http://cart.other.svc.cluster.local/items"'),
  },
  {
    ...FOREIGN,
    what: 'a name with namespace; not as the end of another name',
    yes: foreign('"--cart=cart.shop:80"'),
    no: foreign('"--cart=my-cart.shop:80"'),
  },
  {
    ...FOREIGN,
    what: 'a port of the Service; not one that it does not have',
    yes: foreign('"cart.shop.svc:80"'),
    no: foreign('"cart.shop.svc:8080"'),
  },
  {
    ...FOREIGN,
    what: 'the port that goes STRICT; not one that stays as it is',
    yes: foreign('"http://cart.shop"') + exempt(9090),
    no: foreign('"http://cart.shop"') + exempt(8080),
  },
  {
    ...FOREIGN,
    what: 'a name in a list; not as a step of a path',
    yes: foreign('"ad.shop:80,cart.shop:80"'),
    no: foreign('"http://ad.shop/cart.shop"'),
  },
  {
    ...FOREIGN,
    what: 'the host of an address; not its user',
    yes: foreign('"amqp://me:secret@cart.shop:80/"'),
    no: foreign('"amqp://cart.shop@rabbit.mq:80/"'),
  },
  {
    ...FOREIGN,
    what: 'a pod without proxy; not one that has one',
    yes: foreign('"cart.shop:80"'),
    no: CART + web({ labels: 'sidecar.istio.io/inject: "true"', args: '"cart.shop:80"' }),
  },
  {
    ...FOREIGN,
    what: 'a host in the environment; not the same text as the name of a variable',
    yes: CART + web({ container: 'env: [{name: CART, value: "cart.shop"}]' }),
    no: CART + web({ container: 'env: [{name: "cart.shop", value: "yes"}]' }),
  },
  {
    code: 'UnmeshedClient',
    what: 'a pod of a headless Service, by the port of the container; not by that of the Service',
    yes: CART + HEADLESS + web({ args: '"cart-0.carts.shop.svc:8080"' }),
    no: CART + HEADLESS + web({ args: '"cart-0.carts.shop.svc:80"' }),
    object: 'Deployment legacy/web',
    says: /names cart-0\.carts\.shop\.svc:8080/,
  },
  {
    ...NEIGHBOUR,
    what: 'a name alone within the namespace; not from another one',
    yes: neighbour('"http://cart/items"'),
    no: foreign('"http://cart/items"'),
  },
  {
    ...NEIGHBOUR,
    what: 'a name as the whole value; not as a word in it',
    yes: neighbour('"cart"'),
    no: neighbour('"fill the cart"'),
  },
  {
    ...NEIGHBOUR,
    what: 'a name before a port; not before the tag of an image',
    yes: neighbour('"cart:80"'),
    no: neighbour('"cart:80-alpine"'),
  },
  {
    code: 'UnmeshedClient',
    what: 'another workload; not one that carries its own name',
    yes: neighbour('"cart"'),
    no: `${CART}${web({ namespace: 'shop', labels: OUTSIDE, args: '"cart"' }).replace('app: web', 'app: cart')}`,
    object: 'Deployment shop/web',
    says: /names cart,/,
  },
  {
    code: 'UnmeshedJob',
    what: 'a CronJob, and the Job that it made under its name; not one in the mesh',
    yes: CART + cronJob('"http://cart.shop"') + jobPod('"http://cart.shop"'),
    no: CART + cronJob('"http://cart.shop"', 'sidecar.istio.io/inject: "true"'),
    object: 'CronJob legacy/report',
    says: /only if it was watched while the Job ran/,
  },
  {
    code: 'UnmeshedJob',
    what: 'a Job of its own; not one that names nothing',
    yes: CART + jobPod('"http://cart.shop"'),
    no: CART + jobPod('"http://cart.example"'),
    object: 'Job legacy/report-29387520',
    says: /what it sends there is plaintext/,
  },
  {
    code: 'ExcludedOutbound',
    what: 'a port of a Service; not one that nothing of the scope has',
    yes: CART + web({ namespace: 'shop', annotations: 'traffic.sidecar.istio.io/excludeOutboundPorts: "80,3306"' }),
    no: CART + web({ namespace: 'shop', annotations: 'traffic.sidecar.istio.io/excludeOutboundPorts: "3306"' }),
    object: 'Deployment shop/web',
    says: /excludeOutboundPorts \(80\); if they go to a port of this scope/,
  },
  {
    code: 'ExcludedOutbound',
    what: 'a range of addresses; not the metadata server of a cloud',
    yes: CART + web({ namespace: 'shop', annotations: 'traffic.sidecar.istio.io/excludeOutboundIPRanges: 10.0.0.0/8' }),
    no:
      CART +
      web({ namespace: 'shop', annotations: 'traffic.sidecar.istio.io/excludeOutboundIPRanges: 169.254.169.254/32' }),
    object: 'Deployment shop/web',
    says: /excludeOutboundIPRanges \(10\.0\.0\.0\/8\)/,
  },
  {
    code: 'ExcludedOutbound',
    what: 'chosen addresses only; not all of them',
    yes:
      CART + web({ namespace: 'shop', annotations: 'traffic.sidecar.istio.io/includeOutboundIPRanges: 10.4.0.0/14' }),
    no: CART + web({ namespace: 'shop', annotations: 'traffic.sidecar.istio.io/includeOutboundIPRanges: "*"' }),
    object: 'Deployment shop/web',
    says: /annotation traffic\.sidecar\.istio\.io\/includeOutboundIPRanges/,
  },
  {
    code: 'InitContainerCalls',
    what: 'an init container before the proxy; not after a native sidecar',
    yes:
      CART +
      running('', `initContainers: [{name: wait, args: ["http://cart/ready"]}], containers: [{name: web}, ${PROXY}]`),
    no:
      CART +
      running(
        '',
        `initContainers: [${PROXY.replace('{', '{restartPolicy: Always, ')}, {name: wait, args: ["http://cart/ready"]}], containers: [{name: web}]`,
      ),
    object: 'Pod shop/web',
    says: /an init container of Pod shop\/web names cart, .* its proxy does not run yet/,
  },
  {
    code: 'InitContainerCalls',
    what: 'one of a template; not one that asks for a native sidecar',
    yes: CART + web({ namespace: 'shop', spec: 'initContainers: [{name: wait, args: ["cart:80"]}],' }),
    no:
      CART +
      web({
        namespace: 'shop',
        annotations: 'sidecar.istio.io/nativeSidecar: "true"',
        spec: 'initContainers: [{name: wait, args: ["cart:80"]}],',
      }),
    object: 'Deployment shop/web',
    says: /unless its proxy is a native sidecar/,
  },
  {
    code: 'RunsAsProxyUser',
    what: "the proxy's user; not another one",
    yes: CART + web({ namespace: 'shop', container: 'securityContext: {runAsUser: 1337}' }),
    no: CART + web({ namespace: 'shop', container: 'securityContext: {runAsUser: 1338}' }),
    object: 'Deployment shop/web',
    says: /web of Deployment shop\/web runs as user 1337/,
  },
  {
    code: 'StartsBeforeProxy',
    what: 'an application that may be first; not one that waits',
    yes: CART + web({ namespace: 'shop', args: '"http://cart"' }),
    no:
      CART +
      web({
        namespace: 'shop',
        annotations: `proxy.istio.io/config: '{"holdApplicationUntilProxyStarts": true}'`,
        args: '"http://cart"',
      }),
    object: 'Deployment shop/web',
    says: /may start before its proxy does/,
  },
  {
    code: 'StartsBeforeProxy',
    what: 'where the mesh says nothing; not where it lets every application wait',
    yes: CART + web({ namespace: 'shop', args: '"http://cart"' }),
    no: CART + web({ namespace: 'shop', args: '"http://cart"' }),
    meshOfNo: { holdApplicationUntilProxyStarts: true },
    object: 'Deployment shop/web',
    says: /calls that it makes by then fail in any mode/,
  },
];

describe('hazards: callers without proxy, or past it', () => {
  tellsApart(clients, ROWS);

  it('offers the exception that would keep such a caller alive', () => {
    const [found] = findings(clients, foreign('"http://cart.shop"'));
    assert.deepEqual(found?.exception, {
      namespace: 'shop',
      selector: { app: 'cart' },
      ports: [8080],
      reason: 'Deployment legacy/web calls without proxy',
    });
  });
});
