/** Everything that one decision looks at, worked out once: the plan, where each scope stands, the step that runs. */
import { parseDuration } from '../api/duration.ts';
import { RETRY_ANNOTATION } from '../api/resource.ts';
import type { Status, StepStatus } from '../api/status.ts';
import type { FoundHazard } from '../istio/hazards/catalogue.ts';
import type { PeerAuthentication } from '../istio/objects.ts';
import { slotKey, slotOf } from '../istio/slots.ts';
import { type ClientRules, clientRulesOf } from './clientRules.ts';
import { OF_THE_MESH } from './findings.ts';
import { type Plan, planOf, stepsOf } from './plan.ts';
import { isAbout, type Made } from './made.ts';
import { type Pin, pinOf } from './pins.ts';
import { type Pinning, pinningOf } from './pinning.ts';
import { blocks, hasMoved, scopeHazards, targetHazards } from './preflight.ts';
import { type ClientRule, clientRuleOf } from './ruleMarks.ts';
import { type Scope, scopeKey, scopeSlot } from './scope.ts';
import { isDrifted, type ScopeState, scopeState } from './scopeState.ts';
import { type Shadow, shadowOf } from './shadows.ts';
import { type Selection, selectionOf, unselectableHazards } from './selection.ts';
import { bounded, timestamp } from './text.ts';
import type { Input } from './world.ts';

/** The author's numbers, in milliseconds. */
export interface Pace {
  interval: number;
  successes: number;
  failureLimit: number;
  progressDeadline: number;
}

export class Situation {
  readonly input: Input;
  readonly plan: Plan;
  readonly pace: Pace;
  readonly targetHazards: readonly FoundHazard[];
  readonly selection: Selection;
  readonly #states = new Map<string, ScopeState>();
  readonly #pinnings = new Map<string, Pinning>();
  #bySlot: ReadonlyMap<string, ScopeState> | undefined;
  /** Seconds, by namespace. */
  #created: ReadonlyMap<string, number> | undefined;
  readonly #clientRules = new Map<string, ClientRules>();

  constructor(input: Input) {
    const { rollout, world, metrics } = input;
    const { interval, successes, failureLimit, progressDeadline } = rollout.spec.analysis;
    this.input = input;
    this.plan = planOf(rollout, world);
    this.selection = selectionOf(
      rollout,
      world,
      [...this.plan.scopes.values()].map(({ scope }) => scope),
    );
    const found = [...unselectableHazards(this.selection), ...(world.findings?.get(OF_THE_MESH) ?? [])];
    this.targetHazards = targetHazards(rollout, world, this.plan, metrics, found);
    this.pace = {
      interval: parseDuration(interval),
      successes,
      failureLimit,
      progressDeadline: parseDuration(progressDeadline),
    };
    for (const { scope } of this.plan.scopes.values()) this.#remember(scope);
  }

  get now(): number {
    return this.input.now;
  }

  get uid(): string {
    return this.input.rollout.metadata.uid;
  }

  states(): IterableIterator<ScopeState> {
    return this.#states.values();
  }

  state(key: string): ScopeState | undefined {
    return this.#states.get(key);
  }

  /** See `hasMoved`. */
  moved(state: ScopeState): boolean {
    return hasMoved(this.input.rollout, state);
  }

  drifted(state: ScopeState): boolean {
    return isDrifted(state, this.uid);
  }

  /** Scopes of a step that are still what they were when it began; a namespace made anew since is a stranger. */
  stepStates(step: StepStatus): ScopeState[] {
    const begun = Date.parse(step.startedAt);
    return step.scopes.flatMap(key => {
      const state = this.state(key);
      return state && this.birthOf(state.scope) <= begun ? [state] : [];
    });
  }

  /**
   * Begin of a step with these scopes: now, but not before the newest of their namespaces, whose birth is told by the
   * clock of the API server.
   */
  beginOf(states: readonly ScopeState[]): string {
    const births = states.map(({ scope }) => this.birthOf(scope));
    return timestamp(Math.max(this.now, ...births));
  }

  /** Blocking hazards of the target and of these scopes. */
  blocking(states: readonly ScopeState[]): FoundHazard[] {
    return [...this.targetHazards, ...states.flatMap(state => this.#hazardsOf(state))].filter(blocks);
  }

  /** Every hazard of the plan, worst first. */
  hazards(): FoundHazard[] {
    const rank = { Block: 0, Warn: 1, Info: 2 };
    const weight = (hazard: FoundHazard) => rank[hazard.severity] + (hazard.accepted ? 3 : 0);
    const all = [...this.targetHazards, ...[...this.states()].flatMap(state => this.#hazardsOf(state))];
    return all.toSorted((a, b) => weight(a) - weight(b));
  }

  /** What the scope needs to leave DISABLE. */
  pinning(state: ScopeState): Pinning {
    const known = this.#pinnings.get(state.key) ?? pinningOf(this.input.rollout, this.input.world, state);
    this.#pinnings.set(state.key, known);
    return known;
  }

  /** What the clients of the scope have to be told before it goes STRICT. */
  clientRules(state: ScopeState): ClientRules {
    const { rollout, world } = this.input;
    const fronts = world.fronts?.get(state.key) ?? [];
    const known = this.#clientRules.get(state.key) ?? clientRulesOf(rollout, world, state, fronts);
    this.#clientRules.set(state.key, known);
    return known;
  }

  /** Rules for clients that this rollout has written, in the namespaces that it may reach. */
  ownClientRules(): ClientRule[] {
    const { rules = [], namespaces } = this.input.world;
    const reach = new Set(namespaces.map(({ name }) => name));
    const found = rules
      .filter(({ metadata }) => reach.has(metadata.namespace))
      .flatMap(rule => clientRuleOf(rule) ?? []);
    return found.filter(({ rollout }) => rollout === this.uid);
  }

  /** Pins of this rollout, and those that another one, which is gone, has left on these scopes. */
  pins(states: readonly ScopeState[] = []): Pin[] {
    const { rules = [] } = this.input.world;
    return this.#made(
      rules.flatMap(rule => pinOf(rule) ?? []),
      states,
    );
  }

  /** Shadows of this rollout, and those that another one, which is gone, has left on these scopes. */
  shadows(states: readonly ScopeState[] = []): Shadow[] {
    const { policies = [] } = this.input.world.shadows ?? {};
    return this.#made(
      policies.flatMap(policy => shadowOf(policy) ?? []),
      states,
    );
  }

  /** Whether somebody asked a paused or rolled back rollout to try again: by the retry annotation or by an edit. */
  askedAgain({ retried, observedGeneration }: Status): boolean {
    const { generation } = this.input.rollout.metadata;
    const edited = observedGeneration !== undefined && observedGeneration !== generation;
    return edited || (this.retryValue !== undefined && this.retryValue !== retried);
  }

  /** As status holds it. */
  get retryValue(): string | undefined {
    const value = this.input.rollout.metadata.annotations?.[RETRY_ANNOTATION];
    return value === undefined ? undefined : bounded(value, 256);
  }

  /** Number of the step that a scope of this wave belongs to, and of how many. */
  position(waveNumber: number): { index: number; of: number } {
    const before = this.plan.waves
      .slice(0, waveNumber)
      .reduce((sum, { scopes, size }) => sum + Math.ceil(scopes.length / size), 0);
    const wave = this.plan.waves[waveNumber];
    const done = wave ? this.doneIn(wave.scopes) : 0;
    return { index: before + Math.floor(done / (wave?.size ?? 1)) + 1, of: stepsOf(this.plan) };
  }

  doneIn(scopes: readonly Scope[]): number {
    return this.#among(scopes).filter(state => this.moved(state)).length;
  }

  /** Scopes of a wave that have not moved yet, in order. */
  leftIn(scopes: readonly Scope[]): ScopeState[] {
    return this.#among(scopes).filter(state => !this.moved(state));
  }

  /** Scopes of which nobody has looked yet for what they will break. */
  unread(states: readonly ScopeState[]): ScopeState[] {
    const { findings } = this.input.world;
    return findings ? states.filter(({ key }) => !findings.has(key)) : [];
  }

  #made<M extends Made>(made: readonly M[], states: readonly ScopeState[]): M[] {
    const reach = new Set(this.input.world.namespaces.map(({ name }) => name));
    return made.filter(
      one => reach.has(one.namespace) && (one.rollout === this.uid || states.some(state => isAbout(one, state))),
    );
  }

  #hazardsOf(state: ScopeState): FoundHazard[] {
    const found = this.input.world.findings?.get(state.key) ?? [];
    const shared = this.selection.shared.get(state.key);
    return scopeHazards(this.input.rollout, { ...state, weakerInside: this.#lastingIn(state) }, [
      ...(shared ? [shared] : []),
      ...this.pinning(state).hazards,
      ...this.clientRules(state).hazards,
      ...found,
    ]);
  }

  /** What stays weaker inside the scope: not the policies of scopes of the plan that are still to move. */
  #lastingIn(state: ScopeState): readonly PeerAuthentication[] {
    if (state.weakerInside.length === 0) return state.weakerInside;
    this.#bySlot ??= new Map([...this.states()].map(each => [slotKey(scopeSlot(each.scope)), each]));
    return state.weakerInside.filter(policy => {
      const other = this.#bySlot?.get(slotKey(slotOf(policy)));
      return !other || other === state || this.moved(other);
    });
  }

  #among(scopes: readonly Scope[]): ScopeState[] {
    return scopes.map(scope => this.#remember(scope));
  }

  #remember(scope: Scope): ScopeState {
    const key = scopeKey(scope);
    const known = this.#states.get(key);
    if (known) return known;
    const { rollout, world } = this.input;
    const state = scopeState(rollout, scope, world.policies, world.rootNamespace);
    this.#states.set(key, state);
    return state;
  }

  /** When the namespace of a scope was made; 0 where that is not known. */
  birthOf({ namespace }: Scope): number {
    this.#created ??= new Map(this.input.world.namespaces.map(({ name, created }) => [name, created]));
    return (this.#created.get(namespace) ?? 0) * 1000;
  }
}
