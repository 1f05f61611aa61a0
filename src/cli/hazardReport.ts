/** What would break in the scopes of a rollout, as a value. */
import type { FoundHazard } from '../istio/hazards/catalogue.ts';
import type { Inventory } from '../istio/inventory/inventory.ts';
import { findingsIn } from '../rollout/findings.ts';
import { blocks } from '../rollout/preflight.ts';
import { isStrict } from '../rollout/scopeState.ts';
import { Situation } from '../rollout/situation.ts';
import type { Input, Obstacle } from '../rollout/world.ts';

export interface HazardReport {
  namespace: string;
  name: string;
  rootNamespace?: string;
  /** What keeps the rollout from acting at all; nothing is looked for then. */
  obstacle?: Pick<Obstacle, 'reason' | 'message'>;
  /** Keys of the scopes that were looked at, in the order of the plan. */
  scopes: string[];
  /** Worst first. */
  hazards: FoundHazard[];
  /** Hazards that hold the rollout until somebody acts or accepts them. */
  blocking: number;
  notes: string[];
}

/** @param gaps what could not be looked at */
export function hazardReport(input: Input, inventory: Inventory | undefined, gaps: readonly string[]): HazardReport {
  const { rollout, world, obstacle } = input;
  const { namespace, name } = rollout.metadata;
  const head = { namespace, name, rootNamespace: world.rootNamespace, notes: [...gaps] };
  if (obstacle) {
    const { reason, message } = obstacle;
    return { ...head, obstacle: { reason, message }, scopes: [], hazards: [], blocking: 0 };
  }
  const situation = surveyed(input, inventory);
  const hazards = situation.hazards();
  const scopes = [...situation.states()].map(({ key }) => key);
  return { ...head, scopes, hazards, blocking: rollout.spec.mode === 'Revert' ? 0 : hazards.filter(blocks).length };
}

/** With everything in it that the inventory shows; `hazards()` then has the exceptions that findings propose. */
export function surveyed(input: Input, inventory: Inventory | undefined): Situation {
  const situation = new Situation(input);
  if (!inventory) return situation;
  const left = [...situation.states()].filter(state => !isStrict(state));
  const found = findingsIn(situation, left, inventory, 'istio');
  return new Situation({ ...input, world: { ...input.world, ...found } });
}
