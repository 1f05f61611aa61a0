/** Rollouts at the pace of a real mesh that is scraped every two seconds. */
import type { SpecInput } from '../../../src/api/schema.ts';

/** How long any part of a story may take before it counts as stuck. */
export const PATIENCE = 200_000;

/** The probes of the default set, looking back seconds instead of hours. */
export const BRISK = {
  probes: [
    { name: 'no-plaintext', plaintextTraffic: { window: '15s', minRequests: 5 } },
    { name: 'enforced', enforcement: {} },
    { name: 'ready', workloadReadiness: {} },
    { name: 'traffic', trafficDrop: { window: '15s', minRequests: 20 } },
  ],
  analysis: { interval: '2s', successes: 2, progressDeadline: '3m' },
} satisfies Partial<SpecInput>;
