/** Hazards of the scopes at hand that an inventory shows. */
import { findingsOf, type FoundHazard, meshHazards } from '../istio/hazards/catalogue.ts';
import type { Inventory } from '../istio/inventory/inventory.ts';
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

/** Every one of the scopes has an entry, be it empty: it was looked at. */
export function findingsIn({ input }: Situation, states: readonly ScopeState[], inventory: Inventory): Findings {
  const found = new Map<string, readonly FoundHazard[]>([[OF_THE_MESH, meshHazards(inventory)]]);
  const { rollout, world } = input;
  for (const state of states) {
    const hazards = findingsOf(inventory, moveOf(rollout, state, world, inventory));
    found.set(state.key, [...meantPorts(rollout, state, inventory), ...hazards]);
  }
  return found;
}
