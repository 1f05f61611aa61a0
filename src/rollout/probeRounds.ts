/** Which probes take part in which rounds, when each is due, and how its looks add up. */
import { parseDuration } from '../api/duration.ts';
import { kindOf, PURPOSE } from '../api/schema/probes/kinds.ts';
import type { ProbeSpec, Spec } from '../api/schema.ts';
import type { Observation, Status, StepStatus } from '../api/status.ts';
import { timestamp } from './text.ts';
import type { Round, RoundKind } from './world.ts';

/** While STRICT spreads, looks are closer together than the author's interval. */
export const ENFORCEMENT_INTERVAL = 5_000;
/** A look that is due so little later takes part in the round at hand. */
const NEAR = 0.5;

/** Rounds that a probe takes part in. */
export function roundsOf(probe: ProbeSpec): readonly RoundKind[] {
  const kind = kindOf(probe);
  // what STRICT refuses reaches no policy that could count it
  if (probe.plaintextTraffic?.source === 'Shadow') return ['Entry'];
  if (probe.when === 'Guard') return ['Guard'];
  const after: readonly RoundKind[] = kind === 'enforcement' ? ['Enforcement', 'Soak', 'Restored'] : ['Soak'];
  const chosen = probe.when ?? PURPOSE[kind];
  if (chosen === 'Entry') return ['Entry'];
  const guard: readonly RoundKind[] = probe.when === undefined && guards(probe) ? ['Guard'] : [];
  return [...(chosen === 'Both' ? (['Entry'] as const) : []), ...after, ...guard];
}

/** Whether what the probe looks for is asked of everything that is STRICT, and not only of a change. */
function guards({ enforcement, plaintextTraffic }: ProbeSpec): boolean {
  return enforcement !== undefined || plaintextTraffic?.source === 'Metrics';
}

/** Probes of the spec in a kind of round; undefined: the default set, which only the operator knows. */
export function probesIn({ probes }: Pick<Spec, 'probes'>, kind: RoundKind): ProbeSpec[] | undefined {
  return probes.length === 0 ? undefined : probes.filter(probe => roundsOf(probe).includes(kind));
}

/** Those that decide. */
export function decidingIn(spec: Pick<Spec, 'probes'>, kind: RoundKind): ProbeSpec[] | undefined {
  return probesIn(spec, kind)?.filter(({ dryRun }) => !dryRun);
}

/** When the next round of a stage is due. Evidence before a step is there at once; evidence about a change must gather. */
export function nextRoundAt(spec: Spec, status: Status, kind: RoundKind, step: StepStatus): number {
  const probes = probesIn(spec, kind) ?? [];
  const times = probes.map(probe => dueAt(spec, status, kind, step, probe));
  return times.length > 0 ? Math.min(...times) : roundAt(kind, step, parseDuration(spec.analysis.interval));
}

/** Time between two rounds of a kind in which at least one probe looks, in milliseconds. */
export function cadenceOf(spec: Spec, kind: RoundKind): number {
  const intervals = (probesIn(spec, kind) ?? []).map(({ interval }) => interval ?? spec.analysis.interval);
  return Math.min(...(intervals.length > 0 ? intervals : [spec.analysis.interval]).map(parseDuration));
}

/**
 * How much later than due a round of this stage came, in milliseconds: the operator was away, or its clock was put
 * forward. A little later than due is not late.
 */
export function lateness(
  spec: Spec,
  before: Status,
  kind: RoundKind,
  step: StepStatus,
  { observations }: Round,
): number {
  const began = Math.min(...observations.map(({ at }) => Date.parse(at)));
  const late = began - nextRoundAt(partOf(spec, observations), before, kind, step);
  return late > cadenceOf(spec, kind) * NEAR ? late : 0;
}

/** The spec without the probes that are not done with their looks. */
function partOf(spec: Spec, observations: readonly Observation[]): Spec {
  const done = new Set(observations.map(({ name }) => name));
  return { ...spec, probes: spec.probes.filter(({ name }) => done.has(name)) };
}

/** Names of the probes that are due in a round at this time; undefined: all. */
export function dueIn(
  spec: Spec,
  status: Status,
  kind: RoundKind,
  step: StepStatus,
  now: number,
): ReadonlySet<string> | undefined {
  const probes = probesIn(spec, kind);
  const near = (parseDuration(spec.analysis.interval) * NEAR) / Math.max(1, probes?.length ?? 1);
  return (
    probes &&
    new Set(probes.filter(probe => dueAt(spec, status, kind, step, probe) <= now + near).map(({ name }) => name))
  );
}

function dueAt(spec: Spec, status: Status, kind: RoundKind, step: StepStatus, probe: ProbeSpec): number {
  const interval = parseDuration(probe.interval ?? spec.analysis.interval);
  const last = lastLook(status, step, probe.name);
  if (last) return Date.parse(last.at) + paced(kind, interval);
  const wait = Math.max(parseDuration(probe.initialDelay), kind === 'Soak' ? interval : 0);
  return Date.parse(step.since) + wait;
}

/** For rounds in which every probe takes part. */
function roundAt(kind: RoundKind, step: StepStatus, interval: number): number {
  if (step.lastRoundAt) return Date.parse(step.lastRoundAt) + paced(kind, interval);
  return Date.parse(step.since) + (kind === 'Soak' ? interval : 0);
}

function paced(kind: RoundKind, interval: number): number {
  return kind === 'Enforcement' ? Math.min(interval, ENFORCEMENT_INTERVAL) : interval;
}

/** The newest look of a probe in this stage. */
export function lastLook({ probes = [] }: Status, { since }: StepStatus, name: string): Observation | undefined {
  const known = probes.find(observation => observation.name === name);
  return known && Date.parse(known.at) >= Date.parse(since) ? known : undefined;
}

/** A look with what it adds to the ones before it; `anew`: the row of healthy rounds begins here. */
export function addedUp(
  observation: Observation,
  before: Observation | undefined,
  { anew, dryRun }: { anew: boolean; dryRun: boolean },
): Observation {
  const { verdict } = observation;
  // decided upon once already
  if (before?.at === observation.at) return { ...before, ...observation };
  const next = (is: boolean, count = 0) => (is ? count + 1 : 0);
  return {
    ...observation,
    row: next(verdict === 'Healthy', anew ? 0 : before?.row),
    failures: (before?.failures ?? 0) + (verdict === 'Unhealthy' ? 1 : 0),
    silent: next(verdict === 'NoData', before?.silent),
    errors: next(verdict === 'Error', before?.errors),
    ...(dryRun ? { dryRun } : {}),
  };
}

/** The probe that went beyond a limit of its own, in words; undefined while none did. */
export function beyondLimit(spec: Spec, status: Status, step: StepStatus): Observation | undefined {
  for (const { name, failureLimit, noDataLimit, errorLimit } of decidingIn(spec, 'Soak') ?? []) {
    const last = lastLook(status, step, name);
    if (!last) continue;
    const over = (count: number | undefined, limit: number | undefined) => limit !== undefined && (count ?? 0) > limit;
    const isOver = over(last.failures, failureLimit) || over(last.silent, noDataLimit) || over(last.errors, errorLimit);
    if (isOver) return last;
  }
  return undefined;
}

/** A clock that went back must not make a probe wait for the future. */
export function notLater(probes: Observation[] | undefined, now: number): Observation[] | undefined {
  return probes?.map(observation =>
    Date.parse(observation.at) > now ? { ...observation, at: timestamp(now) } : observation,
  );
}
