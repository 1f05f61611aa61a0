/** When probes are due, and what a round adds to a step. */
import type { Spec } from '../api/schema.ts';
import type { Observation, Status, StepStatus } from '../api/status.ts';
import type { Situation } from './situation.ts';
import { timestamp } from './text.ts';
import type { Round, RoundKind, Transition } from './world.ts';

/** What status has room for. */
const MOST_PROBES = 32;
/** While STRICT spreads, looks are closer together than the author's interval. */
const ENFORCEMENT_INTERVAL = 5_000;
/** Rounds further apart than this (or two intervals, if that is longer) are not in a row: nobody looked in between. */
const LONGEST_GAP = 600_000;

function roundInterval(kind: RoundKind, interval: number): number {
  return kind === 'Enforcement' ? Math.min(interval, ENFORCEMENT_INTERVAL) : interval;
}

/** When the next round of a stage is due. Evidence before a step is there at once; evidence about a change must gather. */
export function nextRoundAt(kind: RoundKind, step: StepStatus, interval: number): number {
  if (step.lastRoundAt) return Date.parse(step.lastRoundAt) + roundInterval(kind, interval);
  return Date.parse(step.since) + (kind === 'Soak' ? interval : 0);
}

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

/** A step after one more round: healthy ones count in a row, unhealthy ones add up. */
export function afterRound({ pace }: Situation, step: StepStatus, round: Round): StepStatus {
  const verdict = worstOf(round.observations)?.verdict ?? 'Healthy';
  const before = step.lastRoundAt ? Date.parse(step.lastRoundAt) : round.at;
  const row = round.at - before > Math.max(2 * pace.interval, LONGEST_GAP) ? 0 : step.healthyRounds;
  return {
    ...step,
    healthyRounds: verdict === 'Healthy' ? row + 1 : 0,
    failures: step.failures + (verdict === 'Unhealthy' ? 1 : 0),
    lastRoundAt: timestamp(round.at),
  };
}

/** The newest observation of each probe that the spec still has. */
export function withRound({ probes = [] }: Status, { observations }: Round, spec: Spec): Observation[] {
  const fresh = new Set(observations.map(({ name }) => name));
  const known = new Set(spec.probes.map(({ name }) => name));
  const kept = probes.filter(({ name }) => !fresh.has(name) && (known.size === 0 || known.has(name)));
  const newest = kept.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at));
  return [...observations, ...newest].slice(0, MOST_PROBES).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** A clock that went back must not make a stage wait for the future: what would have begun later begins now. */
export function sinceNow(status: Status, now: number): Status {
  const { step, settlingSince } = status;
  const past = (time: string) => (Date.parse(time) > now ? timestamp(now) : time);
  const settling = settlingSince ? { settlingSince: past(settlingSince) } : {};
  if (!step) return { ...status, ...settling };
  const { since, changedAt, pinsAt, rulesAt, lastRoundAt } = step;
  return {
    ...status,
    ...settling,
    step: {
      ...step,
      since: past(since),
      ...(changedAt ? { changedAt: past(changedAt) } : {}),
      ...(pinsAt ? { pinsAt: past(pinsAt) } : {}),
      ...(rulesAt ? { rulesAt: past(rulesAt) } : {}),
      ...(lastRoundAt ? { lastRoundAt: past(lastRoundAt) } : {}),
    },
  };
}

/** What the newest round of a stage found to object to; undefined while everything is healthy or nothing was seen. */
export function objection({ input }: Situation, status: Status, step: StepStatus): Observation | undefined {
  const since = Date.parse(step.since);
  const observations = (input.round?.observations ?? status.probes ?? []).filter(({ at }) => Date.parse(at) >= since);
  return worstOf(observations);
}

/** The observation that decides a round, unless all are healthy. */
function worstOf(observations: readonly Observation[]): Observation | undefined {
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
  // while STRICT spreads, a port that does not show it yet is no news
  if (kind === 'Enforcement') return [];
  return observations.flatMap(({ name, verdict, message }): Transition[] => {
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
  return probes.length === 0 || probes.some(({ enforcement }) => enforcement !== undefined);
}
