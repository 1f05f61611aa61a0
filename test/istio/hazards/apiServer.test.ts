import { apiServer } from '../../../src/istio/hazards/apiServer.ts';
import { type Row, tellsApart } from './scene.ts';

const NAMESPACE = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: guard, namespace: shop}
spec:
  selector: {matchLabels: {app: guard}}
  template:
    metadata: {labels: {app: guard}}
    spec:
      containers:
      - name: guard
        ports: [{name: hook, containerPort: 9443}, {name: http, containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: guard, namespace: shop}
spec:
  selector: {app: guard}
  ports: [{name: https, port: 443, targetPort: hook}, {name: http, port: 80, targetPort: http}]
---
`;

const webhook = (kind: string, client: string) => `${NAMESPACE}
apiVersion: admissionregistration.k8s.io/v1
kind: ${kind}
metadata: {name: guard}
webhooks: [{name: guard.example.com, ${client}}]
`;

const EXEMPT = `
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: guard, namespace: shop}
spec: {selector: {matchLabels: {app: guard}}, portLevelMtls: {"9443": {mode: PERMISSIVE}}}
`;

const conversion = (service: string) => `${NAMESPACE}
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: guards.example.com}
spec: {conversion: {strategy: Webhook, webhook: {clientConfig: {service: {name: guard, namespace: ${service}}}}}}
`;

const api = (namespace: string) => `${NAMESPACE}
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.guards.example.com}
spec: {service: {name: guard, namespace: ${namespace}}}
`;

const HERE = 'clientConfig: {service: {name: guard, namespace: shop}}';

const ROWS: readonly Row[] = [
  {
    code: 'WebhookPort',
    what: 'a webhook behind a Service of the scope, by the port of the container; not one that is exempt',
    yes: webhook('ValidatingWebhookConfiguration', HERE),
    no: webhook('ValidatingWebhookConfiguration', HERE) + EXEMPT,
    object: 'ValidatingWebhookConfiguration guard',
    says: /container port 9443 of Deployment shop\/guard .* could not be created or changed/,
  },
  {
    code: 'WebhookPort',
    what: 'one that is passed over when it fails; not one outside the cluster',
    yes: webhook('MutatingWebhookConfiguration', `${HERE}, failurePolicy: Ignore`),
    no: webhook('MutatingWebhookConfiguration', 'clientConfig: {url: "https://guard.example.com"}'),
    object: 'MutatingWebhookConfiguration guard',
    says: /passed over without a word/,
  },
  {
    code: 'WebhookPort',
    what: 'the conversion of a resource; not one by a Service elsewhere',
    yes: conversion('shop'),
    no: conversion('other'),
    object: 'CustomResourceDefinition guards.example.com',
    says: /the conversion of guards\.example\.com/,
  },
  {
    code: 'ApiServicePort',
    what: 'an aggregated API; not one that another namespace serves',
    yes: api('shop'),
    no: api('other'),
    object: 'APIService v1.guards.example.com',
    says: /the API would be gone/,
  },
];

describe('hazards: what the API server calls', () => {
  tellsApart(apiServer, ROWS);
});
