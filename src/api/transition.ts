/** What a change of a rollout may not do, as a rule for the API server and for servers without CEL. */
import type { Spec } from './schema.ts';
import { MAX_WAVES } from './schema/strategy.ts';
import type { Status } from './status.ts';

interface Change {
  before: { spec: Spec; status?: Status };
  after: { spec: Spec };
}

/**
 * Waves that have begun keep name and place. A write of the status alone has the same waves on both sides and always
 * passes.
 */
export const startedWavesStay = {
  cel: startedWavesCel(),
  holds: ({ before, after }: Change): boolean => {
    const begun = new Set(before.status?.waves?.filter(wave => wave.phase !== 'Pending').map(wave => wave.name));
    return before.spec.strategy.waves.every(
      ({ name }, place) => !begun.has(name) || after.spec.strategy.waves[place]?.name === name,
    );
  },
  message: 'waves that have begun keep their name and place: put them back, and add or reorder only waves after them',
};

/** Places come from a list of numbers: `map(...).indexOf(...)` is estimated without bounds, and the CRD refused. */
function startedWavesCel(): string {
  const places = Array.from({ length: MAX_WAVES }, (_, index) => index).join(', ');
  const [before, after] = ['oldSelf.spec.strategy.waves', 'self.spec.strategy.waves'];
  const same = `i < size(${after}) && ${after}[i].name == ${before}[i].name`;
  const begun = `oldSelf.status.waves.exists(w, w.name == ${before}[i].name && w.phase != 'Pending')`;
  return [
    '!has(oldSelf.status)',
    '!has(oldSelf.status.waves)',
    `[${places}].all(i, i >= size(${before}) || (${same}) || !${begun})`,
  ].join(' || ');
}
