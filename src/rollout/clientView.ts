/** What the clients of a Service do by the DestinationRules of a mesh, wherever they run. */
import { destinationRuleIndex } from '../istio/destinationRuleLookup.ts';
import type { DestinationRule, Service } from '../istio/objects.ts';
import type { Labels } from './labels.ts';

/** Clients that do not speak plaintext; without namespace: those of namespaces that no rule names. */
interface Others {
  namespace: string;
  decidedBy: DestinationRule | undefined;
}

export interface ClientView {
  /** Clients for which the rules do not say DISABLE on some port of the Service; undefined when there are none. */
  otherThanDisable(service: Service): Others | undefined;
}

/** No namespace can be called so: clients about which no rule says anything of their own. */
const ANY = '';

/** The rules that may say something about one of these Services; the host alone decides that. */
export function rulesAbout(rules: readonly DestinationRule[], services: readonly Service[]): DestinationRule[] {
  const names = new Set(services.map(({ name, namespace }) => `${name}.${namespace}.svc.cluster.local`));
  return rules.filter(({ metadata, spec: { host } }) => {
    if (host.startsWith('*')) return true;
    return names.has(host.includes('.') ? host : `${host}.${metadata.namespace}.svc.cluster.local`);
  });
}

export function clientView(rules: readonly DestinationRule[], rootNamespace: string): ClientView {
  const index = destinationRuleIndex(rules);
  const clients = clientsOf(rules);
  return {
    otherThanDisable: ({ name, namespace, ports }) => {
      for (const [clientNamespace, kinds] of clients)
        for (const clientLabels of kinds)
          for (const port of ports) {
            const question = { rootNamespace, clientNamespace, clientLabels, service: { name, namespace }, port };
            const { mode, decidedBy } = index.clientTls(question);
            if (mode !== 'DISABLE') return { namespace: clientNamespace, decidedBy };
          }
      return undefined;
    },
  };
}

/** Clients that rules may treat differently: by namespace, and there by the labels that rules ask for. */
function clientsOf(rules: readonly DestinationRule[]): Map<string, Labels[]> {
  const clients = new Map<string, Labels[]>([[ANY, [{}]]]);
  for (const { metadata, spec } of rules) {
    for (const name of [metadata.namespace, ...(spec.exportTo ?? [])]) if (!clients.has(name)) clients.set(name, [{}]);
    if (spec.workloadSelector) clients.get(metadata.namespace)?.push(spec.workloadSelector.matchLabels ?? {});
  }
  clients.delete('*');
  clients.delete('.');
  return clients;
}
