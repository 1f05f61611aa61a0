/** How long a step soaks: as its author says, and no shorter than what it has broken takes to show. */
import { parseDuration } from '../api/duration.ts';
import { kindOf } from '../api/schema/probes/kinds.ts';
import type { ProbeSpec, Spec } from '../api/schema.ts';
import type { World } from './world.ts';

/** Time between two readings of a counter by Prometheus, where nobody has said otherwise. */
export const USUAL_SCRAPE_MS = 15_000;
/** STRICT reaches the proxies in this time where no probe sees that it has. */
const SPREAD_MS = 5_000;

export interface Soak {
  /** In milliseconds, as all here. */
  soakMs: number;
  /** What the author asked for, where that is shorter. */
  askedMs?: number;
}

/** Connections from before a switch go on until their proxy has drained them: only then their clients notice. */
export function soakOf(asked: string, { probes }: Pick<Spec, 'probes'>, { drainMs }: Pick<World, 'drainMs'>): Soak {
  const askedMs = parseDuration(asked);
  const isSeen = probes.length === 0 || probes.some(({ enforcement, dryRun }) => enforcement && !dryRun);
  const windows = probes.flatMap(windowOf);
  // what broke has still to be read, if any probe asks for it; an author who looks back over less is read as often
  const scrapeMs = probes.length > 0 && windows.length === 0 ? 0 : Math.min(USUAL_SCRAPE_MS, ...windows);
  const least = drainMs + scrapeMs + (isSeen ? 0 : SPREAD_MS);
  return askedMs < least ? { soakMs: least, askedMs } : { soakMs: askedMs };
}

function windowOf(probe: ProbeSpec): number[] {
  const options = probe[kindOf(probe)];
  return options && 'window' in options ? [parseDuration(options.window)] : [];
}
