/** Hazards of the scopes at hand that an inventory shows. */
import { findingsOf, type FoundHazard, meshHazards, unmeshedOf } from '../istio/hazards/catalogue.ts';
import type { Inventory } from '../istio/inventory/inventory.ts';
import { clientRulesOf, rulesAfter } from './clientRules.ts';
import { type Fronts, frontsOf, type Platform } from './fronts.ts';
import { meantPorts } from './meantPorts.ts';
import { moveOf, reachOf } from './moves.ts';
import type { ScopeState } from './scopeState.ts';
import { shadowHazards } from './shadowHazards.ts';
import type { Situation } from './situation.ts';
import { bounded } from './text.ts';
import type { Unmeshed } from './world.ts';

/** By scope key; those of the mesh itself have this one. */
export type Findings = ReadonlyMap<string, readonly FoundHazard[]>;
export const OF_THE_MESH = '';

/** Namespaces that have to be read to judge these scopes. */
export function namespacesAtHand({ input }: Situation, states: readonly ScopeState[]): string[] {
  return [...new Set(states.flatMap(({ scope }) => reachOf(scope, input.world)))];
}

/** What an inventory shows of scopes; every one of them has an entry, be it empty: it was looked at. */
export interface Found {
  findings: Findings;
  fronts: Fronts;
}

/** What will be written for the clients of a scope before it goes STRICT counts as written. */
export function findingsIn(
  situation: Situation,
  states: readonly ScopeState[],
  inventory: Inventory,
  platform: Platform,
): Found {
  const { rollout, world } = situation.input;
  const looks = states.map(state => {
    const move = moveOf(rollout, state, world, inventory);
    return { state, move, fronts: frontsOf(situation, state, move, inventory, platform) };
  });
  const written = looks.flatMap(({ state, fronts }) => clientRulesOf(rollout, world, state, fronts).wanted);
  const rules = rulesAfter(
    inventory.rules,
    written.map(({ result }) => result),
  );
  // one inventory for all of them: what families look up in it is worked out once
  const ready = written.length > 0 ? { ...inventory, rules } : inventory;
  const ofMesh = meshHazards(inventory).filter(
    ({ code }) => code !== 'AutoMtlsOff' || rollout.spec.destinationRules === 'Never',
  );
  const ofScopes = looks.map(
    ({ state, move }) =>
      [
        state.key,
        [
          ...shadowHazards(situation, state, inventory, platform),
          ...meantPorts(state, inventory),
          ...findingsOf(ready, move),
        ],
      ] as const,
  );
  return {
    findings: new Map<string, readonly FoundHazard[]>([[OF_THE_MESH, ofMesh], ...ofScopes]),
    fronts: new Map(looks.map(({ state, fronts }) => [state.key, fronts])),
  };
}

/** Of the pods in an inventory, those on which STRICT has no effect, as far as the author has not taken that on. */
export function unmeshedIn({ input }: Situation, states: readonly ScopeState[], inventory: Inventory): Unmeshed[] {
  const { rollout, world } = input;
  return states.flatMap(state => {
    const move = moveOf(rollout, state, world, inventory);
    const found = unmeshedOf(inventory, move).filter(({ code }) => !rollout.spec.preflight.accept.includes(code));
    return found.map(({ code, object, message }) => ({
      code,
      scope: state.key,
      object: bounded(object, 400),
      message: bounded(message),
    }));
  });
}
