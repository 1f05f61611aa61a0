/** How long to wait before trying again: doubling from try to try, at least what the API server asks, within a bound. */
import { KubeError } from './errors.ts';

/**
 * @param failures how many tries have failed before this one
 * @param share part of the grown pause to take, to spread those who fail together; all of it unless given
 */
export function pauseAfter(failures: number, firstMs: number, longestMs: number, error: unknown, share = 1): number {
  const grown = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 30));
  const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(grown * share, Math.min(asked, longestMs));
}
