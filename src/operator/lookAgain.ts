/** When a rollout has to be looked at again because something that it depends on is not watched. */
import type { Decision, Input } from '../rollout/world.ts';
import { LOOK_FOR_HAZARDS_MS } from './hazardWatch.ts';

/** What cannot be seen, or stands in the way without being watched (as Services do), is looked for again. */
export const LOOK_AGAIN_MS = 30_000;
/** Workloads that appear later are found by looking. */
const WORKLOADS_MS = 300_000;

/** Milliseconds since the epoch; undefined: only when something changes. */
export function lookAgain({ rollout, now, obstacle, world }: Input, { nextLookAt }: Decision): number | undefined {
  if (obstacle && !obstacle.lasting) return now + LOOK_AGAIN_MS;
  const { strategy, target } = rollout.spec;
  const unwatched = [
    ...(world.findings?.size ? [LOOK_FOR_HAZARDS_MS] : []),
    ...(world.services.size > 0 ? [LOOK_AGAIN_MS] : []),
    ...(strategy.unit === 'Workload' && !target.workloads ? [WORKLOADS_MS] : []),
  ].map(ms => now + ms);
  const times = [...(nextLookAt === undefined ? [] : [nextLookAt]), ...unwatched];
  return times.length > 0 ? Math.min(...times) : undefined;
}
