/**
 * Objects that a rollout makes for a scope and takes away again: pins, and the policies that count plaintext. What
 * somebody has changed since is no longer the rollout's to remove.
 */
import { checksum } from '../api/hash.ts';
import { APPLIED_ANNOTATION, type MtlsRollout, type ObjectMeta, ROLLOUT_ANNOTATION } from '../api/resource.ts';
import { MANAGED_BY, ownerMark } from './marks.ts';
import type { Scope } from './scope.ts';
import { seal, unseal } from './seal.ts';

/** How long a change is given to reach every proxy: over ten times what was measured. */
const SETTLE = 5_000;
/** Creation times are cut to whole seconds. */
const RESOLUTION = 1_000;

/** What is written on it: for which scope and when, and what it said. */
interface Sealed {
  scope: string;
  at: string;
  sum: string;
}

export interface Made {
  namespace: string;
  /** uid of the rollout that made it. */
  rollout: string;
  scope: string | undefined;
  /** Whether it is as it was made; else it is somebody else's by now. */
  untouched: boolean;
  /** When it was written, as far as it tells. */
  since: number;
}

/** The marks of an object that says this. */
export function madeMarks(rollout: MtlsRollout, scope: string, at: string, content: unknown) {
  const sealed: Sealed = { scope, at, sum: checksum(content) };
  return { labels: MANAGED_BY, annotations: { ...ownerMark(rollout), [APPLIED_ANNOTATION]: seal(sealed) } };
}

/** What the marks of an object that says this tell; undefined where no rollout made it. */
export function madeOf(
  { annotations = {}, creationTimestamp = '', namespace }: ObjectMeta & { namespace: string },
  content: unknown,
): Made | undefined {
  const by = annotations[ROLLOUT_ANNOTATION];
  if (by === undefined) return undefined;
  const sealed = unseal(annotations[APPLIED_ANNOTATION]) as Sealed | undefined;
  return {
    namespace,
    rollout: by.split('/')[2] ?? '',
    scope: sealed?.scope,
    untouched: sealed !== undefined && sealed.sum === checksum(content),
    since: writtenAt(creationTimestamp, sealed?.at),
  };
}

/** Whether it was made for this scope, or for its whole namespace: no two rollouts govern the same. */
export function isAbout({ scope, namespace: where }: Made, state: { key: string; scope: Scope }): boolean {
  const { namespace } = state.scope;
  if (where !== namespace) return false;
  return scope === state.key || scope === namespace || state.scope.kind === 'Namespace';
}

/** When an object was written, as its API server and its marks tell: two clocks, whichever is ahead. */
export function writtenAt(creationTimestamp = '', at = ''): number {
  const times = [Date.parse(creationTimestamp) + RESOLUTION, Date.parse(at)];
  return Math.max(...times.filter(time => !Number.isNaN(time)), 0);
}

/**
 * When what was written at these times, of which status knows the last, has reached every proxy. A time in the future
 * is that of another clock, or of this one before it went back: it tells nothing.
 */
export function settledAt(at: string | undefined, times: readonly number[], now: number): number {
  const told = [Date.parse(at ?? ''), ...times].filter(time => time <= now + 2 * SETTLE);
  return Math.max(...told, 0) + SETTLE;
}
