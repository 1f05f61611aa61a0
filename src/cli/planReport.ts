/** What a rollout would do from now on, as a value: worked out by the code that decides in the operator. */
import { formatDuration } from '../api/duration.ts';
import type { Status } from '../api/status.ts';
import type { FoundHazard } from '../istio/hazards/catalogue.ts';
import type { Inventory } from '../istio/inventory/inventory.ts';
import type { Mode } from '../istio/objects.ts';
import type { Policies } from '../istio/policies.ts';
import type { WantedRule } from '../rollout/clientRules.ts';
import { restore } from '../rollout/intended.ts';
import { type PlannedWave, stepsOf } from '../rollout/plan.ts';
import { blocks } from '../rollout/preflight.ts';
import { scopeKey } from '../rollout/scope.ts';
import { isStrict, type ScopeState } from '../rollout/scopeState.ts';
import { countsByShadow, newShadow } from '../rollout/shadows.ts';
import type { Situation } from '../rollout/situation.ts';
import { forecast } from '../rollout/stepWrites.ts';
import { marked } from '../rollout/marked.ts';
import { nameOf } from '../rollout/text.ts';
import type { Input } from '../rollout/world.ts';
import type { Write } from '../rollout/writes.ts';
import { surveyed } from './hazardReport.ts';
import { changeBetween, changeBy, type ObjectChange } from './objectDiff.ts';

/** A write that is to come, in the order in which it is made. */
export interface PlannedWrite {
  verb: Write['verb'];
  /** `PeerAuthentication cart/default`. */
  object: string;
  /** Mode that it gives a port, or clients; absent where it gives none, or brings back what was there before. */
  mode?: Mode | 'ISTIO_MUTUAL';
}

export interface PlannedScope {
  scope: string;
  /** Number of the step in which it moves; absent where it has moved. */
  step?: number;
  /** Mode that Istio gives now. */
  mode: Mode;
  /** Namespace and name of the policy that says so; absent: Istio's default. */
  decidedBy?: string;
  /** The rollout had set a mode here, and somebody else made it weaker. */
  drifted?: true;
  writes: PlannedWrite[];
  /** What the step leaves, whatever it takes to get there. */
  changes: ObjectChange[];
}

export interface PlannedWaveReport {
  name: string;
  /** Hash that an approval names. */
  plan: string;
  maxConcurrent: number;
  soak: string;
  scopes: PlannedScope[];
}

export interface PlanReport {
  namespace: string;
  name: string;
  mode?: 'Plan' | 'Enforce' | 'Revert';
  suspend?: boolean;
  rootNamespace?: string;
  /** What keeps the rollout from acting at all; nothing is planned then. */
  obstacle?: { reason: string; message: string };
  /** Hash of all waves. */
  plan?: string;
  steps?: number;
  strict?: { done: number; total: number };
  waves: PlannedWaveReport[];
  /** Mode Revert: what brings the originals back, in order. */
  restores?: (PlannedWrite & { change: ObjectChange })[];
  /** All of them, worst first. */
  hazards: FoundHazard[];
  /** Hazards that hold the rollout until somebody acts or accepts them. */
  blocking: number;
  /** What this report cannot know, or what is worth knowing beside it. */
  notes: string[];
}

/** Whether the plan can be carried out as it stands. */
export function isClean({ obstacle, blocking }: Pick<PlanReport, 'obstacle' | 'blocking'>): boolean {
  return obstacle === undefined && blocking === 0;
}

/** @param gaps what could not be looked at */
export function planReport(input: Input, inventory: Inventory | undefined, gaps: readonly string[]): PlanReport {
  const { rollout, world, obstacle } = input;
  const { mode, suspend } = rollout.spec;
  const { namespace, name } = rollout.metadata;
  const head = { namespace, name, mode, suspend, rootNamespace: world.rootNamespace };
  if (obstacle) {
    const { reason, message } = obstacle;
    return { ...head, obstacle: { reason, message }, waves: [], hazards: [], blocking: 0, notes: [...gaps] };
  }
  const situation = surveyed(input, inventory);
  const { plan } = situation;
  const states = [...situation.states()];
  const hazards = situation.hazards();
  return {
    ...head,
    plan: plan.hash,
    steps: stepsOf(plan),
    strict: { done: states.filter(isStrict).length, total: states.length },
    waves: plan.waves.map((wave, number) => waveReport(situation, wave, number)),
    ...(mode === 'Revert' ? { restores: restorations(situation) } : {}),
    hazards,
    blocking: mode === 'Revert' ? 0 : hazards.filter(blocks).length,
    notes: [...notesOn(situation, rollout.status), ...gaps],
  };
}

function waveReport(situation: Situation, wave: PlannedWave, number: number): PlannedWaveReport {
  const left = situation.leftIn(wave.scopes).map(({ key }) => key);
  const { index } = situation.position(number);
  const scopes = wave.scopes.flatMap(scope => {
    const state = situation.state(scopeKey(scope));
    if (!state) return [];
    const place = left.indexOf(state.key);
    const step = place < 0 ? undefined : index + Math.floor(place / wave.size);
    return [scopeReport(situation, state, step)];
  });
  return { name: wave.name, plan: wave.hash, maxConcurrent: wave.size, soak: soakText(wave), scopes };
}

function scopeReport(situation: Situation, state: ScopeState, step: number | undefined): PlannedScope {
  const { mode, decidedBy } = state.effective;
  const reverting = situation.input.rollout.spec.mode === 'Revert';
  return {
    scope: state.key,
    ...(step === undefined || reverting ? {} : { step }),
    mode,
    ...(decidedBy ? { decidedBy: `${decidedBy.metadata.namespace}/${decidedBy.metadata.name}` } : {}),
    ...(situation.drifted(state) ? { drifted: true as const } : {}),
    writes: step === undefined || reverting ? [] : writesFor(situation, state),
    changes: step === undefined || reverting ? [] : changesFor(situation, state),
  };
}

/** Rules for clients that are still to be written. */
function rulesFor(situation: Situation, state: ScopeState): WantedRule[] {
  return situation.clientRules(state).wanted.filter(({ there }) => !there);
}

/** Preparing first, with what counts plaintext until STRICT; then clients, then STRICT. */
function writesFor(situation: Situation, state: ScopeState): PlannedWrite[] {
  const { rollout, world } = situation.input;
  const { prepare, enforce } = forecast(rollout, state, world);
  const shadow = shadowFor(situation, state);
  return [
    ...prepare.map(write => plannedWrite(write, write.verb === 'delete' ? undefined : 'PERMISSIVE')),
    ...(shadow && situation.shadows([state]).length === 0 ? [shadow] : []),
    ...rulesFor(situation, state).map(({ toAdopt, result }) => ({
      verb: toAdopt ? ('patch' as const) : ('create' as const),
      object: nameOf(result),
      mode: 'ISTIO_MUTUAL' as const,
    })),
    ...enforce.map(write => plannedWrite(write, 'STRICT')),
    ...(shadow ? [{ ...shadow, verb: 'delete' as const }] : []),
  ];
}

/** The policy in dry run that counts plaintext to a scope. */
function shadowFor({ input }: Situation, state: ScopeState): PlannedWrite | undefined {
  const { rollout } = input;
  const object = countsByShadow(rollout.spec) ? newShadow(rollout, state, '') : undefined;
  return object && { verb: 'create', object: nameOf(object) };
}

/** Once the step is done: what is written on the way is not shown. */
function changesFor(situation: Situation, state: ScopeState): ObjectChange[] {
  const { rollout, world } = situation.input;
  const { prepare, enforce, after } = forecast(rollout, state, world);
  const places = [...prepare, ...enforce].map(placeOf);
  const named = (policies: Policies, { namespace, name }: { namespace: string; name: string }) =>
    policies.in(namespace).find(({ metadata }) => metadata.name === name);
  const once = new Map(places.map(place => [`${place.namespace}/${place.name}`, place]));
  return [
    ...rulesFor(situation, state).flatMap(({ toAdopt, result }) => changeBetween(toAdopt, result)),
    ...[...once.values()].flatMap(place => changeBetween(named(world.policies, place), named(after, place))),
  ];
}

function placeOf(write: Write): { namespace: string; name: string } {
  return write.verb === 'create' ? write.object.metadata : write.target;
}

/** A policy whose original is damaged has no way back; the hazards say so. */
function restorations(situation: Situation): NonNullable<PlanReport['restores']> {
  return marked(situation).flatMap(({ policy, mark }) => {
    const write = restore(policy, mark);
    return write ? [{ ...plannedWrite(write), change: changeBy(write, policy) }] : [];
  });
}

function plannedWrite(write: Write, mode?: Mode): PlannedWrite {
  const { kind, namespace, name } =
    write.verb === 'create' ? { kind: write.object.kind, ...write.object.metadata } : write.target;
  const object = nameOf({ kind, metadata: { namespace, name } });
  return { verb: write.verb, object, ...(mode === undefined ? {} : { mode }) };
}

function notesOn({ plan, input }: Situation, status: Status | undefined): string[] {
  const { mode, suspend } = input.rollout.spec;
  const said: [boolean, string][] = [
    [suspend, 'held by spec.suspend: nothing is written until it is false'],
    [mode === 'Plan', 'spec.mode is Plan: nothing is written until it is Enforce'],
    [
      status?.plan !== undefined && status.plan !== plan.hash,
      `the operator's last look gave plan ${status?.plan}: the cluster or the rollout has changed since`,
    ],
    [
      status?.phase === undefined && input.rollout.spec.probes.length === 0,
      'the operator has not looked at this rollout yet, so whether it knows a Prometheus cannot be told',
    ],
  ];
  return said.filter(([holds]) => holds).map(([, note]) => note);
}

/** Only the operator knows its configuration; what it found missing it says in status. */
export function knowsMetrics(status: Status | undefined): boolean {
  return !(status?.hazards ?? []).some(({ code }) => code === 'NoMetrics');
}

/** Stretched where a step would be over before it can have shown what it broke. */
function soakText({ soakMs, askedMs }: Pick<PlannedWave, 'soakMs' | 'askedMs'>): string {
  const soak = formatDuration(soakMs);
  return askedMs === undefined ? soak : `${soak} (${formatDuration(askedMs)} asked, too short to show what breaks)`;
}
