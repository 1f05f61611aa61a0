/**
 * Shadows count plaintext while a step looks for evidence. Each that comes or goes cuts the open connections of its
 * pods, so it is announced before, evidence waits until that is over, and they go together with the switch to STRICT.
 */
import { formatDuration } from '../../api/duration.ts';
import type { StepStatus } from '../../api/status.ts';
import type { AuthorizationPolicy } from '../../istio/objects.ts';
import { suspended } from '../gates.ts';
import { settledAt } from '../made.ts';
import { enter, type Move, onward, type Wait } from '../move.ts';
import type { ScopeState } from '../scopeState.ts';
import { countsByShadow, newShadow, ROLE_ADVICE, type Shadow, unshadow } from '../shadows.ts';
import type { Situation } from '../situation.ts';
import { clockTime, counted, listed, nameOf, timestamp } from '../text.ts';
import type { Write } from '../writes.ts';
import { BACKSTOP, isLate, limitText } from './deadline.ts';
import { about, stepText } from './story.ts';

/** What is still missing until every connection to the scopes is counted; undefined when nothing is. */
export function shadowsFirst(situation: Situation, step: StepStatus, states: readonly ScopeState[]): Move | undefined {
  const { input, now } = situation;
  const wanted = wantedFor(situation, states);
  const problem = input.world.shadows?.problem;
  if (wanted.length > 0 && problem) return notSeen(situation, step, problem);
  const there = situation.shadows(states);
  const changed = there.find(shadow => !shadow.untouched && wanted.some(object => isSame(object, shadow)));
  if (changed) return changedByOthers(situation, step, changed);
  const writes = writesFor(wanted, there);
  if (writes.length > 0) return step.shadowsAt ? writing(situation, step, writes) : announced(situation, step, writes);
  const settled = drainedAt(situation, step.shadowsAt, there);
  // of what went, only the announcement tells when
  if (now >= settled || (there.length === 0 && !step.shadowsAt)) return undefined;
  return {
    ...waiting(situation, step),
    on: 'drain',
    message: `${stepText(step)}: plaintext to ${listed(step.scopes)} is counted by AuthorizationPolicies in dry run since ${clockTime(Date.parse(step.shadowsAt ?? step.since), now)}; what was open before is cut until ${clockTime(settled, now)}, then evidence is looked for${limitText(situation, step)}`,
    nextLookAt: settled,
  };
}

/** Counting has stopped, or what is to be counted has changed, while evidence was looked for: it begins again. */
export function uncounted(situation: Situation, step: StepStatus, states: readonly ScopeState[]): Move | undefined {
  const { world } = situation.input;
  if (!world.shadows || world.shadows.problem) return undefined;
  const there = situation.shadows(states);
  const wanted = wantedFor(situation, states);
  const isChanged = there.some(shadow => !shadow.untouched && wanted.some(object => isSame(object, shadow)));
  if (!isChanged && writesFor(wanted, there).length === 0) return undefined;
  return onward(enter(step, 'Preparing', timestamp(situation.now)), {
    reason: 'CountingStopped',
    message: `${stepText(step)}: plaintext to ${listed(step.scopes)} is no longer counted as spec.probes asks, since somebody has changed that or an AuthorizationPolicy of this rollout; preparing again`,
    severity: 'Warning',
    ...about(step),
  });
}

/** Since when all plaintext to a scope is counted, by its key; milliseconds since the epoch. */
export function countedSince(situation: Situation, states: readonly ScopeState[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const state of states) {
    const [object] = wantedFor(situation, [state]);
    const shadow = situation.shadows([state]).find(each => each.untouched && object && isSame(object, each));
    if (shadow) found.set(state.key, shadow.since + situation.input.world.drainMs);
  }
  return found;
}

/** Deletes of what a step no longer needs, to be written with its last policies: both cut the same connections. */
export function shadowsOff(situation: Situation, states: readonly ScopeState[]): Write[] {
  return unshadow(situation.shadows(states));
}

/** Shadows where no step looks for evidence. */
export function strayShadows(situation: Situation, step: StepStatus | undefined): Wait | undefined {
  const writes = shadowsOff(situation, []);
  if (writes.length === 0) return undefined;
  const left = leaving(situation, writes);
  return (
    suspended(situation, step ?? null) ?? {
      ...left,
      phase: step?.stage === 'RolledBack' ? 'RolledBack' : 'Pending',
      step: step ?? null,
    }
  );
}

/** The shadows that are left when every policy is restored; `written` tells how many were last seen. */
export function shadowsLast(situation: Situation, written: number): Omit<Wait, 'step'> | undefined {
  const problem = situation.input.world.shadows?.problem;
  if (problem && written > 0)
    return {
      kind: 'Wait',
      phase: 'RollingBack',
      on: 'ShadowsNotSeen',
      message: `policies are restored, and ${counted(written, 'AuthorizationPolicy', 'AuthorizationPolicies')} in dry run cannot be removed: ${problem}; ${ROLE_ADVICE}`,
      stalled: 'ShadowsNotSeen',
    };
  const writes = shadowsOff(situation, []);
  return writes.length > 0 ? leaving(situation, writes) : undefined;
}

function leaving(situation: Situation, writes: Write[]): Omit<Wait, 'step'> {
  return {
    kind: 'Wait',
    phase: 'RollingBack',
    on: 'writes',
    message: `removing ${countText(writes)} in dry run; connections to their pods that are open now ${cutText(situation)}`,
    writes,
    nextLookAt: situation.now + BACKSTOP,
  };
}

function wantedFor(situation: Situation, states: readonly ScopeState[]): AuthorizationPolicy[] {
  const { rollout } = situation.input;
  if (!countsByShadow(rollout.spec)) return [];
  const at = timestamp(situation.now);
  return states.flatMap(state => (situation.moved(state) ? [] : (newShadow(rollout, state, at) ?? [])));
}

/** What is missing, and what counts something else than is asked for now. */
function writesFor(wanted: readonly AuthorizationPolicy[], there: readonly Shadow[]): Write[] {
  const missing = wanted.filter(object => !there.some(shadow => isSame(object, shadow)));
  const stale = there.filter(shadow => !wanted.some(object => isSame(object, shadow)));
  return [...missing.map(object => ({ verb: 'create' as const, object })), ...unshadow(stale)];
}

function isSame({ metadata }: AuthorizationPolicy, { policy }: Shadow): boolean {
  const { namespace, name } = policy.metadata;
  return namespace === metadata.namespace && name === metadata.name;
}

function announced(situation: Situation, step: StepStatus, writes: readonly Write[]): Move {
  return onward(
    { ...step, shadowsAt: timestamp(situation.now) },
    {
      reason: 'DrainAnnounced',
      message: `${stepText(step)}: ${countText(writes)} in dry run to write, to count plaintext to ${listed(step.scopes)} and refuse nobody; open connections to its pods ${cutText(situation)}, as they are again when STRICT is set`,
      severity: 'Normal',
      ...about(step),
    },
  );
}

function writing(situation: Situation, step: StepStatus, writes: Write[]): Wait {
  return {
    ...waiting(situation, step),
    on: 'writes',
    message: `${stepText(step)}: ${countText(writes)} in dry run to write, to count plaintext to ${listed(step.scopes)}; open connections to its pods ${cutText(situation)}${limitText(situation, step)}`,
    writes,
    nextLookAt: situation.now + BACKSTOP,
  };
}

function notSeen(situation: Situation, step: StepStatus, problem: string): Wait {
  return {
    ...waiting(situation, step),
    on: 'ShadowsNotSeen',
    message: `${stepText(step)}: plaintext to ${listed(step.scopes)} is to be counted by AuthorizationPolicies in dry run, and those of this rollout cannot be seen: ${problem}; ${ROLE_ADVICE}`,
    stalled: 'ShadowsNotSeen',
    nextLookAt: situation.now + BACKSTOP,
  };
}

function changedByOthers(situation: Situation, step: StepStatus, { policy }: Shadow): Wait {
  return {
    ...waiting(situation, step),
    phase: 'Paused',
    on: 'shadow',
    message: `wave ${step.wave} is paused: ${nameOf(policy)}, which counts plaintext to ${listed(step.scopes)}, was changed by somebody else and may refuse requests; delete it, and the rollout makes it anew`,
    stalled: 'FieldConflict',
    nextLookAt: situation.now + BACKSTOP,
  };
}

function waiting(situation: Situation, step: StepStatus): Pick<Wait, 'kind' | 'phase' | 'step' | 'stalled'> {
  return {
    kind: 'Wait',
    phase: 'Preparing',
    step,
    ...(isLate(situation, step) ? { stalled: 'ProgressDeadlineExceeded' } : {}),
  };
}

/** When what was written at these times is in every proxy, and everything that was open before is cut. */
function drainedAt({ now, input }: Situation, announcedAt: string | undefined, there: readonly Shadow[]): number {
  const times = there.map(({ since }) => since);
  return settledAt(announcedAt, times, now) + input.world.drainMs;
}

function cutText({ input }: Situation): string {
  return `are cut up to ${formatDuration(input.world.drainMs)} after`;
}

function countText(writes: readonly Write[]): string {
  return counted(writes.length, 'AuthorizationPolicy', 'AuthorizationPolicies');
}
