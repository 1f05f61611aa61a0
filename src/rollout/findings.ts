/** Hazards of the scopes at hand that an inventory shows. */
import type { Hazard } from '../api/status.ts';
import { hazardsOf, meshHazards } from '../istio/hazards/catalogue.ts';
import type { Inventory } from '../istio/inventory/inventory.ts';
import { moveOf, reachOf } from './moves.ts';
import { clientRulesOf, rulesAfter } from './clientRules.ts';
import type { Fronts } from './fronts.ts';
import type { ScopeState } from './scopeState.ts';
import type { Situation } from './situation.ts';

/** By scope key; those of the mesh itself have this one. */
export type Findings = ReadonlyMap<string, readonly Hazard[]>;
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
  const found = new Map<string, readonly Hazard[]>([[OF_THE_MESH, ofMesh]]);
  for (const state of states) {
    const { wanted } = clientRulesOf(rollout, world, state, fronts.get(state.key) ?? []);
    const ready = {
      ...inventory,
      rules: rulesAfter(
        inventory.rules,
        wanted.map(({ result }) => result),
      ),
    };
    found.set(state.key, hazardsOf(ready, moveOf(rollout, state, world, ready)));
  }
  return found;
}
