import { services } from '../../../src/istio/hazards/services.ts';
import { type Row, tellsApart } from './scene.ts';

const pods = (ports: string, template = '{labels: {app: db}}') => `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec:
  template:
    metadata: ${template}
    spec: {containers: [{name: db, ports: ${ports}}]}
---
`;

const service = (spec: string, name = 'db', namespace = 'shop') => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: ${spec}
---
`;

const istiod = (image: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec: {template: {spec: {containers: [{name: discovery, image: "${image}"}]}}}
---
`;

const TWO = pods('[{containerPort: 8080}, {containerPort: 7000}]');
const ONE = pods('[{name: web, containerPort: 8080}]');
const exempt = (port: number) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: db, namespace: shop}
spec: {selector: {matchLabels: {app: db}}, portLevelMtls: {"${port}": {mode: PERMISSIVE}}}
---
`;
const WEB = service('{selector: {app: db}, ports: [{name: http, port: 80, targetPort: 8080}]}');
const alias = (target: string) => service(`{type: ExternalName, externalName: ${target}}`, 'alias', 'front');

const served = (port: string) => service(`{selector: {app: db}, ports: [${port}]}`);

const ROWS: readonly Row[] = [
  {
    code: 'UncoveredPort',
    what: 'a declared port without Service; not one that a Service leads to',
    yes: TWO + WEB,
    no:
      TWO + service('{selector: {app: db}, ports: [{name: http, port: 80, targetPort: 8080}, {name: p, port: 7000}]}'),
    object: 'Deployment shop/db',
    says: /container port 7000; clients that call its pods there by address/,
  },
  {
    code: 'UncoveredPort',
    what: 'a port that goes STRICT; not one that an exception keeps',
    yes: TWO + WEB,
    no: TWO + WEB + exempt(7000),
    object: 'Deployment shop/db',
    says: /7000/,
  },
  {
    code: 'UncoveredPort',
    what: 'a TCP port; not one of UDP, nor one past the sidecar',
    yes: pods('[{containerPort: 7000}]'),
    no:
      pods('[{containerPort: 7000, protocol: UDP}]') +
      pods(
        '[{containerPort: 7000}]',
        '{labels: {app: db}, annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "15, 7000"}}',
      ),
    object: 'Deployment shop/db',
    says: /7000/,
  },
  {
    code: 'HeadlessService',
    what: 'a headless Service; not one with an address',
    yes: ONE + service('{clusterIP: None, selector: {app: db}, ports: [{port: 8080}]}'),
    no: ONE + service('{selector: {app: db}, ports: [{port: 8080}]}'),
    object: 'Service shop/db',
    says: /headless and leads to Deployment shop\/db on container port 8080/,
  },
  {
    code: 'HeadlessService',
    what: 'one that leads to a port that goes STRICT; not one whose port is exempt',
    yes: ONE + service('{clusterIP: None, selector: {app: db}, ports: [{port: 8080}]}'),
    no: ONE + service('{clusterIP: None, selector: {app: db}, ports: [{port: 8080}]}') + exempt(8080),
    object: 'Service shop/db',
    says: /headless/,
  },
  {
    code: 'SelectorlessService',
    what: 'a Service without selector; not one with',
    yes: ONE + service('{ports: [{port: 80}]}'),
    no: ONE + WEB,
    object: 'Service shop/db',
    says: /no selector/,
  },
  {
    code: 'SelectorlessService',
    what: 'one with endpoints; not an alias',
    yes: ONE + service('{ports: [{port: 80}]}'),
    no: ONE + service('{type: ExternalName, externalName: db.example.com}'),
    object: 'Service shop/db',
    says: /made by hand/,
  },
  {
    code: 'ExternalNameService',
    what: 'an alias with Istio 1.20; not with 1.21',
    yes: ONE + WEB + alias('db.shop.svc.cluster.local') + istiod('istio/pilot:1.20.8'),
    no: ONE + WEB + alias('db.shop.svc.cluster.local') + istiod('istio/pilot:1.21.0'),
    object: 'Service front/alias',
    says: /stands for Service shop\/db; with Istio 1\.20\.8/,
  },
  {
    code: 'ExternalNameService',
    what: 'an alias of a Service of the scope; not of something else, nor with a version that nobody knows',
    yes: ONE + WEB + alias('db.shop.svc.cluster.local.') + istiod('istio/pilot:1.20.8'),
    no: ONE + WEB + alias('db.example.com') + istiod('istio/pilot:1.20.8'),
    object: 'Service front/alias',
    says: /plaintext/,
  },
  {
    code: 'ExternalNameService',
    what: 'a version that is known to be old; not one that the image does not tell',
    yes: ONE + WEB + alias('db.shop.svc.cluster.local') + istiod('istio/pilot:1.20.8'),
    no: ONE + WEB + alias('db.shop.svc.cluster.local') + istiod('istio/pilot:latest'),
    object: 'Service front/alias',
    says: /plaintext/,
  },
  {
    code: 'ServerFirstPort',
    what: 'SMTP by the name of the port; not one that is declared as TCP',
    yes: ONE + served('{name: smtp, port: 2500, targetPort: 8080}'),
    no: ONE + served('{name: tcp-smtp, port: 2500, targetPort: 8080}'),
    object: 'Service shop/db',
    says: /port 2500 \(smtp\) the server speaks first/,
  },
  {
    code: 'ServerFirstPort',
    what: 'MySQL by the number of the container; not where appProtocol says it',
    yes: ONE + served('{name: db, port: 33, targetPort: 3306}'),
    no: ONE + served('{name: db, port: 33, targetPort: 3306, appProtocol: mysql}'),
    object: 'Service shop/db',
    says: /33 \(mysql\)/,
  },
  {
    code: 'ServerFirstPort',
    what: 'a number that Istio sniffs; not 3306, which it takes for TCP',
    yes: ONE + served('{name: db, port: 33, targetPort: 3306}'),
    no: ONE + served('{name: db, port: 3306}'),
    object: 'Service shop/db',
    says: /hang under PERMISSIVE/,
  },
  {
    code: 'ServerFirstPort',
    what: 'NATS, which greets; not MongoDB, whose clients speak first',
    yes: ONE + served('{name: client, port: 4222}'),
    no: ONE + served('{name: client, port: 33, targetPort: 27017}'),
    object: 'Service shop/db',
    says: /4222 \(nats\)/,
  },
  {
    code: 'OwnTls',
    what: 'a port named for TLS; not one named for HTTP',
    yes: ONE + served('{name: https-web, port: 443, targetPort: 8080}'),
    no: ONE + served('{name: http-web, port: 443, targetPort: 8080}'),
    object: 'Service shop/db',
    says: /port 443 leads to TLS that Deployment shop\/db ends itself/,
  },
  {
    code: 'OwnTls',
    what: 'an appProtocol of TLS; not on a port that is exempt',
    yes: ONE + served('{name: web, port: 443, targetPort: 8080, appProtocol: tls}'),
    no: ONE + served('{name: web, port: 443, targetPort: 8080, appProtocol: tls}') + exempt(8080),
    object: 'Service shop/db',
    says: /refused under STRICT/,
  },
];

describe('hazards: Services of the scope', () => {
  tellsApart(services, ROWS);
});
