import assert from 'node:assert/strict';
import { exposure } from '../../../src/istio/hazards/exposure.ts';
import { CART, exempt } from './cart.ts';
import { findings, type Row, tellsApart } from './scene.ts';

interface Way {
  className?: string;
  annotations?: string;
  /** Of the Service. */
  port?: string;
}

const ingress = ({ className = 'nginx', annotations = '', port = 'number: 80' }: Way) => `${CART}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop, annotations: {${annotations}}}
spec:
  ingressClassName: ${className}
  rules: [{http: {paths: [{path: /, backend: {service: {name: cart, port: {${port}}}}}]}}]
---
`;

const ingressClass = (name: string, controller: string, more = '') => `---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: ${name}, ${more}}
spec: {controller: ${controller}}
---
`;

/** The controller itself, in a namespace of its own. */
const controller = (inMesh: boolean, app = 'ingress-nginx') => `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: controller, namespace: edge}
spec:
  template:
    metadata: {labels: {app.kubernetes.io/name: ${app}, sidecar.istio.io/inject: "${inMesh}"}}
    spec: {containers: [{name: controller}]}
---
`;

const AMBIENT_EDGE = `---
apiVersion: v1
kind: Namespace
metadata: {name: edge, labels: {istio.io/dataplane-mode: ambient}}
---
`;

const service = (spec: string, annotations = '') => `${CART}
apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop, annotations: {${annotations}}}
spec: {${spec}, selector: {app: cart}, ports: [{name: web, port: 80, targetPort: 8080}]}
---
`;

const binding = (targetType: string, port = 80) => `${CART}
apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: cart, namespace: shop}
spec: {targetType: ${targetType}, serviceRef: {name: cart, port: ${port}}}
---
`;

const route = (to: string, port: string) => `${CART}
apiVersion: route.openshift.io/v1
kind: Route
metadata: {name: cart, namespace: shop}
spec: {to: {kind: Service, name: ${to}}, port: {targetPort: ${port}}}
---
`;

const UPSTREAM = 'nginx.ingress.kubernetes.io/service-upstream: "true"';
const OUTSIDE = { code: 'IngressOutsideMesh', object: 'Ingress shop/front' };
const PODS = { code: 'IngressCallsPods', object: 'Ingress shop/front' };
const DIRECT = { code: 'ExposedDirectly', object: 'Service shop/front' };
const CLOUD = 'CloudLoadBalancer';

const ROWS: readonly Row[] = [
  {
    ...OUTSIDE,
    what: 'a controller outside the mesh; not one in it',
    yes: ingress({}) + controller(false),
    no: ingress({}) + controller(true),
    says: /container port 8080 of Deployment shop\/cart, and its controller \(Deployment edge\/controller\) is outside/,
  },
  {
    ...OUTSIDE,
    what: 'a controller that is nowhere; not one that is there under the label of its kind',
    yes:
      ingress({ className: 'web' }) + ingressClass('web', 'traefik.io/ingress-controller') + controller(true, 'other'),
    no:
      ingress({ className: 'web' }) +
      ingressClass('web', 'traefik.io/ingress-controller') +
      controller(true, 'traefik'),
    says: /its controller \(traefik\.io\/ingress-controller\) was not found among the pods/,
  },
  {
    ...OUTSIDE,
    what: 'the controller; not the default backend beside it',
    yes: ingress({}) + controller(false),
    no:
      ingress({}) +
      controller(true) +
      controller(false).replace('{labels: {', '{labels: {app.kubernetes.io/component: default-backend, '),
    says: /its controller \(Deployment edge\/controller\)/,
  },
  {
    ...OUTSIDE,
    what: "a class by its controller; not Istio's own",
    yes: ingress({ className: 'web' }) + ingressClass('web', 'example.com/mine'),
    no: ingress({ className: 'web' }) + ingressClass('web', 'istio.io/ingress-controller'),
    says: /its controller \(example\.com\/mine\) was not found/,
  },
  {
    ...OUTSIDE,
    what: "the default class; not where that is Istio's",
    yes:
      ingress({ className: '""' }) +
      ingressClass('a', 'k8s.io/ingress-nginx', 'annotations: {ingressclass.kubernetes.io/is-default-class: "true"}'),
    no:
      ingress({ className: '""' }) +
      ingressClass(
        'a',
        'istio.io/ingress-controller',
        'annotations: {ingressclass.kubernetes.io/is-default-class: "true"}',
      ),
    says: /its controller \(k8s\.io\/ingress-nginx\) was not found/,
  },
  {
    ...OUTSIDE,
    what: 'a backend that goes STRICT; not one that an exception keeps',
    yes: ingress({ port: 'name: web' }) + exempt(9090),
    no: ingress({ port: 'name: web' }) + exempt(8080),
    says: /container port 8080/,
  },
  {
    ...OUTSIDE,
    what: 'a controller in the cluster; not a load balancer that calls nodes',
    yes: ingress({ className: 'kong' }),
    no: ingress({ className: 'alb' }),
    says: /its controller \(kong\)/,
  },
  {
    ...PODS,
    what: 'nginx that calls pods; not one that calls the Service',
    yes: ingress({}) + controller(true),
    no: ingress({ annotations: UPSTREAM }) + controller(true),
    says: /by the addresses of pods/,
  },
  {
    ...PODS,
    what: 'nginx with a sidecar; not an ambient one, for which ztunnel knows the addresses of pods',
    yes: ingress({}) + controller(true),
    no: ingress({}) + AMBIENT_EDGE + controller(true).replace(', sidecar.istio.io/inject: "true"', ''),
    says: /in plaintext/,
  },
  {
    ...PODS,
    what: 'nginx; not another controller, of which nobody knows',
    yes: ingress({}) + controller(true),
    no: ingress({ className: 'kong' }) + controller(true, 'kong'),
    says: /ingress-nginx/,
  },
  {
    ...DIRECT,
    what: 'a port of the nodes; not one within the cluster',
    yes: service('type: NodePort'),
    no: service('type: ClusterIP'),
    says: /is of type NodePort, and leads to container port 8080 of Deployment shop\/cart/,
  },
  {
    ...DIRECT,
    what: 'external addresses; not an empty list of them',
    yes: service('externalIPs: [192.0.2.7]'),
    no: service('externalIPs: []'),
    says: /has external addresses \(192\.0\.2\.7\)/,
  },
  {
    ...DIRECT,
    what: 'pods of the scope; not a gateway of Istio',
    yes: service('type: LoadBalancer'),
    no: service('type: LoadBalancer').replace(
      'metadata: {labels: {app: cart}}',
      'metadata: {labels: {app: cart}, annotations: {inject.istio.io/templates: gateway}}',
    ),
    says: /type LoadBalancer/,
  },
  {
    ...DIRECT,
    what: 'pods in the mesh; not where every one is outside it',
    yes: service('type: LoadBalancer'),
    no: service('type: LoadBalancer').replace(
      'metadata: {labels: {app: cart}}',
      'metadata: {labels: {app: cart, sidecar.istio.io/inject: "false"}}',
    ),
    says: /health checks of load balancers/,
  },
  {
    code: CLOUD,
    what: 'endpoints of Google Cloud; not where the annotation says no',
    yes: service('type: ClusterIP', `cloud.google.com/neg: '{"ingress": true}'`),
    no: service('type: ClusterIP', `cloud.google.com/neg: '{"ingress": false}'`),
    object: 'Service shop/front',
    says: /a Google Cloud load balancer call container port 8080/,
  },
  {
    code: CLOUD,
    what: 'an AWS load balancer that calls pods; not one that calls nodes',
    yes: ingress({ className: 'alb', annotations: 'alb.ingress.kubernetes.io/target-type: ip' }),
    no: ingress({ className: 'alb', annotations: 'alb.ingress.kubernetes.io/target-type: instance' }),
    object: 'Ingress shop/front',
    says: /an AWS load balancer call container port 8080 of Deployment shop\/cart itself/,
  },
  {
    code: CLOUD,
    what: 'a target group of pods; not one of nodes',
    yes: binding('ip'),
    no: binding('instance'),
    object: 'TargetGroupBinding shop/cart',
    says: /requests and health checks alike/,
  },
  {
    code: CLOUD,
    what: 'a target group for a port that goes STRICT; not for another one',
    yes: binding('ip', 80) + exempt(9090),
    no: binding('ip', 9090) + exempt(9090),
    object: 'TargetGroupBinding shop/cart',
    says: /container port 8080/,
  },
  {
    code: CLOUD,
    what: 'a Route of OpenShift, by the port of the pods; not one to another Service',
    yes: route('cart', 'http'),
    no: route('ad', 'http'),
    object: 'Route shop/cart',
    says: /OpenShift's router call container port 8080/,
  },
];

describe('hazards: ways in that pass no gateway of the mesh', () => {
  tellsApart(exposure, ROWS);

  it('says nothing about an Ingress twice', () => {
    const found = findings(exposure, ingress({ annotations: 'alb.ingress.kubernetes.io/target-type: ip' }));
    assert.deepEqual(
      found.map(({ code }) => code),
      ['CloudLoadBalancer'],
    );
  });
});
