/** Ports that the API server calls: it has no identity in the mesh, so it speaks to them without mutual TLS. */
import type { Inventory } from '../inventory/inventory.ts';
import type { Callback } from '../inventory/shapes.ts';
import { ownerName, serviceNamed, type Struck, struckBehind } from './backends.ts';
import type { Family, Finding, Move } from './family.ts';
import { exceptionFor } from './findings.ts';

export const apiServer: Family = {
  codes: [
    {
      code: 'WebhookPort',
      severity: 'Block',
      title: 'the API server calls a webhook on a port that goes STRICT',
      needs: [
        'ValidatingWebhookConfiguration',
        'MutatingWebhookConfiguration',
        'CustomResourceDefinition',
        'Service',
        'Pod',
      ],
    },
    {
      code: 'ApiServicePort',
      severity: 'Block',
      title: 'the API server fetches an aggregated API from a port that goes STRICT',
      needs: ['APIService', 'Service', 'Pod'],
    },
  ],
  find: (inventory, move) =>
    inventory.callbacks.flatMap(callback => {
      if (!move.namespaces.includes(callback.service.namespace)) return [];
      const [first, ...others] = struckByCallback(inventory, move, callback);
      return first ? [finding(callback, first, others)] : [];
    }),
};

function struckByCallback(inventory: Inventory, move: Move, { service }: Callback): Struck[] {
  const called = serviceNamed(inventory, service.namespace, service.name);
  return called ? struckBehind(move, called, service.port) : [];
}

function finding({ kind, name, webhook, service, fails }: Callback, first: Struck, others: readonly Struck[]): Finding {
  const { pod, port } = first;
  const isApi = kind === 'APIService';
  const what = isApi
    ? `the API ${name}`
    : kind === 'CustomResourceDefinition'
      ? `the conversion of ${name}`
      : `webhook ${webhook}`;
  const harm = isApi
    ? 'the API would be gone'
    : fails
      ? 'what it judges could not be created or changed any more'
      : 'it would be passed over without a word';
  return {
    code: isApi ? 'ApiServicePort' : 'WebhookPort',
    severity: 'Block',
    object: `${kind} ${name}`,
    message: `the API server calls ${what} through Service ${service.namespace}/${service.name} on container port ${port} of ${ownerName(pod)} without mutual TLS; ${harm}`,
    fix: `keep container port ${port} PERMISSIVE with an entry in spec.exceptions`,
    ...exceptionFor([first, ...others], `the API server calls ${what}, without mutual TLS`),
  };
}
