/** What the clients of a Service do by the DestinationRules of a mesh, wherever they run. */
import { destinationRuleIndex, fqdn, hostOf } from '../istio/destinationRuleLookup.ts';
import type { ClientTlsMode, DestinationRule, Service } from '../istio/objects.ts';
import type { Labels } from './labels.ts';

/** Some clients, and the rule that decides for them; without namespace: those of namespaces that no rule names. */
export interface Clients {
  namespace: string;
  decidedBy: DestinationRule | undefined;
}

/** What a client does where nothing says otherwise is AUTO. */
export type ClientMode = ClientTlsMode | 'AUTO';
type Called = Pick<Service, 'name' | 'namespace' | 'ports'>;

export interface ClientView {
  /** Clients for which the rules do not say DISABLE on some port of the Service; undefined when there are none. */
  otherThanDisable(service: Called): Clients | undefined;
  /** Clients for which the rules say something of the kind on some port of the Service; one entry a namespace. */
  clientsThat(service: Called, test: (mode: ClientMode) => boolean): Clients[];
}

/** No namespace can be called so: clients about which no rule says anything of their own. */
const ANY = '';

/** The rules that may say something about one of these Services; the host alone decides that. */
export function rulesAbout(
  rules: readonly DestinationRule[],
  services: readonly Pick<Service, 'name' | 'namespace'>[],
): DestinationRule[] {
  const names = new Set(services.map(fqdn));
  return rules.filter(rule => rule.spec.host.startsWith('*') || names.has(hostOf(rule)));
}

export function clientView(rules: readonly DestinationRule[], rootNamespace: string): ClientView {
  const index = destinationRuleIndex(rules);
  const clients = clientsOf(rules);
  const first = (namespace: string, service: Called, test: (mode: ClientMode) => boolean): Clients | undefined => {
    for (const clientLabels of clients.get(namespace) ?? [])
      for (const port of service.ports) {
        const question = { rootNamespace, clientNamespace: namespace, clientLabels, service, port };
        const { mode, decidedBy } = index.clientTls(question);
        if (test(mode)) return { namespace, decidedBy };
      }
    return undefined;
  };
  const clientsThat: ClientView['clientsThat'] = (service, test) =>
    [...clients.keys()].flatMap(namespace => first(namespace, service, test) ?? []);
  return { clientsThat, otherThanDisable: service => clientsThat(service, mode => mode !== 'DISABLE')[0] };
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
