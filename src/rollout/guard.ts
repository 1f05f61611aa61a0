/**
 * The guard: when everything is done, probes look on at a slow pace, a few scopes at a time, one after the other. What
 * they object to is said; nothing is ever rolled back for it.
 */
import { parseDuration } from '../api/duration.ts';
import type { ProbeSpec, Spec } from '../api/schema.ts';
import type { Condition, Guard, Status, StepStatus } from '../api/status.ts';
import { probesIn } from './probeRounds.ts';
import type { ScopeState } from './scopeState.ts';
import type { Situation } from './situation.ts';
import { bounded, counted, listed, timestamp } from './text.ts';
import type { Round, Transition } from './world.ts';

/** Scopes of one look: so many namespaces are listed for it, and no more. */
const BATCH = 20;
/** Between two looks, unless a probe that only guards says otherwise: what it asks of the mesh is load at rest. */
const INTERVAL = 600_000;
const MOST_FINDINGS = 10;
const MOST_UNMESHED = 20;
const MOST_PROBES = 32;
/** Stands for all probes of the default set, of which only the operator knows the names. */
const DEFAULT_SET = '';

type Looked = Guard['looks'][number];
type Unmeshed = Guard['unmeshed'][number];

/** A look that is due. */
interface GuardDue {
  /** The scopes of the look, as if they soaked since they were looked at the last time. */
  step: StepStatus;
  names: ReadonlySet<string> | undefined;
}

/** When the guard looks next; undefined when it does not. */
export function nextGuardAt(spec: Spec, { guard, phase }: Status, now: number): number | undefined {
  if (phase !== 'Completed' || !guard || spec.suspend || spec.mode !== 'Enforce') return undefined;
  const times = guardsOf(spec).map(probe => dueAt(guard, probe, now));
  return times.length > 0 ? Math.min(...times) : undefined;
}

/** The look that is due, at the next scopes of the probe that has waited longest, and of those that keep it company. */
export function guardDue(situation: Situation, status: Status): GuardDue | undefined {
  const { now, input } = situation;
  const { spec } = input.rollout;
  const at = nextGuardAt(spec, status, now);
  const { guard } = status;
  if (at === undefined || at > now || !guard) return undefined;
  const due = guardsOf(spec).filter(probe => dueAt(guard, probe, now) <= now);
  const [first] = due.toSorted((a, b) => dueAt(guard, a, now) - dueAt(guard, b, now));
  const states = movedIn(situation);
  if (!first || states.length === 0) return undefined;
  const behind = lookOf(guard, first)?.scope;
  const together = due.filter(probe => lookOf(guard, probe)?.scope === behind);
  const lap = Math.ceil(states.length / BATCH) * intervalOf(first);
  // the same for as long as the look lasts, which may be several rounds
  const since = timestamp(Math.min(Math.max(Date.parse(guard.since), dueAt(guard, first, now) - lap), now));
  return {
    step: {
      index: 0,
      of: 0,
      wave: '',
      stage: 'Soaking',
      scopes: following(states, behind).map(({ key }) => key),
      since,
      startedAt: timestamp(now),
      changedAt: since,
      healthyRounds: 0,
      failures: 0,
    },
    names: first.name === DEFAULT_SET ? undefined : new Set(together.map(({ name }) => name)),
  };
}

/** After a look: where it was, what it found, and what of that is news. */
export function guarded(situation: Situation, status: Status, round: Round): { guard: Guard; news: Transition[] } {
  const { spec } = situation.input.rollout;
  const guard = status.guard ?? newGuard(situation);
  const at = timestamp(round.at);
  const [last = ''] = round.scopes.slice(-1);
  const looked = (isDefault(spec) ? [DEFAULT_SET] : round.observations.map(({ name }) => name)).map(
    (probe): Looked => ({ probe, at, scope: last }),
  );
  const fresh = new Set(looked.map(({ probe }) => probe));
  const looks = [...guard.looks.filter(({ probe }) => !fresh.has(probe)), ...looked].slice(-MOST_PROBES);
  const observed = new Map(round.observations.map(observation => [observation.name, observation]));
  const covers = ({ scopes }: { scopes: string[] }) => scopes.some(key => round.scopes.includes(key));
  const isAbout = (finding: Guard['findings'][number]) => observed.has(finding.probe) && covers(finding);
  const before = guard.findings.filter(isAbout);
  const others = guard.findings.filter(finding => !isAbout(finding));
  const now = [...observed.values()].flatMap(({ name, verdict, message }) => {
    const known = before.find(({ probe }) => probe === name);
    const dryRun = spec.probes.some(probe => probe.name === name && probe.dryRun);
    if (verdict === 'Unhealthy' && !dryRun)
      return [{ probe: name, scopes: round.scopes, message: bounded(message), since: known?.since ?? at }];
    // what could not be looked at again is not known to be well
    return verdict === 'Healthy' || !known ? [] : [known];
  });
  const news = now.filter(({ probe }) => !before.some(known => known.probe === probe));
  const { unmeshed, appeared } = unmeshedNow(guard, round);
  return {
    guard: { ...guard, looks, findings: [...now, ...others].slice(0, MOST_FINDINGS), unmeshed },
    news: [
      ...news.map(({ probe, message, scopes }) => ({
        reason: 'GuardUnhealthy',
        message: bounded(`probe ${probe}: ${message}`),
        severity: 'Warning' as const,
        scopes,
      })),
      ...appeared,
    ],
  };
}

/** Workloads without a proxy, those of the scopes that were looked at anew; and which of them nobody has heard of. */
function unmeshedNow(
  { unmeshed }: Guard,
  { unmeshed: seen, scopes }: Round,
): { unmeshed: Unmeshed[]; appeared: Transition[] } {
  if (!seen) return { unmeshed, appeared: [] };
  const others = unmeshed.filter(({ scope }) => !scopes.includes(scope));
  const known = new Set(unmeshed.map(({ code, object }) => `${code} ${object}`));
  const fresh = seen.filter(({ code, object }) => !known.has(`${code} ${object}`));
  return {
    unmeshed: [...seen.map(({ code, object, scope }) => ({ code, object, scope })), ...others].slice(0, MOST_UNMESHED),
    appeared: fresh.slice(0, MOST_UNMESHED).map(({ code, message, scope }) => ({
      reason: code,
      message: bounded(message),
      severity: 'Warning',
      scopes: [scope],
    })),
  };
}

/** What the condition Unmeshed says; undefined while nobody looks. */
export function unmeshedCondition({
  guard,
}: {
  guard?: Guard | undefined;
}): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  if (!guard) return undefined;
  const [first] = guard.unmeshed;
  if (!first)
    return { status: 'False', reason: 'NoneSeen', message: 'no workload without a proxy was seen in what is done' };
  const what = listed(guard.unmeshed.map(({ object }) => object));
  const message = `STRICT has no effect on ${counted(guard.unmeshed.length, 'workload')} in what is done: ${what}`;
  return { status: 'True', reason: first.code, message: bounded(message) };
}

/** The guard as status keeps it when all is done; what was found stays until it is looked at again, or somebody asks. */
export function guardNow(situation: Situation, status: Status): Guard {
  const { spec } = situation.input.rollout;
  const known = status.guard ?? newGuard(situation);
  const since = status.phase === 'Completed' ? known.since : timestamp(situation.now);
  const names = new Set(isDefault(spec) ? [DEFAULT_SET] : spec.probes.map(({ name }) => name));
  const stands = ({ probe, scopes }: Guard['findings'][number]) =>
    (isDefault(spec) || names.has(probe)) && scopes.some(key => situation.state(key));
  return {
    since,
    looks: known.looks.filter(({ probe }) => names.has(probe)),
    findings: situation.askedAgain(status) ? [] : known.findings.filter(stands),
    unmeshed: known.unmeshed.filter(
      ({ scope, code }) => situation.state(scope) && !spec.preflight.accept.includes(code),
    ),
  };
}

function newGuard({ now }: Situation): Guard {
  return { since: timestamp(now), looks: [], findings: [], unmeshed: [] };
}

type GuardProbe = Pick<ProbeSpec, 'name' | 'when' | 'interval'>;

function guardsOf(spec: Spec): GuardProbe[] {
  return probesIn(spec, 'Guard') ?? [{ name: DEFAULT_SET, when: undefined, interval: undefined }];
}

function isDefault({ probes }: Spec): boolean {
  return probes.length === 0;
}

function lookOf({ looks }: Guard, { name }: GuardProbe): Looked | undefined {
  return looks.find(({ probe }) => probe === name);
}

/** A clock that went back must not make a look wait for the future. */
function dueAt(guard: Guard, probe: GuardProbe, now: number): number {
  const last = Date.parse(lookOf(guard, probe)?.at ?? guard.since);
  return Math.min(Math.max(last, Date.parse(guard.since)), now) + intervalOf(probe);
}

/** The interval of a probe that has other work is meant for that. */
function intervalOf({ when, interval }: GuardProbe): number {
  return when === 'Guard' && interval !== undefined ? parseDuration(interval) : INTERVAL;
}

/** In order of name, so that a scope that comes or goes moves no other out of turn. */
function movedIn(situation: Situation): ScopeState[] {
  const states = [...situation.states()].filter(state => situation.moved(state));
  return states.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The next ones behind the one that was looked at last, and from the first again where there are no more. */
function following(states: readonly ScopeState[], behind = ''): ScopeState[] {
  const rest = states.filter(({ key }) => key > behind);
  return (rest.length > 0 ? rest : states).slice(0, BATCH);
}
