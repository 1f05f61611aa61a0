/** Skips the running test or suite and says why; the reporter prints the reason, and under CI=true counts it as failed. */
import type { Context, Runnable } from 'mocha';

const REASON = Symbol.for('mtls-rollout.skip-reason');

interface Marked {
  [REASON]?: string;
}

export function skipBecause(context: Context, reason: string): never {
  const runnable = context.test ?? context.runnable();
  // a skip in a before hook skips the whole suite, so the reason belongs to the suite
  const isHook = (runnable as { type?: string }).type === 'hook';
  const owner = isHook ? runnable.parent! : runnable;
  (owner as Marked)[REASON] = reason;
  return context.skip();
}

/** The reason given for a test, or for the nearest suite around it. */
export function skipReason(test: Runnable): string | undefined {
  const own = (test as Marked)[REASON];
  if (own !== undefined) return own;
  for (let suite = test.parent; suite !== undefined; suite = suite.parent) {
    const reason = (suite as Marked)[REASON];
    if (reason !== undefined) return reason;
  }
  return undefined;
}
