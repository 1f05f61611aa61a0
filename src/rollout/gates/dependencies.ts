/** Gate: a rollout waits until those that it names in `spec.dependsOn` are Completed, and holds when one no longer is. */
import { counted, listed } from '../text.ts';
import { type Gate, heldBy } from './gate.ts';

/** Changes wake the rollout; this is only for what nobody told about. */
const LOOK_AGAIN = 60_000;

export const dependencies: Gate = (situation, step) => {
  const { input, now } = situation;
  const { dependencies: found } = input.world;
  if (input.rollout.spec.dependsOn.length === 0) return undefined;
  // what nobody has looked for is not known to be done
  if (!found)
    return heldBy(situation, step, {
      on: 'dependsOn',
      why: 'the rollouts in spec.dependsOn were not read',
      nextLookAt: now + LOOK_AGAIN,
    });
  if (found.cycle)
    return heldBy(situation, step, {
      on: 'DependencyCycle',
      why: `spec.dependsOn leads back to this rollout: ${bracketed(found.cycle)}; take one of them out`,
      stalled: 'DependencyCycle',
    });
  const open = found.all.filter(({ isCompleted }) => !isCompleted);
  const [first] = open;
  if (!first) return undefined;
  const stands =
    first.phase === undefined
      ? 'is not there, or cannot be read'
      : `is ${first.phase === 'Completed' ? 'about to look at its new spec' : first.phase}`;
  const more =
    open.length > 1
      ? ` (and ${counted(open.length - 1, 'more rollout')} of spec.dependsOn: ${listed(open.slice(1).map(({ key }) => key))})`
      : '';
  return heldBy(situation, step, {
    on: `rollout ${first.key}`,
    why: `MtlsRollout ${first.key} ${stands}${more}; it goes on when that is Completed, or is taken from spec.dependsOn`,
    nextLookAt: now + LOOK_AGAIN,
  });
};

function bracketed(way: readonly string[]): string {
  return way.length > 8 ? [...way.slice(0, 4), '…', ...way.slice(-3)].join(' → ') : way.join(' → ');
}
