/** Endpoints outside the cluster that belong to the mesh, but that clients take for plain. */
import { inNamespace } from '../inventory/inventory.ts';
import type { Family } from './family.ts';
import { listed, path } from './wording.ts';

export const virtualMachines: Family = {
  about: 'Endpoints outside the cluster',
  codes: [
    {
      code: 'PlainWorkloadEntry',
      severity: 'Block',
      title: 'a WorkloadEntry that clients speak to in plaintext',
      needs: ['WorkloadEntry'],
    },
    {
      code: 'StaticServiceEntry',
      severity: 'Warn',
      title: 'a ServiceEntry of the mesh whose endpoints clients speak to in plaintext',
      needs: ['ServiceEntry'],
    },
  ],
  find: ({ workloadEntries, serviceEntries }, { namespaces }) => [
    ...namespaces
      .flatMap(namespace => inNamespace(workloadEntries, namespace))
      .filter(isPlain)
      .map(entry => ({
        code: 'PlainWorkloadEntry',
        severity: 'Block' as const,
        object: `WorkloadEntry ${path(entry)}`,
        message: `it has neither serviceAccount nor the label security.istio.io/tlsMode: istio, so clients speak plaintext to ${entry.address || 'it'}; a proxy there refuses that under STRICT`,
        fix: 'set spec.serviceAccount if a proxy runs there; without proxy, leave it out of the scope',
      })),
    ...namespaces
      .flatMap(namespace => inNamespace(serviceEntries, namespace))
      .filter(({ location, endpoints }) => location === 'MESH_INTERNAL' && endpoints.some(isPlain))
      .map(entry => ({
        code: 'StaticServiceEntry',
        severity: 'Warn' as const,
        object: `ServiceEntry ${path(entry)}`,
        message: `it is MESH_INTERNAL, but clients speak plaintext to ${listed(entry.endpoints.filter(isPlain).map(({ address }) => address))}: there is neither serviceAccount nor the label security.istio.io/tlsMode: istio; a proxy there refuses that under STRICT`,
        fix: 'set serviceAccount on each endpoint that has a proxy; without proxy, make the location MESH_EXTERNAL',
      })),
  ],
};

/** Source: `getTLSModeFromWorkloadEntry` in istio's `serviceentry/conversion.go`. */
function isPlain({ labels, serviceAccount }: { labels: Record<string, string>; serviceAccount: string }): boolean {
  const said = labels['security.istio.io/tlsMode'];
  return said === undefined ? serviceAccount === '' : said !== 'istio';
}
