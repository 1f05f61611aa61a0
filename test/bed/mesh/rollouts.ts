/** Rollouts at the pace of a real mesh that is scraped every two seconds. */
import type { SpecInput } from '../../../src/api/schema.ts';

/** How long any part of a story may take before it counts as stuck. */
export const PATIENCE = 200_000;

/** The probes of the default set, looking back seconds instead of hours. */
function lookingBack(window: string, interval: string) {
  return {
    probes: [
      { name: 'no-plaintext', plaintextTraffic: { window, minRequests: 5 } },
      { name: 'enforced', enforcement: {} },
      { name: 'ready', workloadReadiness: {} },
      { name: 'traffic', trafficDrop: { window, minRequests: 20 } },
    ],
    analysis: { interval, successes: 2, progressDeadline: '3m' },
  } satisfies Partial<SpecInput>;
}

export const BRISK = lookingBack('15s', '2s');
/** Where there are many steps, and clients that call all the time. */
export const HASTY = lookingBack('6s', '1s');
