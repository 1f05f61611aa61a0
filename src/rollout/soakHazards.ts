/** Soaks that end before their own step can have shown what it broke. */
import { formatDuration, parseDuration } from '../api/duration.ts';
import type { Spec } from '../api/schema.ts';
import type { Hazard } from '../api/status.ts';
import type { Plan } from './plan.ts';

/** Istio's `drainDuration`, unless the mesh says otherwise: connections from before a switch go on for so long. */
const DRAIN_MS = 45_000;
/** The usual scrape interval: what broke then has still to be read. */
const SCRAPE_MS = 15_000;
const SHORTEST_MS = DRAIN_MS + SCRAPE_MS;

/** A step is over when its soak is, and no sooner than after its healthy rounds. */
export function shortSoaks({ analysis }: Pick<Spec, 'analysis'>, { waves }: Pick<Plan, 'waves'>): Hazard[] {
  const rounds = parseDuration(analysis.interval) * analysis.successes;
  return waves
    .filter(({ soakMs, scopes }) => scopes.length > 0 && Math.max(soakMs, rounds) < SHORTEST_MS)
    .map(({ name, soakMs }) => ({
      code: 'ShortSoak',
      severity: 'Warn',
      object: `wave ${name}`,
      message: `a step of wave ${name} is over ${formatDuration(Math.max(soakMs, rounds))} after its switch, but connections that were open before it go on for up to ${formatDuration(DRAIN_MS)}: what then breaks shows only in the next step, and rolls back that one`,
      fix: `give the wave a soak of at least ${formatDuration(SHORTEST_MS)}, or accept it`,
    }));
}
