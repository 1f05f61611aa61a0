import assert from 'node:assert/strict';
import { changeBy, diffLines } from '../../src/cli/objectDiff.ts';
import type { PeerAuthentication } from '../../src/istio/objects.ts';
import { targetOf, type Write } from '../../src/rollout/writes.ts';

const HOLDER: PeerAuthentication = {
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  metadata: {
    name: 'cart',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '7',
    creationTimestamp: '2026-12-01T09:00:00Z',
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', team: 'a\u001b[31m' },
    managedFields: [{ manager: 'kubectl' }],
  },
  spec: {
    selector: { matchLabels: { app: 'cart', tier: 'back' } },
    mtls: { mode: 'PERMISSIVE' },
    portLevelMtls: { 8080: { mode: 'DISABLE' } },
  },
};

const linesOf = (write: Write, holder?: PeerAuthentication) => diffLines(changeBy(write, holder));

describe('a change of an object', () => {
  it('is shown with a few lines around it, and without what the API server keeps for itself', () => {
    const patch = { metadata: { annotations: { by: 'me' } }, spec: { mtls: { mode: 'STRICT' } } };
    assert.deepEqual(linesOf({ verb: 'patch', target: targetOf(HOLDER), patch }, HOLDER), [
      '--- PeerAuthentication shop/cart',
      '+++ PeerAuthentication shop/cart',
      '@@ -5,13 +5,14 @@',
      '   namespace: shop',
      '   annotations:',
      '     team: "a\\e[31m"',
      '+    by: me',
      ' spec:',
      '   selector:',
      '     matchLabels:',
      '       app: cart',
      '       tier: back',
      '   mtls:',
      '-    mode: PERMISSIVE',
      '+    mode: STRICT',
      '   portLevelMtls:',
      "     '8080':",
      '       mode: DISABLE',
    ]);
  });

  it('that makes the object has only new lines, and one that takes it away only old ones', () => {
    const { metadata, ...rest } = HOLDER;
    const object = { ...rest, metadata: { name: metadata.name, namespace: metadata.namespace } };
    const [from, to, , ...made] = linesOf({ verb: 'create', object });
    assert.deepEqual([from, to], ['--- /dev/null', '+++ PeerAuthentication shop/cart']);
    assert.ok(made.every(line => line.startsWith('+')));
    const [was, gone, , ...lost] = linesOf({ verb: 'delete', target: targetOf(HOLDER) }, object);
    assert.deepEqual([was, gone], ['--- PeerAuthentication shop/cart', '+++ /dev/null']);
    assert.deepEqual(
      lost,
      made.map(line => line.replace('+', '-')),
    );
  });
});
