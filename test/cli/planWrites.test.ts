/** A plan shows everything that will be written: exceptions, rules for clients, and the scope itself, in their order. */
import assert from 'node:assert/strict';
import { offline } from './folder.ts';

const SHOP = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, ports: [{containerPort: 8080}, {containerPort: 9443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080, name: http}]}
---
apiVersion: mtlsrollout.io/v1alpha1
kind: MtlsRollout
metadata: {name: shop, namespace: shop}
spec:
  target: {namespace: {}}
  destinationRules: Always
  exceptions: [{name: hook, selector: {matchLabels: {app: web}}, ports: [9443], reason: x, until: "2027-03-31"}]
`;

describe('what a plan shows of writes', () => {
  it('is every object of the step, in the order in which it is written', async () => {
    const { code, out } = await offline(['plan'], { 'shop.yaml': SHOP });
    assert.equal(code, 0);
    assert.ok(
      out.includes(
        [
          'create mtls-rollout-except-hook as PERMISSIVE',
          'create mtls-rollout as PERMISSIVE',
          'create mtls-rollout-client-web as ISTIO_MUTUAL',
          'patch mtls-rollout-except-hook to STRICT',
          'patch mtls-rollout to STRICT',
        ].join(', then '),
      ),
      out,
    );
    for (const object of [
      'DestinationRule shop/mtls-rollout-client-web',
      'PeerAuthentication shop/mtls-rollout-except-hook',
      'PeerAuthentication shop/mtls-rollout',
    ])
      assert.match(out, new RegExp(`^--- /dev/null\n\\+\\+\\+ ${object}$`, 'm'));
  });

  it('has the policy in dry run that counts plaintext until STRICT', async () => {
    const counted = SHOP.replace(
      'spec:\n  target',
      'spec:\n  probes: [{name: p, plaintextTraffic: {source: Shadow}}]\n  target',
    );
    const { out } = await offline(['plan'], { 'shop.yaml': counted });
    assert.match(out, /create mtls-rollout-shadow in dry run, then create mtls-rollout-client-web/);
    assert.match(out, /patch mtls-rollout to STRICT, then delete mtls-rollout-shadow/);
    assert.doesNotMatch(out, /AuthorizationPolicy/, 'nothing of it is left');
  });

  it('is a patch of the one field where a rule is there', async () => {
    const theirs = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: theirs, namespace: shop}
spec: {host: web, trafficPolicy: {loadBalancer: {simple: RANDOM}}}
`;
    const { out } = await offline(['plan'], { 'shop.yaml': SHOP, 'theirs.yaml': theirs });
    assert.match(out, /patch theirs to ISTIO_MUTUAL/);
    assert.match(out, /^--- DestinationRule shop\/theirs\n\+\+\+ DestinationRule shop\/theirs$/m);
    assert.match(out, /^\+ {4}tls:\n\+ {6}mode: ISTIO_MUTUAL$/m);
    assert.doesNotMatch(out, /^-.*RANDOM/m);
  });
});
