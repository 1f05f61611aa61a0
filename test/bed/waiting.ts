/** Waiting for a condition by looking again, never by a fixed sleep. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/**
 * Looks every 50 ms until `condition` gives something other than undefined or false, and returns it. A look that
 * throws counts as "not yet" (the thing looked at may be restarting); when time is over, its error is the cause.
 * `condition` may itself wait (for the next event of a watch, say): the signal fires when time is over.
 */
export async function waitFor<T>(
  condition: (signal: AbortSignal) => T | undefined | false | Promise<T | undefined | false>,
  description: string,
  timeoutMs: number,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  const signal = AbortSignal.timeout(timeoutMs);
  let cause: unknown;
  for (;;) {
    try {
      const found = await condition(signal);
      if (found !== undefined && found !== false) return found;
      cause = undefined;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      cause = error;
    }
    if (Date.now() >= deadline) throw new Error(`waited ${timeoutMs} ms for ${description}`, { cause });
    await delay(POLL_MS);
  }
}

/** Thrown by a condition that can never come true any more: waiting ends at once. */
export class Hopeless extends Error {
  override name = 'Hopeless';
}
