/** DestinationRules that make clients speak to a Service in a way that STRICT refuses, or that never worked. */
import type { Inventory } from '../inventory/inventory.ts';
import type { SeenPod } from '../inventory/shapes.ts';
import type { DestinationRule } from '../objects.ts';
import { ownerName } from './backends.ts';
import type { Family, Finding, Move } from './family.ts';
import { type Reached, reachedServices } from './reach.ts';
import { type Order, rulesInForce } from './rulesInForce.ts';
import { listed, path } from './wording.ts';

export const clientRules: Family = {
  about: 'What DestinationRules make clients do',
  codes: [
    {
      code: 'PlaintextRule',
      severity: 'Block',
      title: 'a DestinationRule makes clients speak plaintext to a port that goes STRICT',
      needs: ['DestinationRule', 'Service', 'Pod'],
    },
    {
      code: 'ForeignTlsRule',
      severity: 'Block',
      title: 'a DestinationRule makes clients speak TLS of their own to a port that goes STRICT',
      needs: ['DestinationRule', 'Service', 'Pod'],
    },
    {
      code: 'MutualRuleWithoutProxy',
      severity: 'Block',
      title: 'a DestinationRule makes clients speak mutual TLS to pods without proxy',
      needs: ['DestinationRule', 'Service', 'Pod'],
    },
    {
      code: 'RuleConflict',
      severity: 'Warn',
      title: 'a DestinationRule is void, because an older one has the same host',
      needs: ['DestinationRule', 'Service'],
    },
    {
      code: 'MixedDataPlanes',
      severity: 'Warn',
      title: 'sidecars and ambient pods have to understand each other',
      needs: ['DestinationRule', 'Service', 'Pod'],
    },
  ],
  find: (inventory, move) => [...byRule(inventory, move), ...conflicts(inventory, move), ...mixture(move)],
};

/** What one rule does in one way: to which Services, by which of its subsets, for which clients. */
interface Deed {
  code: string;
  rule: DestinationRule;
  services: Set<string>;
  subsets: Set<string>;
  clients: Set<string>;
}

function byRule(inventory: Inventory, move: Move): Finding[] {
  const rules = rulesInForce(inventory.rules, inventory.rootNamespace);
  const deeds = new Map<DestinationRule, Map<string, Deed>>();
  for (const reached of reachedServices(inventory, move)) {
    if (reached.pods.length === 0) continue;
    const ports = reached.service.ports.filter(({ protocol }) => protocol === 'TCP').map(({ port }) => port);
    for (const order of rules.orders(reached.service, new Set(ports))) {
      for (const code of codesOf(order, reached)) {
        const { rule } = order;
        const own = deeds.get(rule) ?? new Map<string, Deed>();
        deeds.set(rule, own);
        const deed = own.get(code) ?? { code, rule, services: new Set(), subsets: new Set(), clients: new Set() };
        own.set(code, deed);
        deed.services.add(path(reached.service));
        deed.subsets.add(order.subset);
        deed.clients.add(order.client);
      }
    }
  }
  return [...deeds.values()].flatMap(own => [...own.values()].map(finding));
}

function codesOf({ mode, port }: Order, { pods, struck }: Reached): string[] {
  if (mode === 'ISTIO_MUTUAL') {
    const among = (mesh: SeenPod['mesh']) => pods.some(pod => pod.mesh === mesh);
    return [...(among('None') ? ['MutualRuleWithoutProxy'] : []), ...(among('Ambient') ? ['MixedDataPlanes'] : [])];
  }
  if (!struck.some(({ servicePort }) => servicePort.port === port)) return [];
  return [mode === 'DISABLE' ? 'PlaintextRule' : 'ForeignTlsRule'];
}

const HARM: Record<string, { does: string; outcome: string; fix: string }> = {
  PlaintextRule: {
    does: 'speak plaintext',
    outcome: 'STRICT refuses it, and their calls fail with 503',
    fix: 'remove tls from the rule, or set its mode to ISTIO_MUTUAL, before the step',
  },
  ForeignTlsRule: {
    does: 'speak TLS without the identity of the mesh',
    outcome: 'STRICT refuses it, and their calls fail with 503',
    fix: 'remove tls from the rule, or set its mode to ISTIO_MUTUAL, before the step',
  },
  MutualRuleWithoutProxy: {
    does: 'speak mutual TLS',
    outcome: 'pods without proxy behind it cannot answer, today as after the step',
    fix: 'give these pods a proxy, or remove tls from the rule so that each client finds out by itself',
  },
  MixedDataPlanes: {
    does: 'speak mutual TLS as to a sidecar',
    outcome: 'pods behind it are ambient, and a client with a sidecar may not reach them as ambient wants it',
    fix: 'remove tls from the rule so that each client finds out by itself, or narrow its host to Services with sidecars',
  },
};

function finding({ code, rule, services, subsets, clients }: Deed): Finding {
  const harm = HARM[code];
  const named = [...subsets].filter(Boolean);
  const by = subsets.has('') ? '' : ` through subset ${listed(named)}`;
  return {
    code,
    severity: code === 'MixedDataPlanes' ? 'Warn' : 'Block',
    object: objectOf(rule),
    message: `it makes clients ${whereabouts(clients)} ${harm?.does} to ${services.size === 1 ? 'Service' : 'Services'} ${listed(services)}${by}; ${harm?.outcome}`,
    fix: harm?.fix ?? '',
  };
}

function whereabouts(clients: ReadonlySet<string>): string {
  if (clients.has('')) return 'in every namespace without a rule of its own';
  return `in ${clients.size === 1 ? 'namespace' : 'namespaces'} ${listed(clients)}`;
}

function objectOf({ metadata }: DestinationRule): string {
  return `DestinationRule ${path(metadata)}`;
}

function conflicts(inventory: Inventory, move: Move): Finding[] {
  const rules = rulesInForce(inventory.rules, inventory.rootNamespace);
  const found = reachedServices(inventory, move).flatMap(({ service }) => rules.voidRules(service));
  return [...new Map(found.map(pair => [pair.rule, pair.older]))].map(([rule, older]) => ({
    code: 'RuleConflict',
    severity: 'Warn',
    object: objectOf(rule),
    message: `its trafficPolicy is void: DestinationRule ${path(older.metadata)} is for the same host ${rule.spec.host} and comes first, and Istio takes the trafficPolicy of one only`,
    fix: 'make one rule of the two',
  }));
}

function mixture({ pods }: Move): Finding[] {
  const [sidecar, ambient] = [pods.find(({ mesh }) => mesh === 'Sidecar'), pods.find(({ mesh }) => mesh === 'Ambient')];
  if (!sidecar || !ambient) return [];
  return [
    {
      code: 'MixedDataPlanes',
      severity: 'Warn',
      object: ownerName(ambient),
      message: `it is ambient, and ${ownerName(sidecar)} of the same scope has a sidecar; calls between the two kinds depend on both proxies being new enough`,
      fix: 'try one call in each direction under STRICT before the whole scope moves, or move the two kinds in waves of their own',
    },
  ];
}
