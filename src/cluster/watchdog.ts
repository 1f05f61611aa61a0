/** Ends what has been silent for too long. */
import type { Clock } from './clock.ts';
import { KubeError } from './errors.ts';

/**
 * Aborts the attempt once `idleMs` have passed since `heard()` (monotonic). Resolves when the attempt is aborted, by
 * this or by anybody.
 */
export async function guard(attempt: AbortController, clock: Clock, heard: () => number, idleMs: number, what: string) {
  while (!attempt.signal.aborted) {
    const left = heard() + idleMs - clock.monotonic();
    if (left > 0) await clock.wait(left, attempt.signal);
    else attempt.abort(new KubeError('Unavailable', `${what}: silent for ${idleMs / 1000} s`));
  }
}
