import { scraping } from '../../../src/istio/hazards/scraping.ts';
import { CART, exempt } from './cart.ts';
import { type Row, tellsApart } from './scene.ts';

const monitor = (kind: string, selector: string, endpoint: string, namespace = 'matchNames: [shop]') => `${CART}
apiVersion: monitoring.coreos.com/v1
kind: ${kind}
metadata: {name: cart, namespace: monitoring}
spec:
  namespaceSelector: {${namespace}}
  selector: {matchLabels: {${selector}}}
  ${kind === 'ServiceMonitor' ? 'endpoints' : 'podMetricsEndpoints'}: [{${endpoint}}]
---
`;

const annotated = (annotations: string) =>
  CART.replace('metadata: {labels: {app: cart}}', `metadata: {labels: {app: cart}, annotations: {${annotations}}}`);

const prometheus = (config: string) => `${CART}
apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus, namespace: monitoring}
spec:
  template:
    metadata: {annotations: {proxy.istio.io/config: '${config}'}}
    spec: {containers: [{name: prometheus}]}
---
`;

const BY_SERVICE = { code: 'ScrapedPort', object: 'ServiceMonitor monitoring/cart' };
const BY_POD = { code: 'ScrapedPort', object: 'PodMonitor monitoring/cart' };
const BY_ANNOTATION = { code: 'ScrapedPort', object: 'Deployment shop/cart' };
const SCRAPE = 'prometheus.io/scrape: "true"';
const OFF = { enablePrometheusMerge: false };

const ROWS: readonly Row[] = [
  {
    ...BY_SERVICE,
    what: 'a port of a Service by its name; not one that an exception keeps',
    yes: monitor('ServiceMonitor', 'app: cart', 'port: metrics') + exempt(8080),
    no: monitor('ServiceMonitor', 'app: cart', 'port: metrics') + exempt(9090),
    says: /scrape container port 9090 of Deployment shop\/cart without mutual TLS/,
  },
  {
    ...BY_SERVICE,
    what: 'a Service with the label; not one without',
    yes: monitor('ServiceMonitor', 'app: cart', 'port: web'),
    no: monitor('ServiceMonitor', 'app: ad', 'port: web'),
    says: /container port 8080/,
  },
  {
    ...BY_SERVICE,
    what: 'every Service of every namespace; not those of its own alone',
    yes: monitor('ServiceMonitor', '', 'port: web', 'any: true'),
    no: monitor('ServiceMonitor', '', 'port: web', ''),
    says: /container port 8080/,
  },
  {
    ...BY_SERVICE,
    what: 'a port of the container by its number; not one that no container declares',
    yes: monitor('ServiceMonitor', 'app: cart', 'targetPort: 8080'),
    no: monitor('ServiceMonitor', 'app: cart', 'targetPort: 80'),
    says: /container port 8080/,
  },
  {
    ...BY_POD,
    what: 'a port of the pod by its name; not by the name that it has in the Service',
    yes: monitor('PodMonitor', 'app: cart', 'port: http'),
    no: monitor('PodMonitor', 'app: cart', 'port: web'),
    says: /container port 8080 of Deployment shop\/cart/,
  },
  {
    ...BY_POD,
    what: 'its own TLS without a certificate; not with one',
    yes: monitor('PodMonitor', 'app: cart', 'port: http, scheme: https, tlsConfig: {caFile: /ca.pem}'),
    no: monitor('PodMonitor', 'app: cart', 'port: http, scheme: https, tlsConfig: {certFile: /cert.pem}'),
    says: /these metrics stop/,
  },
  {
    ...BY_POD,
    what: 'a port behind the proxy; not that of the agent',
    yes: monitor('PodMonitor', 'app: cart', 'port: metrics'),
    no: monitor('PodMonitor', 'app: cart', 'port: metrics').replace(
      '{name: metrics, containerPort: 9090}',
      '{name: metrics, containerPort: 15020}',
    ),
    says: /container port 9090/,
  },
  {
    ...BY_ANNOTATION,
    what: 'an annotation where metrics are not merged; not where they are',
    yes: annotated(`${SCRAPE}, prometheus.io/port: "9090"`),
    no: annotated(`${SCRAPE}, prometheus.io/port: "9090"`),
    mesh: OFF,
    meshOfNo: {},
    says: /scrape container port 9090/,
  },
  {
    ...BY_ANNOTATION,
    what: 'one that switches merging off; not one that leaves it on',
    yes: annotated(`${SCRAPE}, prometheus.io/port: "9090", prometheus.istio.io/merge-metrics: "false"`),
    no: annotated(`${SCRAPE}, prometheus.io/port: "9090", prometheus.istio.io/merge-metrics: "true"`),
    says: /scrape container port 9090/,
  },
  {
    ...BY_ANNOTATION,
    what: 'every declared port where none is named; not the port of the agent',
    yes: annotated(SCRAPE),
    no: annotated(`${SCRAPE}, prometheus.io/port: "15020"`),
    mesh: OFF,
    says: /container port 8080 of Deployment shop\/cart and container port 9090/,
  },
  {
    ...BY_ANNOTATION,
    what: 'pods that are scraped; not those that only name a port',
    yes: annotated(`${SCRAPE}, prometheus.io/port: "8080"`),
    no: annotated('prometheus.io/scrape: "false", prometheus.io/port: "8080"'),
    mesh: OFF,
    says: /goes blind/,
  },
  {
    code: 'ScraperUsesMeshCertificate',
    what: 'a monitor with a certificate; not one that sends it to nobody, for want of TLS',
    yes: monitor(
      'ServiceMonitor',
      'app: cart',
      'port: web, scheme: https, tlsConfig: {certFile: /etc/prom-certs/cert-chain.pem}',
    ),
    no: monitor(
      'ServiceMonitor',
      'app: cart',
      'port: web, scheme: http, tlsConfig: {certFile: /etc/prom-certs/cert-chain.pem}',
    ),
    object: 'ServiceMonitor monitoring/cart',
    says: /holds under STRICT and fails under PERMISSIVE/,
  },
  {
    code: 'ScraperUsesMeshCertificate',
    what: 'pods that get certificates from their proxy; not those with other settings',
    yes: prometheus('{"proxyMetadata": {"OUTPUT_CERTS": "/etc/istio-output-certs"}}'),
    no: prometheus('{"proxyMetadata": {"NO_OUTPUT_CERTS": "true"}}'),
    object: 'Deployment monitoring/prometheus',
    says: /OUTPUT_CERTS.* rolled back/,
  },
];

describe('hazards: how metrics are scraped', () => {
  tellsApart(scraping, ROWS);
});
