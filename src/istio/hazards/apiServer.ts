/** Ports that the API server calls: it has no identity in the mesh, so it speaks to them without mutual TLS. */
import type { Callback } from '../inventory/shapes.ts';
import { ownerName, type Struck } from './backends.ts';
import type { Family, Finding } from './family.ts';
import { exceptionFor } from './findings.ts';
import { reachedServices } from './reach.ts';

export const apiServer: Family = {
  about: 'What the API server calls',
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
  find: (inventory, move) => {
    const reached = new Map(reachedServices(inventory, move).map(each => [placeOf(each.service), each.struck]));
    const told = new Set<string>();
    return inventory.callbacks.flatMap(callback => {
      const { kind, name, service } = callback;
      const struck = (reached.get(placeOf(service)) ?? []).filter(each => each.servicePort.port === service.port);
      const [first, ...others] = struck;
      // webhooks of one configuration on one port are one trouble
      const trouble = `${kind} ${name} ${placeOf(service)} ${first?.port}`;
      if (!first || told.has(trouble)) return [];
      told.add(trouble);
      return [finding(callback, first, others)];
    });
  },
};

function placeOf({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}

/** `webhook guard.example.com`, `the conversion of things.example.com`, `the API v1.example.com`. */
export function whatIsCalled({ kind, name, webhook }: Callback): string {
  if (kind === 'APIService') return `the API ${name}`;
  return kind === 'CustomResourceDefinition' ? `the conversion of ${name}` : `webhook ${webhook}`;
}

function finding(callback: Callback, first: Struck, others: readonly Struck[]): Finding {
  const { kind, name, service, fails } = callback;
  const { pod, port } = first;
  const isApi = kind === 'APIService';
  const what = whatIsCalled(callback);
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
