/**
 * Drift: a scope that had moved and is weaker now, by other hands. What the cluster shows is not enough to know it (a
 * deleted policy leaves no trace), so status keeps it, with the writes that corrected it: they have a bound.
 */
import type { Condition, Drift, Status, StepStatus } from '../api/status.ts';
import { isDeparting } from './finalizer.ts';
import type { Wait } from './move.ts';
import { scopeKey } from './scope.ts';
import type { ScopeState } from './scopeState.ts';
import type { Situation } from './situation.ts';
import { bounded, counted, listed, nameOf, timestamp } from './text.ts';
import type { Transition } from './world.ts';
import type { Write } from './writes.ts';

/** What status has room for. While one of them is held nothing else moves, so more need not be known. */
const MOST = 50;
/** Decisions that write policies of one scope to correct it; whoever undoes all of them would undo the next as well. */
const MOST_WRITES = 3;
/** A scope that has stayed STRICT for so long after the last of them is no longer fought over. */
const REMEMBERED = 3_600_000;

/** The records as they are now, from those in status. */
export function driftNow(situation: Situation, status: Status): Drift[] {
  const { rollout, obstacle } = situation.input;
  const known = status.drift ?? [];
  if (rollout.spec.mode === 'Revert' || isDeparting(situation.input)) return [];
  if (rollout.spec.mode === 'Plan' || obstacle) return known;
  const { step } = status;
  if (step?.stage === 'RollingBack' || step?.stage === 'RolledBack')
    return status.rollback?.extent === 'Step' ? known.filter(({ scope }) => !step.scopes.includes(scope)) : [];
  const asked = situation.askedAgain(status);
  const kept = known.flatMap(record => carriedOn(situation, record, step, asked) ?? []);
  const running = new Set(scopesThatRun(step));
  const recorded = new Set(kept.map(({ scope }) => scope));
  const hadMoved = movedBefore(situation, status);
  const since = timestamp(situation.now);
  for (const state of situation.states()) {
    if (kept.length >= MOST) break;
    if (situation.moved(state) || recorded.has(state.key) || running.has(state.key)) continue;
    if (situation.drifted(state) || hadMoved(state))
      kept.push({ scope: state.key, since, writes: [], ...(asked ? { asked } : {}) });
  }
  return kept;
}

/** What is done to these meanwhile, the stages see for themselves. */
function scopesThatRun(step: StepStatus | undefined): readonly string[] {
  return step && step.stage !== 'Pending' && step.stage !== 'Consolidating' ? step.scopes : [];
}

function carriedOn(
  situation: Situation,
  record: Drift,
  step: StepStatus | undefined,
  asked: boolean,
): Drift | undefined {
  const state = situation.state(record.scope);
  if (!state) return undefined;
  const { since, asked: before, ...rest } = record;
  if (!situation.moved(state)) {
    const at = since ?? timestamp(situation.now);
    return asked
      ? { ...rest, since: at, writes: [], asked }
      : { ...rest, since: at, ...(before ? { asked: before } : {}) };
  }
  if (!corrects(situation)) return undefined;
  const inStep = step?.scopes.includes(record.scope) ?? false;
  return inStep || situation.now < forgottenAt(record) ? rest : undefined;
}

function forgottenAt({ writes }: Drift): number {
  const last = writes.at(-1);
  return last ? Date.parse(last) + REMEMBERED : 0;
}

/** When a record will no longer be needed, without anything else happening. */
export function nextForgottenAt({ drift = [] }: Status, now: number): number | undefined {
  const times = drift.filter(({ since }) => !since).map(forgottenAt);
  const ahead = times.filter(time => time > now);
  return ahead.length > 0 ? Math.min(...ahead) : undefined;
}

/**
 * Tells which scopes had moved when the status was stored: all of a wave, but for those known to have drifted, where
 * that was what it said of the same scopes under the same spec.
 */
function movedBefore(situation: Situation, { waves = [], drift = [], observedGeneration, phase }: Status) {
  const { generation } = situation.input.rollout.metadata;
  if (observedGeneration !== generation || phase === 'Reverted') return () => false;
  const weak = new Set(drift.flatMap(({ scope, since }) => (since ? [scope] : [])));
  const moved = new Map<string, number>();
  for (const { name, scopes, hash } of situation.plan.waves) {
    const before = waves.find(wave => wave.name === name);
    const keys = scopes.map(scopeKey);
    const known = keys.filter(key => weak.has(key)).length;
    if (before?.plan !== hash || before.done + known < before.total) continue;
    const at = Date.parse(before.finishedAt ?? before.startedAt ?? '');
    for (const key of keys) moved.set(key, at);
  }
  // a namespace made anew since is a stranger
  return ({ key, scope }: ScopeState) => situation.birthOf(scope) <= (moved.get(key) ?? -1);
}

export function corrects({ input }: Situation): boolean {
  return input.rollout.spec.drift === 'Correct';
}

export function recordOf({ drift = [] }: Status, key: string): Drift | undefined {
  return drift.find(({ scope }) => scope === key);
}

/** Whether this step brings back what somebody else has weakened, without having been asked to. */
export function isCorrection(situation: Situation, status: Status, { scopes, stage }: StepStatus): boolean {
  if (!corrects(situation) || stage === 'Consolidating') return false;
  return scopes.some(key => recordOf(status, key) !== undefined);
}

/** Whether nobody may move the scope again until somebody asks. */
export function isHeld(situation: Situation, status: Status, state: ScopeState): boolean {
  const record = recordOf(status, state.key);
  if (!record?.since || situation.moved(state)) return false;
  return corrects(situation) ? isFought(record, state) : !record.asked;
}

/** Whether the writes that may correct it are used up: a policy that is gone takes two, an open one and then STRICT. */
function isFought({ writes }: Drift, { holder }: ScopeState): boolean {
  return writes.length + (holder ? 1 : 2) > MOST_WRITES;
}

/** The records once the writes of this wait are made. What failed for other reasons than somebody's doing is no fight. */
export function withWrites(situation: Situation, drift: readonly Drift[], { step, writes = [] }: Wait): Drift[] {
  const { input, now } = situation;
  if (!step || step.stage === 'RollingBack' || input.trouble) return [...drift];
  const namespaces = new Set(writes.flatMap(write => policyNamespace(write) ?? []));
  return drift.map(record => {
    const state = step.scopes.includes(record.scope) ? situation.state(record.scope) : undefined;
    if (!state || situation.moved(state) || !namespaces.has(state.scope.namespace)) return record;
    return { ...record, writes: [...record.writes, timestamp(now)].slice(-MOST_WRITES) };
  });
}

function policyNamespace(write: Write): string | undefined {
  const { kind } = write.verb === 'create' ? write.object : write.target;
  if (kind !== 'PeerAuthentication') return undefined;
  return write.verb === 'create' ? write.object.metadata.namespace : write.target.namespace;
}

/** What is news: a scope that is weaker now, and one that is not any more without the rollout's doing. */
export function driftTransitions(situation: Situation, before: Status, after: readonly Drift[]): Transition[] {
  const { step, drift = [] } = before;
  const was = new Set(drift.flatMap(({ scope, since }) => (since ? [scope] : [])));
  const inStep = new Set(scopesThatRun(step));
  const news = after.filter(({ scope, since }) => since && !was.has(scope) && !inStep.has(scope));
  const states = news.flatMap(({ scope }) => situation.state(scope) ?? []);
  const still = new Set(after.flatMap(({ scope, since }) => (since ? [scope] : [])));
  const over = [...was].filter(scope => {
    const state = situation.state(scope);
    return !still.has(scope) && !inStep.has(scope) && state !== undefined && situation.moved(state);
  });
  return [
    ...(states.length > 0
      ? [
          {
            reason: 'Drifted',
            message: bounded(`no longer as the rollout had set it: ${listed(states.map(causeOf))}`),
            severity: 'Warning' as const,
            scopes: states.map(({ key }) => key),
          },
        ]
      : []),
    ...(over.length > 0
      ? [{ reason: 'DriftOver', message: `${listed(over)} STRICT again`, severity: 'Normal' as const, scopes: over }]
      : []),
  ];
}

/** What the condition Drifted says. */
export function driftedCondition(
  situation: Situation,
  status: Status,
): Pick<Condition, 'status' | 'reason' | 'message'> {
  const drifted = [...situation.states()].filter(
    state => situation.drifted(state) || recordOf(status, state.key)?.since !== undefined,
  );
  if (drifted.length === 0)
    return { status: 'False', reason: 'AsSet', message: 'every policy is as the rollout set it' };
  const what = `${counted(drifted.length, 'scope')} no longer as the rollout had set ${drifted.length === 1 ? 'it' : 'them'}`;
  const message = bounded(`${what}: ${listed(drifted.map(causeOf))}`);
  return { status: 'True', reason: 'ChangedByOthers', message };
}

/** Who did what, as far as the objects tell. */
export function causeOf({ key, scope, holder, effective, weakerInside, overlapping, exceptions }: ScopeState): string {
  const { decidedBy, mode } = effective;
  if (mode !== 'STRICT') {
    if (decidedBy && decidedBy === holder) return `${nameOf(holder)} was set to ${mode} by ${lastHand(holder)}`;
    if (decidedBy) return `${key} is ${mode} because of ${nameOf(decidedBy)}, last written by ${lastHand(decidedBy)}`;
    if (holder) return `${nameOf(holder)} was emptied by ${lastHand(holder)}`;
    const policy = scope.kind === 'Mesh' ? 'the mesh-wide policy' : `the policy of ${key}`;
    return `${policy} was deleted by somebody else`;
  }
  const [narrower] = [...weakerInside, ...overlapping];
  if (narrower) return `${nameOf(narrower)} asks for less inside ${key}, last written by ${lastHand(narrower)}`;
  return `${counted(exceptions.length, 'policy of an exception', 'policies of exceptions')} in ${key} changed`;
}

/** Whoever wrote the object last, as far as it tells. */
export function lastHand({ metadata }: NonNullable<ScopeState['holder']>): string {
  const others = (metadata.managedFields ?? []).filter(({ manager }) => manager && manager !== 'mtls-rollout');
  const newest = others.toSorted((a, b) => (a.time ?? '').localeCompare(b.time ?? '')).at(-1);
  return newest?.manager ?? 'somebody else';
}
