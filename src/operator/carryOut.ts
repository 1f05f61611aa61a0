/** Performs a decision: the status first, so that intent is recorded, then the writes, a few at a time. */
import { isDeepStrictEqual } from 'node:util';
import type { Status } from '../api/status.ts';
import { KubeError } from '../cluster/errors.ts';
import type { Writer } from '../cluster/writer.ts';
import { ROLE_ADVICE } from '../rollout/shadows.ts';
import type { Obstacle } from '../rollout/world.ts';
import { type Write, writtenName } from '../rollout/writes.ts';

/** Writes of one decision that are under way at the same time. */
const PARALLEL = 8;

/** Whether two statuses say the same once they are JSON. */
export function sameStatus(a: unknown, b: Status): boolean {
  return isDeepStrictEqual(a ?? {}, JSON.parse(JSON.stringify(b)));
}

/** What became of the writes of a decision. */
export interface Outcome {
  /** Something was not as it had been seen; a new look decides anew. */
  outdated?: KubeError;
  /** What an author or operator has to know about: the first that went wrong. */
  trouble?: { obstacle: Obstacle; cause: KubeError };
  /** Objects of which a write went wrong so, and those of which one came about. */
  failed: string[];
  done: string[];
}

/**
 * Performs the writes, each after `before` has resolved; `isBack` says that they restore. Rejects only when this process may not write any more, or is
 * stopping.
 */
export async function performAll(
  writer: Writer,
  writes: readonly Write[],
  before: (write: Write) => Promise<void>,
  { signal, isBack }: { signal: AbortSignal; isBack: boolean },
): Promise<Outcome> {
  const outcome: Outcome = { failed: [], done: [] };
  const queue = writes.values();
  const worker = async () => {
    for (const write of queue) {
      // on the way back whatever can be restored is; on the way forth what went wrong concerns the whole step
      if (outcome.trouble && !isBack) return;
      try {
        await before(write);
        await writer.perform(write, signal);
        outcome.done.push(writtenName(write));
      } catch (error) {
        if (!(error instanceof KubeError)) throw error;
        if (isOutdated(error)) outcome.outdated = error;
        else {
          outcome.failed.push(writtenName(write));
          outcome.trouble ??= { obstacle: writeTrouble(write, error), cause: error };
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, writes.length) }, worker));
  return outcome;
}

/** Whether something was not as it had been seen. */
export function isOutdated({ kind }: KubeError): boolean {
  return kind === 'Conflict' || kind === 'NotFound' || kind === 'AlreadyExists' || kind === 'Gone';
}

/** `what` was tried, in words. */
export function troubleOf(what: string, error: KubeError): Obstacle {
  const lasting = isLasting(error);
  // an answer of the API server says what was asked; a broken connection does not
  const tried = error.object === undefined ? `${what}: ` : '';
  return {
    reason: lasting ? `Write${error.kind}` : 'WriteFailed',
    message: `cannot ${tried}${error.message}`,
    lasting,
  };
}

function writeTrouble(write: Write, error: KubeError): Obstacle {
  const obstacle = troubleOf(`${write.verb} ${writtenName(write)}`, error);
  const { kind } = write.verb === 'create' ? write.object : write.target;
  // that right is given only where somebody wants it
  const isMissing = kind === 'AuthorizationPolicy' && error.kind === 'Forbidden';
  return isMissing ? { ...obstacle, message: `${obstacle.message}; ${ROLE_ADVICE}` } : obstacle;
}

/** Whether the same request fails until somebody does something about it. */
export function isLasting({ kind }: KubeError): boolean {
  return kind === 'Forbidden' || kind === 'Invalid' || kind === 'Unauthorized';
}
