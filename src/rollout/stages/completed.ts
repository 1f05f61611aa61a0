/** Nothing is left to move. */
import type { Move } from '../move.ts';
import { leftOutText } from '../selection.ts';
import type { Situation } from '../situation.ts';
import { isStrict } from '../scopeState.ts';
import { counted } from '../text.ts';

export function completed(situation: Situation): Move {
  const states = [...situation.states()];
  const [hole] = situation.blocking([]).filter(({ code }) => code === 'NamespaceNotFound');
  if (states.length === 0 || hole) {
    const message = hole
      ? `${hole.message}; ${hole.fix}`
      : 'the target has no scopes: no namespace or workload matches it; it begins when one does';
    return {
      kind: 'Wait',
      phase: 'Pending',
      step: null,
      on: hole?.code ?? 'scopes',
      message,
      stalled: hole?.code ?? 'NoScopes',
    };
  }
  const excepted = states.filter(state => !isStrict(state)).length;
  const exceptions = excepted > 0 ? `, ${excepted} of them with accepted exceptions` : '';
  return {
    kind: 'Wait',
    phase: 'Completed',
    step: null,
    on: '',
    message: `${counted(states.length, 'scope')} STRICT${exceptions}${leftOutText(situation.selection, situation.input.world)}`,
  };
}
