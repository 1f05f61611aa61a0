/** Nothing is left to move. */
import type { Guard, Status } from '../../api/status.ts';
import { guardNow, nextGuardAt } from '../guard.ts';
import type { Move } from '../move.ts';
import { leftOutText } from '../selection.ts';
import type { Situation } from '../situation.ts';
import { openParts, type ScopeState } from '../scopeState.ts';
import { bounded, clockTime, counted, listed, nameOf } from '../text.ts';
import { LONGEST_REASON } from './story.ts';

/** Leaves room in a message for what the guard has found. */
const SHORT = 200;

export function completed(situation: Situation, status: Status): Move {
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
  const done = `${counted(states.length, 'scope')} STRICT${exceptions}${leftOutText(situation.selection, situation.input.world)}`;
  const guard = guardNow(situation, status);
  const next = nextGuardAt(situation.input.rollout.spec, { phase: 'Completed', guard }, situation.now);
  const [finding] = guard.findings;
  return {
    kind: 'Wait',
    phase: 'Completed',
    step: null,
    on: finding ? `probe ${finding.probe}` : '',
    message: finding ? `${bounded(done, SHORT)}; ${findingText(situation, guard)}` : done,
    ...(finding ? { stalled: 'GuardUnhealthy' } : {}),
    guard,
    ...(next === undefined ? {} : { nextLookAt: next }),
  };
}

/** What the guard has found, the newest first, and how that ends. */
function findingText({ now }: Situation, { findings: [first, ...others] }: Guard): string {
  if (!first) return '';
  const more = others.length > 0 ? ` (and ${counted(others.length, 'more finding')})` : '';
  const since = clockTime(Date.parse(first.since), now);
  return `probe ${first.probe} objects since ${since}: ${bounded(first.message, LONGEST_REASON)}${more}; it is over when the next look at the same scopes is healthy`;
}

/** What of a scope is less than STRICT: exceptions of the author, and policies that the author accepted. */
function exceptFor(state: ScopeState): string[] {
  return [...openParts(state), ...[...state.weakerInside, ...state.overlapping].map(nameOf)];
}
