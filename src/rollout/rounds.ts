/** When probes are due, and what a round adds to a step. */
import type { Spec } from '../api/schema.ts';
import type { Observation, Status, StepStatus } from '../api/status.ts';
import { addedUp, cadenceOf, decidingIn, lastLook, notLater } from './probeRounds.ts';
import type { Situation } from './situation.ts';
import { timestamp } from './text.ts';
import type { Round, RoundKind, Transition } from './world.ts';

/** What status has room for. */
const MOST_PROBES = 32;
/** Rounds further apart than this (or two intervals, if that is longer) are not in a row: nobody looked in between. */
const LONGEST_GAP = 600_000;

/** The round that was made for this decision, if it is of this kind, about this step and not counted yet. */
export function newRound({ input }: Situation, kind: RoundKind, step: StepStatus): Round | undefined {
  const { round, rollout } = input;
  const about = rollout.status?.step;
  const same = about?.startedAt === step.startedAt && about.scopes.join() === step.scopes.join();
  const fresh = round && round.at >= Date.parse(step.since) && step.lastRoundAt !== timestamp(round.at);
  return same && fresh && round.kind === kind ? round : undefined;
}

/** A step that nobody may judge for a while: its healthy rounds are no longer in a row. */
export function rowBroken(step: StepStatus): StepStatus {
  return { ...step, healthyRounds: 0 };
}

/** A step after one more round, which status has already: healthy ones count in a row, unhealthy ones add up. */
export function afterRound({ input }: Situation, status: Status, step: StepStatus, round: Round): StepStatus {
  const { spec } = input.rollout;
  const standing = standingOf(spec, status, step, round);
  const verdict = worstOf(standing)?.verdict ?? 'Healthy';
  const counted = round.observations.filter(({ name }) => countsTogether(spec, name));
  return {
    ...step,
    healthyRounds: verdict === 'Healthy' ? rowBefore(step, round, spec) + 1 : 0,
    failures: step.failures + (counted.some(({ verdict: seen }) => seen === 'Unhealthy') ? 1 : 0),
    lastRoundAt: timestamp(round.at),
  };
}

/** Whether every probe that decides has given as many healthy looks in a row as it must. */
export function isProven({ pace, input }: Situation, status: Status, step: StepStatus, kind: RoundKind): boolean {
  const deciding = decidingIn(input.rollout.spec, kind) ?? [];
  const need = Math.max(pace.successes, 1);
  if (deciding.length === 0) return step.healthyRounds >= need;
  const rows = deciding.map(({ name, successes = need }) => (lastLook(status, step, name)?.row ?? 0) >= successes);
  return step.healthyRounds > 0 && rows.every(Boolean);
}

/** What each deciding probe says: in this round, or the last time that it was due. */
function standingOf(spec: Spec, status: Status, step: StepStatus, { kind, observations, at }: Round): Observation[] {
  const deciding = decidingIn(spec, kind);
  if (!deciding) return observations;
  return deciding.map(({ name }) => {
    const fresh = observations.find(observation => observation.name === name);
    const silent = { name, verdict: 'NoData' as const, value: '', samples: 0, message: 'has not looked yet' };
    return fresh ?? lastLook(status, step, name) ?? { ...silent, at: timestamp(at) };
  });
}

/** Whether an unhealthy look counts towards the limit of all probes together. */
function countsTogether({ probes }: Spec, name: string): boolean {
  const probe = probes.find(known => known.name === name);
  return !probe?.dryRun && probe?.failureLimit === undefined;
}

/** Healthy rounds in a row up to now; a long gap in which nobody looked ends the row. */
function rowBefore({ lastRoundAt, healthyRounds }: StepStatus, { at, kind }: Round, spec: Spec): number {
  const before = lastRoundAt ? Date.parse(lastRoundAt) : at;
  return at - before > Math.max(2 * cadenceOf(spec, kind), LONGEST_GAP) ? 0 : healthyRounds;
}

/** The newest observation of each probe that the spec still has, with what its looks add up to. */
export function withRound(status: Status, round: Round, spec: Spec): Observation[] {
  const { probes = [], step } = status;
  const anew = step === undefined || rowBefore(step, round, spec) === 0;
  const observations = round.observations.map(observation => {
    const dryRun = spec.probes.some(({ name, dryRun: dry }) => name === observation.name && dry);
    return addedUp(observation, step && lastLook(status, step, observation.name), { anew, dryRun });
  });
  const fresh = new Set(observations.map(({ name }) => name));
  const known = new Set(spec.probes.map(({ name }) => name));
  const kept = probes.filter(({ name }) => !fresh.has(name) && (known.size === 0 || known.has(name)));
  const newest = kept.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at));
  return [...observations, ...newest].slice(0, MOST_PROBES).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** A clock that went back must not make a stage wait for the future: what would have begun later begins now. */
export function sinceNow(status: Status, now: number): Status {
  const { step, settlingSince, rollback, probes: seen } = status;
  const probes = notLater(seen, now);
  const past = (time: string) => (Date.parse(time) > now ? timestamp(now) : time);
  const { restoredAt, looked } = rollback ?? {};
  const settling = {
    ...(settlingSince ? { settlingSince: past(settlingSince) } : {}),
    ...(rollback && restoredAt
      ? {
          rollback: {
            ...rollback,
            restoredAt: past(restoredAt),
            ...(looked ? { looked: { ...looked, at: past(looked.at) } } : {}),
          },
        }
      : {}),
  };
  if (!step) return { ...status, ...settling };
  const { since, changedAt, pinsAt, rulesAt, shadowsAt, lastRoundAt } = step;
  return {
    ...status,
    ...(probes ? { probes } : {}),
    ...settling,
    step: {
      ...step,
      since: past(since),
      ...(changedAt ? { changedAt: past(changedAt) } : {}),
      ...(pinsAt ? { pinsAt: past(pinsAt) } : {}),
      ...(rulesAt ? { rulesAt: past(rulesAt) } : {}),
      ...(shadowsAt ? { shadowsAt: past(shadowsAt) } : {}),
      ...(lastRoundAt ? { lastRoundAt: past(lastRoundAt) } : {}),
    },
  };
}

/** What the probes of a stage object to, each by its newest look; undefined while all are healthy or nothing was seen. */
export function objection({ probes = [] }: Status, step: StepStatus): Observation | undefined {
  const since = Date.parse(step.since);
  return worstOf(probes.filter(({ at, dryRun }) => Date.parse(at) >= since && !dryRun));
}

/** The observation that decides a round, unless all are healthy. */
export function worstOf(observations: readonly Observation[]): Observation | undefined {
  for (const verdict of ['Unhealthy', 'Error', 'NoData'] as const) {
    const found = observations.find(observation => observation.verdict === verdict);
    if (found) return found;
  }
  return undefined;
}

/** What a round saw otherwise than the one before: probes that began to object, and those that have stopped. */
export function changesOf(
  before: readonly Observation[],
  { kind, observations }: Round,
  step: StepStatus,
): Transition[] {
  // while a change spreads, a port that does not show it yet is no news
  if (kind === 'Enforcement' || kind === 'Restored') return [];
  const deciding = observations.filter(({ dryRun }) => !dryRun);
  return deciding.flatMap(({ name, verdict, message }): Transition[] => {
    const known = before.find(observation => observation.name === name)?.verdict;
    const about = { wave: step.wave, step: step.index, scopes: step.scopes };
    const objects = verdict === 'Unhealthy' || verdict === 'Error';
    if (objects && known !== verdict)
      return [{ reason: `Probe${verdict}`, message: `probe ${name}: ${message}`, severity: 'Warning', ...about }];
    const recovered = verdict === 'Healthy' && (known === 'Unhealthy' || known === 'Error');
    return recovered
      ? [{ reason: 'ProbeHealthy', message: `probe ${name}: ${message}`, severity: 'Normal', ...about }]
      : [];
  });
}

/** Whether somebody looks at the ports after STRICT was written; the default set does. */
export function watchesEnforcement({ probes }: Spec): boolean {
  return probes.length === 0 || probes.some(({ enforcement, dryRun }) => enforcement !== undefined && !dryRun);
}
