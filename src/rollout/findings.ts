/** Hazards of the scopes at hand that an inventory shows. */
import { findingsOf, type FoundHazard, meshHazards } from '../istio/hazards/catalogue.ts';
import type { Inventory } from '../istio/inventory/inventory.ts';
import { clientRulesOf, rulesAfter } from './clientRules.ts';
import type { Fronts } from './fronts.ts';
import { meantPorts } from './meantPorts.ts';
import { moveOf, reachOf } from './moves.ts';
import type { ScopeState } from './scopeState.ts';
import type { Situation } from './situation.ts';

/** By scope key; those of the mesh itself have this one. */
export type Findings = ReadonlyMap<string, readonly FoundHazard[]>;
export const OF_THE_MESH = '';

/** Namespaces that have to be read to judge these scopes. */
export function namespacesAtHand({ input }: Situation, states: readonly ScopeState[]): string[] {
  return [...new Set(states.flatMap(({ scope }) => reachOf(scope, input.world)))];
}

/**
 * Every one of the scopes has an entry, be it empty: it was looked at. What will be written for the clients of a scope
 * before it goes STRICT counts as written.
 */
export function findingsIn(
  { input }: Situation,
  states: readonly ScopeState[],
  inventory: Inventory,
  fronts: Fronts,
): Findings {
  const { rollout, world } = input;
  const ofMesh = meshHazards(inventory).filter(
    ({ code }) => code !== 'AutoMtlsOff' || rollout.spec.destinationRules === 'Never',
  );
  const found = new Map<string, readonly FoundHazard[]>([[OF_THE_MESH, ofMesh]]);
  const written = states.flatMap(state => clientRulesOf(rollout, world, state, fronts.get(state.key) ?? []).wanted);
  const rules = rulesAfter(
    inventory.rules,
    written.map(({ result }) => result),
  );
  // one inventory for all of them: what families look up in it is worked out once
  const ready = written.length > 0 ? { ...inventory, rules } : inventory;
  for (const state of states) {
    const hazards = findingsOf(ready, moveOf(rollout, state, world, ready));
    found.set(state.key, [...meantPorts(rollout, state, inventory), ...hazards]);
  }
  return found;
}
