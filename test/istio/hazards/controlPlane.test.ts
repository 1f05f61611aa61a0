import assert from 'node:assert/strict';
import { controlPlane } from '../../../src/istio/hazards/controlPlane.ts';
import { AMBIENT, INJECTED, istiod, policy, workload } from './manifests.ts';
import { findings, type Row, tellsApart } from './scene.ts';

const proxy = (tag: string) => `
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, labels: {app: cart, security.istio.io/tlsMode: istio}}
spec: {containers: [{name: istio-proxy, image: "docker.io/istio/proxyv2:${tag}"}]}
---
`;
const OF_REVISION = INJECTED.replace('istio-injection: enabled', 'istio.io/rev: canary');
const roots = (other: string) => ({
  roots: new Map([
    ['', 'istio-system'],
    ['canary', other],
  ]),
});
const env = (value: string) => `[{name: PILOT_ENABLE_TELEMETRY_LABEL, value: "${value}"}]`;
const CART = AMBIENT + workload('cart');
const ports = (more: string) => policy('shop/cart', `{selector: {matchLabels: {app: cart}}, ${more}}`);
const PORTS = ports('mtls: {mode: STRICT}, portLevelMtls: {"8080": {mode: PERMISSIVE}}');

const ROWS: readonly Row[] = [
  {
    code: 'AutoMtlsOff',
    what: 'auto mutual TLS switched off; not by default',
    yes: INJECTED,
    no: INJECTED,
    mesh: { enableAutoMtls: false },
    meshOfNo: {},
    object: 'MeshConfig',
    says: /enableAutoMtls is false/,
  },
  {
    code: 'SeveralRevisions',
    what: 'two root namespaces; not two revisions with the same',
    yes: INJECTED,
    no: INJECTED,
    mesh: roots('istio-canary'),
    meshOfNo: roots('istio-system'),
    object: 'MeshConfig',
    says: /istio-system \(revision default\) and istio-canary \(revision canary\)/,
  },
  {
    code: 'OtherRoot',
    what: 'a namespace of a revision with another root; not one of the default revision',
    yes: OF_REVISION,
    no: INJECTED,
    mesh: roots('istio-canary'),
    object: 'Namespace shop',
    says: /revision canary has the root namespace istio-canary, not istio-system/,
  },
  {
    code: 'OtherRoot',
    what: 'a revision with another root; not one with the same',
    yes: OF_REVISION,
    no: OF_REVISION,
    mesh: roots('istio-canary'),
    meshOfNo: roots('istio-system'),
    object: 'Namespace shop',
    says: /istio-canary/,
  },
  {
    code: 'OldProxy',
    what: 'a proxy two releases behind; not one release',
    yes: INJECTED + proxy('1.27.3') + istiod('1.29.0'),
    no: INJECTED + proxy('1.28.0') + istiod('1.29.0'),
    object: 'Pod shop/cart',
    says: /of version 1\.27\.3, .* \(1\.29\.0\)/,
  },
  {
    code: 'OldProxy',
    what: 'a version that is known; not where either is not',
    yes: INJECTED + proxy('1.27.3-distroless') + istiod('1.30.0'),
    no: INJECTED + proxy('1.27.3') + istiod('1.30.0') + istiod('latest'),
    object: 'Pod shop/cart',
    says: /1\.27\.3/,
  },
  {
    code: 'TelemetryLabelOff',
    what: 'the label switched off before 1.27; not in 1.27',
    yes: istiod('1.26.4', env('false')),
    no: istiod('1.27.0', env('false')),
    object: 'Deployment istio-system/istiod',
    says: /PILOT_ENABLE_TELEMETRY_LABEL is false: before Istio 1\.27 \(here 1\.26\.4\)/,
  },
  {
    code: 'TelemetryLabelOff',
    what: 'the label switched off; not on',
    yes: istiod('1.26.4', env('false').replace('ENABLE', 'ENDPOINT')),
    no: istiod('1.26.4', env('true')),
    object: 'Deployment istio-system/istiod',
    says: /PILOT_ENDPOINT_TELEMETRY_LABEL/,
  },
  {
    code: 'AmbientPortPolicy',
    what: 'ports of ambient pods before 1.25; not in 1.25',
    yes: CART + PORTS + istiod('1.24.6'),
    no: CART + PORTS + istiod('1.25.0'),
    object: 'PeerAuthentication shop/cart',
    says: /here 1\.24\.6/,
  },
  {
    code: 'AmbientPortPolicy',
    what: 'modes of ports; not of whole workloads',
    yes: CART + PORTS + istiod('1.24.6'),
    no: CART + ports('mtls: {mode: STRICT}') + istiod('1.24.6'),
    object: 'PeerAuthentication shop/cart',
    says: /single ports/,
  },
  {
    code: 'AmbientPortPolicy',
    what: 'ambient pods; not sidecars',
    yes: CART + PORTS + istiod('1.24.6'),
    no: INJECTED + workload('cart') + PORTS + istiod('1.24.6'),
    object: 'PeerAuthentication shop/cart',
    says: /ambient/,
  },
];

describe('hazards: the control plane', () => {
  tellsApart(controlPlane, ROWS);

  it('does not guess the root namespace of a revision that it knows nothing of', () => {
    const found = findings(controlPlane, OF_REVISION, { roots: new Map([['', 'istio-system']]) });
    assert.deepEqual(found, []);
  });
});
