/** Every family of hazards, and what can be asked of all of them together. */
import type { Hazard } from '../../api/status.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { apiServer } from './apiServer.ts';
import type { Code, Family, Move } from './family.ts';

const FAMILIES: readonly Family[] = [apiServer];

/** Of a kind that cannot be read: what would be found with it. */
const UNKNOWN: Code = {
  code: 'Unknown',
  severity: 'Warn',
  title: 'a kind of object cannot be read, so that some hazards cannot be told',
  needs: [],
};

/** Every code that findings about inventories carry, with what it means. */
export const CODES: readonly Code[] = [...FAMILIES.flatMap(({ codes }) => codes), UNKNOWN];

/** What will break, or make an answer wrong, when the scope goes STRICT. */
export function hazardsOf(inventory: Inventory, move: Move): Hazard[] {
  return FAMILIES.flatMap(({ find }) => find(inventory, move)).map(finding => ({ ...finding, scope: move.key }));
}

/** What stands in the way of any scope. */
export function meshHazards(inventory: Inventory): Hazard[] {
  return [...FAMILIES.flatMap(({ findInMesh }) => findInMesh?.(inventory) ?? []), ...unknowns(inventory)];
}

function unknowns({ unseen }: Inventory): Hazard[] {
  return unseen.map(({ kind, problem, permission }) => {
    const codes = CODES.filter(({ needs }) => needs.includes(kind)).map(({ code }) => code);
    return {
      code: UNKNOWN.code,
      severity: UNKNOWN.severity,
      object: kind,
      message: `whether there is ${codes.join(', ') || 'a hazard'} cannot be told: ${problem}`,
      fix: `allow to ${permission}`,
    };
  });
}
