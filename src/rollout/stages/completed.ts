/** Nothing is left to move. */
import type { Move } from '../move.ts';
import { leftOutText } from '../selection.ts';
import type { Situation } from '../situation.ts';
import { openParts, type ScopeState } from '../scopeState.ts';
import { counted, listed, nameOf } from '../text.ts';

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
  const parts = states.flatMap(state => exceptFor(state).map(part => `${state.key}: ${part}`));
  const exceptions = parts.length > 0 ? `, except ${listed(parts, 8)}` : '';
  return {
    kind: 'Wait',
    phase: 'Completed',
    step: null,
    on: '',
    message: `${counted(states.length, 'scope')} STRICT${exceptions}${leftOutText(situation.selection, situation.input.world)}`,
  };
}

/** What of a scope is less than STRICT: exceptions of the author, and policies that the author accepted. */
function exceptFor(state: ScopeState): string[] {
  return [...openParts(state), ...[...state.weakerInside, ...state.overlapping].map(nameOf)];
}
