/**
 * The decision: from what is known to what is done next. A pure function; the same input always gives the same
 * answer, and deciding again after its writes have happened goes on where it left off, whatever was lost between.
 */
import type { Status, StepStatus } from '../api/status.ts';
import { approvalNews } from './approvals.ts';
import { statusOf } from './describe.ts';
import { driftNow, driftTransitions, nextForgottenAt, withWrites } from './drift.ts';
import { dueTransitions, nextDueAt } from './dueExceptions.ts';
import { finalizerFor, isDeparting } from './finalizer.ts';
import { suspended } from './gates.ts';
import { guardDue, guarded, nextGuardAt } from './guard.ts';
import type { Move, Onward, Wait } from './move.ts';
import { inTheWay, told } from './news.ts';
import { dueIn, nextRoundAt } from './probeRounds.ts';
import { changesOf, rowBroken, sinceNow, watchesEnforcement, withRound } from './rounds.ts';
import { Situation } from './situation.ts';
import { undone } from './stages/drifted.ts';
import { awaitsLook, consolidating } from './stages/consolidating.ts';
import { enforcing } from './stages/enforcing.ts';
import { strayPins } from './stages/leaving.ts';
import { observing } from './stages/observing.ts';
import { pending } from './stages/pending.ts';
import { preparing } from './stages/preparing.ts';
import { rolledBack } from './stages/rolledBack.ts';
import { reverting } from './stages/reverting.ts';
import { rollingBack } from './stages/rollingBack.ts';
import { proofDue } from './stages/proof.ts';
import { strayShadows } from './stages/shadowing.ts';
import { soaking } from './stages/soaking.ts';
import type { Decision, Input, RoundKind, Transition } from './world.ts';

/** More stage changes than this in one decision would be a circle. */
const LONGEST_CHAIN = 16;
const RUNNING: ReadonlySet<Wait['phase']> = new Set([
  'Preparing',
  'Observing',
  'Enforcing',
  'Soaking',
  'Consolidating',
]);
/** What is looked for in a stage. */
const KINDS: Readonly<Partial<Record<StepStatus['stage'], RoundKind>>> = {
  Observing: 'Entry',
  Enforcing: 'Enforcement',
  Soaking: 'Soak',
  Consolidating: 'Enforcement',
};

export function decide(input: Input): Decision {
  const situation = new Situation(input);
  let status = sinceNow(input.rollout.status ?? {}, input.now);
  const drift = driftNow(situation, status);
  const transitions: Transition[] = [
    ...dueTransitions(status, input.rollout.spec, input.now),
    ...approvalNews(situation, status),
    ...driftTransitions(situation, status, drift),
  ];
  status = { ...status, drift };
  if (input.round) {
    const before = status.probes ?? [];
    const probes = withRound(status, input.round, input.rollout.spec);
    const names = new Set(input.round.observations.map(({ name }) => name));
    const seen = { ...input.round, observations: probes.filter(({ name }) => names.has(name)) };
    if (status.step) transitions.push(...changesOf(before, seen, status.step));
    status = { ...status, probes };
    if (input.round.kind === 'Guard') {
      const { guard, news } = guarded(situation, status, input.round);
      transitions.push(...news);
      status = { ...status, guard };
    }
  }
  for (let moves = 0; moves < LONGEST_CHAIN; moves++) {
    const move = nextMove(situation, status);
    if (move.kind === 'Wait') return concluded(situation, status, move, transitions);
    transitions.push(move.transition);
    status = moved(status, move, situation);
  }
  throw new Error(
    `decision of ${input.rollout.metadata.name} goes in circles: ${transitions.map(({ reason }) => reason).join(', ')}`,
  );
}

interface RoundDue {
  kind: RoundKind;
  step: StepStatus;
  /** Probes that take part; undefined: every one of the default set. */
  names: ReadonlySet<string> | undefined;
}

/** The round of probes that the next decision needs, if one is due now, and the step that it is about. */
export function roundDue(input: Input): RoundDue | undefined {
  const { spec } = input.rollout;
  const status = sinceNow(input.rollout.status ?? {}, input.now);
  const proof = proofDue(input, status);
  if (proof) return { kind: 'Restored', step: proof, names: undefined };
  const { step } = status;
  if (input.obstacle || isDeparting(input) || spec.mode !== 'Enforce' || spec.suspend) return undefined;
  if (!step) return guardRoundDue(input, status);
  const kind = KINDS[step.stage];
  if (!kind) return undefined;
  // most looks are made before a round is due: the plan need not be worked out for that
  if (input.now < nextRoundAt(spec, status, kind, step)) return undefined;
  const situation = new Situation(input);
  if (step.stage === 'Consolidating' && !awaitsLook(situation, step)) return undefined;
  const states = situation.stepStates(step);
  const strict = states.every(state => situation.moved(state));
  if (kind === 'Enforcement' && !(strict && watchesEnforcement(spec))) return undefined;
  return states.length > 0 ? { kind, step, names: dueIn(spec, status, kind, step, input.now) } : undefined;
}

function guardRoundDue(input: Input, status: Status): RoundDue | undefined {
  const at = nextGuardAt(input.rollout.spec, status, input.now);
  if (at === undefined || input.now < at) return undefined;
  const due = guardDue(new Situation(input), status);
  return due && { kind: 'Guard', ...due };
}

function nextMove(situation: Situation, status: Status): Move {
  const { step } = status;
  if (isDeparting(situation.input)) return reverting(situation, status, 'Deletion');
  // whatever has come up meanwhile, a rollback is finished first
  if (step?.stage === 'RollingBack') return rollingBack(situation, status, step);
  const { rollout, obstacle } = situation.input;
  if (obstacle)
    return {
      kind: 'Wait',
      phase: 'Refused',
      step: step ? rowBroken(step) : null,
      on: obstacle.reason,
      message: obstacle.message,
      ...(obstacle.lasting ? { stalled: obstacle.reason } : {}),
    };
  if (rollout.spec.mode === 'Revert')
    return suspended(situation, step ?? null) ?? reverting(situation, status, 'Revert');
  const stray = strays(situation, step);
  if (stray) return stray;
  if (!step) return planOnly(situation) ?? pending(situation, status);
  const again = undone(situation, status, step);
  if (again) return again;
  switch (step.stage) {
    case 'Preparing':
      return preparing(situation, status, step);
    case 'Observing':
      return observing(situation, status, step);
    case 'Enforcing':
      return enforcing(situation, status, step);
    case 'Soaking':
      return soaking(situation, status, step);
    case 'Consolidating':
      return consolidating(situation, status, step);
    case 'RolledBack':
      return planOnly(situation) ?? rolledBack(situation, status, step);
    case 'Pending':
    case 'Done':
      break;
  }
  return planOnly(situation) ?? pending(situation, status);
}

/** What a step has left behind that nothing needs any more. While one soaks, nothing but its probes counts. */
function strays(situation: Situation, step: StepStatus | undefined): Wait | undefined {
  const between = !step || step.stage === 'Pending' || step.stage === 'Done' || step.stage === 'RolledBack';
  const pins = step?.stage === 'Preparing' ? undefined : strayPins(situation, step);
  return pins ?? (between ? strayShadows(situation, step) : undefined);
}

function planOnly(situation: Situation): Wait | undefined {
  return situation.input.rollout.spec.mode === 'Plan' ? suspended(situation, null) : undefined;
}

/** The status after a stage change. */
function moved(status: Status, move: Onward, { input }: Situation): Status {
  const { step, rollback, retried } = move;
  const { step: _, phase: __, rollback: before, ...rest } = status;
  const record = rollback === undefined ? before : (rollback ?? undefined);
  return {
    ...rest,
    ...(step ? { step } : {}),
    ...(record ? { rollback: record } : {}),
    // a wish is granted once, or it would be granted for ever
    ...('retried' in move ? { observedGeneration: input.rollout.metadata.generation } : {}),
    ...(retried === undefined ? {} : { retried }),
  };
}

function concluded(situation: Situation, status: Status, wait: Wait, transitions: Transition[]): Decision {
  const { epoch, now, rollout } = situation.input;
  const finalizer = finalizerFor(situation, wait);
  const writes = finalizer === 'Add' ? [] : (wait.writes ?? []);
  const drift = withWrites(situation, status.drift ?? [], { ...wait, writes });
  const stated = statusOf(situation, acknowledged(situation, { ...status, drift }, wait), wait);
  const news = told(rollout.status ?? {}, stated, transitions, inTheWay(situation.input, wait.phase), now);
  const times = [wait.nextLookAt, nextDueAt(rollout.spec, now), nextForgottenAt({ drift }, now)];
  const looks = times.filter(time => time !== undefined);
  return {
    // a new leader raises the epoch before its first write: the write of status fails first where it is stale
    status:
      writes.length > 0 || finalizer ? { ...news.status, epoch: Math.max(epoch, status.epoch ?? 0) } : news.status,
    writes,
    ...(finalizer ? { finalizer } : {}),
    transitions: news.transitions,
    ...(wait.asks ? { asks: wait.asks } : {}),
    ...(looks.length === 0 ? {} : { nextLookAt: Math.max(Math.min(...looks), now) }),
  };
}

/** While a step runs, or all is done, there is nothing to try again: such a wish must not undo a pause that comes later. */
function acknowledged({ retryValue }: Situation, status: Status, { phase }: Wait): Status {
  const runs = RUNNING.has(phase) || phase === 'Completed';
  return runs && retryValue !== undefined ? { ...status, retried: retryValue } : status;
}
