/**
 * Tells news of a rollout from the echo of our own status: a watch reports both, and to act on an echo would make
 * every failed write its own cause for the next try.
 */
import type { Status } from '../api/status.ts';
import type { RolloutEntry } from './caches.ts';
import { sameStatus } from './carryOut.ts';

interface Said {
  /** What the rollout was when it was decided on. */
  facts: string;
  status: Status;
}

export class Echoes {
  readonly #said = new Map<string, Said>();

  /** Before the status is sent: the watch may be faster than the answer. */
  say(key: string, entry: RolloutEntry, status: Status): void {
    this.#said.set(key, { facts: factsOf(entry), status });
  }

  forget(key: string): void {
    this.#said.delete(key);
  }

  /** Whether the rollout differs in nothing from what was decided on, and says what was decided. */
  isEcho(key: string, entry: RolloutEntry): boolean {
    const said = this.#said.get(key);
    return said !== undefined && said.facts === factsOf(entry) && sameStatus(entry.rawStatus, said.status);
  }
}

/** All of a rollout but its status that a decision looks at; the generation stands for the spec. */
function factsOf({ parsed }: RolloutEntry): string {
  const { uid, generation, annotations, deletionTimestamp, finalizers } =
    ('rollout' in parsed ? parsed.rollout.metadata : parsed.metadata) ?? {};
  return JSON.stringify([uid, generation, annotations, deletionTimestamp, finalizers]);
}
