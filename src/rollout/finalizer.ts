/**
 * The finalizer of a rollout with `deletionPolicy: Restore`: it is there before the first write, so that a deletion
 * finds the operator, and goes when nothing is left to restore.
 */
import { type MtlsRollout, RESTORE_FINALIZER } from '../api/resource.ts';
import { isMarked } from './marked.ts';
import type { Wait } from './move.ts';
import type { Situation } from './situation.ts';
import type { Decision, Input, World } from './world.ts';

/** Whether a deletion of the rollout waits for the operator. */
export function isHeld({ metadata }: MtlsRollout): boolean {
  return metadata.finalizers?.includes(RESTORE_FINALIZER) ?? false;
}

/** What is still to do for a rollout that is being deleted; undefined: it is not. */
export function departure(
  rollout: MtlsRollout,
  { rootNamespace, namespaces }: Pick<World, 'rootNamespace' | 'namespaces'>,
): 'Nothing' | 'LetGo' | 'Restore' | undefined {
  const { metadata, spec } = rollout;
  if (metadata.deletionTimestamp === undefined) return undefined;
  if (!isHeld(rollout)) return 'Nothing';
  if (spec.deletionPolicy === 'Keep') return 'LetGo';
  // its policies go with the namespace, which must not wait for anybody
  const isLast = namespaces.some(({ name, terminating }) => name === metadata.namespace && terminating);
  return isLast && metadata.namespace !== rootNamespace ? 'LetGo' : 'Restore';
}

/** Whether the rollout is being deleted, and its policies are restored. */
export function isDeparting({ rollout, world }: Pick<Input, 'rollout' | 'world'>): boolean {
  return departure(rollout, world) === 'Restore';
}

/** What has to become of the finalizer now; where it is missed, nothing is written before it is there. */
export function finalizerFor(
  situation: Situation,
  { phase, writes = [] }: Pick<Wait, 'phase' | 'writes'>,
): Decision['finalizer'] {
  const { rollout } = situation.input;
  const isNeeded = rollout.spec.deletionPolicy === 'Restore' && phase !== 'Reverted';
  if (isHeld(rollout)) return isNeeded ? undefined : 'Remove';
  if (!isNeeded || rollout.metadata.deletionTimestamp !== undefined) return undefined;
  return writes.length > 0 || isMarked(situation) ? 'Add' : undefined;
}

/** The finalizers of the rollout, with this one or without it. */
export function finalizersWith({ metadata }: MtlsRollout, change: NonNullable<Decision['finalizer']>): string[] {
  const others = (metadata.finalizers ?? []).filter(name => name !== RESTORE_FINALIZER);
  return change === 'Add' ? [...others, RESTORE_FINALIZER] : others;
}
