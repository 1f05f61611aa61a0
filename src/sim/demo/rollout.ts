/** The rollout of the demo, as its author would keep it in Git, and a policy that somebody had set before. */
import { GROUP, KIND, VERSION } from '../../api/resource.ts';
import type { SpecInput } from '../../api/schema.ts';
import { SHOP_NAMESPACES } from '../boutique/shop.ts';

export const ROLLOUT = { namespace: 'istio-system', name: 'boutique' } as const;

const spec: SpecInput = {
  target: { namespaces: { names: [...SHOP_NAMESPACES] } },
  strategy: {
    waves: [
      { name: 'leaf', names: ['ad', 'currency', 'email', 'payment'], maxConcurrent: 4, soak: '2m' },
      { name: 'core', names: ['product-catalog', 'recommendation', 'cart', 'shipping'], maxConcurrent: 2, soak: '2m' },
      { name: 'edge', names: ['checkout', 'frontend', 'loadgenerator'], maxConcurrent: '50%', soak: '2m' },
    ],
  },
  probes: [
    { name: 'no-plaintext', plaintextTraffic: { window: '5m' } },
    { name: 'enforced', enforcement: {} },
    { name: 'ready', workloadReadiness: {} },
    { name: 'traffic', trafficDrop: { window: '2m' } },
  ],
  analysis: { interval: '15s', successes: 3 },
  rollback: { extent: 'Wave' },
};

export const rolloutObject = {
  apiVersion: `${GROUP}/${VERSION}`,
  kind: KIND,
  metadata: { ...ROLLOUT },
  spec,
};

/** Somebody set this years ago. A rollback has to leave it as it was, to the last label. */
export const userPolicy = {
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  metadata: {
    name: 'default',
    namespace: 'shipping',
    labels: { team: 'logistics' },
    annotations: { 'example.com/ticket': 'OPS-1182' },
  },
  spec: { mtls: { mode: 'PERMISSIVE' } },
};
