/** Every family of hazards, and what can be asked of all of them together. */
import type { Hazard } from '../../api/status.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { apiServer } from './apiServer.ts';
import { clientRules } from './clientRules.ts';
import { clients } from './clients.ts';
import { controlPlane } from './controlPlane.ts';
import { exposure } from './exposure.ts';
import type { Code, Family, Finding, Move } from './family.ts';
import { hiddenServices } from './hiddenServices.ts';
import { inbound } from './inbound.ts';
import { kubelet } from './kubelet.ts';
import { membership } from './membership.ts';
import { policies } from './policies.ts';
import { scraping } from './scraping.ts';
import { services } from './services.ts';
import { traffic } from './traffic.ts';
import { virtualMachines } from './virtualMachines.ts';

/** Kinds that could not be read: what would be found with them is unknown, not absent. */
const unseenKinds: Family = {
  about: 'What cannot be seen',
  codes: [
    {
      code: 'Unknown',
      severity: 'Warn',
      title: 'a kind of object cannot be read, so that some hazards cannot be told',
      needs: [],
    },
  ],
  find: () => [],
  findInMesh: ({ unseen }) =>
    unseen.map(({ kind, problem, permission }) => {
      const codes = CODES.filter(({ needs }) => needs.includes(kind)).map(({ code }) => code);
      return {
        code: 'Unknown',
        severity: 'Warn',
        object: kind,
        message: `whether there is ${codes.join(', ') || 'a hazard'} cannot be told: ${problem}`,
        fix: `allow to ${permission}`,
      };
    }),
};

/** In the order in which people should read of them. */
export const FAMILIES: readonly Family[] = [
  apiServer,
  membership,
  clients,
  kubelet,
  scraping,
  exposure,
  clientRules,
  services,
  inbound,
  hiddenServices,
  policies,
  virtualMachines,
  controlPlane,
  traffic,
  unseenKinds,
];

const UNMESHED: ReadonlySet<string> = new Set(['UnmeshedWorkload', 'NotRestarted', 'HostNetworkPod']);

/** Every code that findings about inventories carry, with what it means. */
export const CODES: readonly Code[] = FAMILIES.flatMap(({ codes }) => codes);

/** A hazard as a person gets to see it: with the exception that would be its way out. */
export type FoundHazard = Hazard & Pick<Finding, 'exception'>;

/** What will break, or make an answer wrong, when the scope goes STRICT. */
export function findingsOf(inventory: Inventory, move: Move): FoundHazard[] {
  return FAMILIES.flatMap(({ find }) => find(inventory, move)).map(finding => ({ ...finding, scope: move.key }));
}

/** Of what the move governs, the workloads without a proxy: the one thing that comes up anew after STRICT. */
export function unmeshedOf(inventory: Inventory, move: Move): Finding[] {
  return membership.find(inventory, move).filter(({ code }) => UNMESHED.has(code));
}

/** What stands in the way of any scope. */
export function meshHazards(inventory: Inventory): FoundHazard[] {
  return FAMILIES.flatMap(({ findInMesh }) => findInMesh?.(inventory) ?? []);
}
