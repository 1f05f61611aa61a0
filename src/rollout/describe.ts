/** Status in words and numbers: what the columns, the conditions and the message say about a move. */
import { setCondition } from '../api/conditions.ts';
import type { Approved, Condition, Hazard, Status } from '../api/status.ts';
import type { FoundHazard } from '../istio/hazards/catalogue.ts';
import { approvedWaves } from './approvals.ts';
import { dueExceptions } from './dueExceptions.ts';
import type { Wait } from './move.ts';
import { inTheWay } from './news.ts';
import type { PlannedWave } from './plan.ts';
import { unmeshedCondition } from './guard.ts';
import { driftedCondition } from './drift.ts';
import { isStrict } from './scopeState.ts';
import type { Situation } from './situation.ts';
import { bounded, timestamp } from './text.ts';
import { waitingOf } from './waiting.ts';
import type { Write } from './writes.ts';

/** Hazards that are kept in status; the plugin computes the full list. */
const MOST_HAZARDS = 20;

export function statusOf(situation: Situation, status: Status, wait: Wait): Status {
  const { input, plan } = situation;
  const states = [...situation.states()];
  const strict = { done: states.filter(isStrict).length, total: states.length };
  const { trouble } = input;
  const message = bounded(trouble ? `${trouble.message}; ${wait.message}` : wait.message);
  // names and annotations of others are quoted in them: none may be so long that no status can be stored any more
  const hazards = situation.hazards().slice(0, MOST_HAZARDS).map(stored);
  const {
    step: _,
    hazards: __,
    settlingSince: ___,
    clientRules: before,
    shadows: known,
    drift = [],
    rollback: record,
    waiting: ____,
    ...rest
  } = status;
  const rollback = wait.rollback ?? record;
  const clientRules = input.world.rules ? situation.ownClientRules().length : before;
  const shadows = shadowCount(situation, wait) ?? known;
  const waiting = waitingOf(situation, status, wait, hazards, inTheWay(input, wait.phase));
  return {
    ...rest,
    observedGeneration: input.rollout.metadata.generation,
    phase: wait.phase,
    message,
    ...(waiting ? { waiting } : {}),
    plan: plan.hash,
    summary: summaryOf(situation, status, wait, strict),
    ...(wait.step ? { step: wait.step } : {}),
    ...(drift.length > 0 ? { drift } : {}),
    ...(wait.guard ? { guard: wait.guard } : {}),
    ...(clientRules ? { clientRules } : {}),
    ...(shadows ? { shadows } : {}),
    ...(wait.settlingSince ? { settlingSince: wait.settlingSince } : {}),
    // kept until the end, so that retries stay counted
    ...(rollback && wait.phase !== 'Completed' ? { rollback } : {}),
    strict,
    waves: waveStatuses(situation, status, wait),
    ...(hazards.length > 0 ? { hazards } : {}),
    conditions: conditionsOf(situation, status, wait, message),
  };
}

/** Those that are about to be written count, or a crash right after would forget them. Undefined: nobody has looked. */
function shadowCount(situation: Situation, { writes = [] }: Wait): number | undefined {
  const { shadows } = situation.input.world;
  if (!shadows || shadows.problem) return undefined;
  const isNew = (write: Write) => write.verb === 'create' && write.object.kind === 'AuthorizationPolicy';
  return situation.shadows().filter(({ untouched }) => untouched).length + writes.filter(isNew).length;
}

function stored(found: FoundHazard): Hazard {
  const { exception: _, ...hazard } = found;
  return { ...hazard, object: bounded(hazard.object, 400), message: bounded(hazard.message) };
}

function summaryOf(
  situation: Situation,
  status: Status,
  wait: Wait,
  strict: { done: number; total: number },
): Status['summary'] {
  const { step } = wait;
  const shown = step ? `${step.index}/${step.of}` : undefined;
  const worst = (status.probes ?? []).toSorted((a, b) => rank(a.verdict) - rank(b.verdict))[0];
  const waitingOn = situation.input.trouble?.reason ?? wait.on;
  return {
    ...(shown ? { step: shown } : {}),
    strict: `${strict.done}/${strict.total}`,
    ...(waitingOn ? { waitingOn: bounded(waitingOn, 256) } : {}),
    ...(worst ? { probe: `${worst.name} ${worst.verdict}` } : {}),
  };
}

function rank(verdict: string): number {
  return ['Unhealthy', 'Error', 'NoData', 'Healthy'].indexOf(verdict);
}

function waveStatuses(situation: Situation, status: Status, wait: Wait): Status['waves'] {
  const approved = approvedWaves(situation, status);
  return situation.plan.waves.map(wave => waveStatus(situation, status, wait, wave, approved.get(wave.name)));
}

function waveStatus(
  situation: Situation,
  status: Status,
  { step }: Wait,
  wave: PlannedWave,
  approved: Approved | undefined,
): NonNullable<Status['waves']>[number] {
  const { name, scopes, hash } = wave;
  const before = status.waves?.find(known => known.name === name);
  const now = timestamp(situation.now);
  const done = situation.doneIn(scopes);
  const running = step?.wave === name && step.stage !== 'Pending';
  const finished = done === scopes.length && !running;
  const phase = running
    ? step.stage === 'RolledBack'
      ? 'RolledBack'
      : 'Progressing'
    : finished
      ? 'Done'
      : done > 0
        ? 'Progressing'
        : 'Pending';
  const startedAt = before?.startedAt ?? (phase === 'Pending' ? undefined : now);
  const finishedAt = phase === 'Done' ? (before?.finishedAt ?? now) : undefined;
  return {
    name,
    phase,
    done,
    total: scopes.length,
    plan: hash,
    ...(startedAt ? { startedAt } : {}),
    ...(finishedAt ? { finishedAt } : {}),
    ...(approved ? { approved } : {}),
  };
}

/** kstatus: Ready when the goal is reached, Stalled when only somebody's doing helps, Reconciling in between. */
function conditionsOf(situation: Situation, status: Status, wait: Wait, message: string): Condition[] {
  const { input } = situation;
  const { trouble } = input;
  const stalled = wait.stalled ?? (trouble?.lasting ? trouble.reason : undefined);
  const reached = (wait.phase === 'Completed' || wait.phase === 'Reverted') && !trouble && !stalled;
  const resting = reached || wait.phase === 'Planned' || wait.phase === 'Suspended';
  const reason = inTheWay(input, wait.phase)[0]?.reason ?? wait.stalled ?? wait.phase;
  const wanted: Omit<Condition, 'lastTransitionTime'>[] = [
    { type: 'Ready', status: reached ? 'True' : 'False', reason, message },
    { type: 'Reconciling', status: !resting && !stalled ? 'True' : 'False', reason, message },
    { type: 'Stalled', status: stalled ? 'True' : 'False', reason: stalled ?? reason, message },
    { type: 'Progressing', status: !resting && !stalled ? 'True' : 'False', reason, message },
    { type: 'Drifted', ...driftedCondition(situation, status) },
  ];
  const due = dueExceptions(input.rollout.spec, situation.now);
  if (due) wanted.push({ type: 'ExceptionsDue', ...due, message: bounded(due.message) });
  const unmeshed = unmeshedCondition(wait);
  if (unmeshed) wanted.push({ type: 'Unmeshed', ...unmeshed });
  const observedGeneration = input.rollout.metadata.generation;
  const now = timestamp(situation.now);
  const known = (status.conditions ?? []).filter(
    ({ type }) => (due || type !== 'ExceptionsDue') && (unmeshed || type !== 'Unmeshed'),
  );
  return wanted.reduce<Condition[]>((all, next) => setCondition(all, { ...next, observedGeneration }, now), known);
}
