/**
 * What DestinationRules make a client do when it calls a service: the first of three levels (client namespace,
 * service namespace, root namespace) that has a rule for the host decides alone. Source of the rules:
 * `PushContext.destinationRule` and `setDestinationRules` in istio's `push_context.go`, `SidecarScope.DestinationRule`
 * in `sidecar.go`, `GetPortLevelTrafficPolicy` in `networking/util`.
 */
import { audienceOf, HostTable, type MergedRule } from './destinationRuleMerge.ts';
import type { ClientTlsMode, DestinationRule, TrafficPolicy } from './objects.ts';
import { byAge, selects } from './policies.ts';

/** One client and one Service port. `port` is the Service's, not the container's. */
export interface ClientTlsQuestion {
  rootNamespace: string;
  clientNamespace: string;
  clientLabels: Record<string, string>;
  service: { name: string; namespace: string };
  port: number;
}

interface ClientTls {
  /** AUTO: no rule says anything, auto mutual TLS stays on. */
  mode: ClientTlsMode | 'AUTO';
  /** The rule whose traffic policy applies to the port, also where it leaves TLS alone. */
  decidedBy: DestinationRule | undefined;
}

export interface DestinationRuleIndex {
  clientTls(question: ClientTlsQuestion): ClientTls;
}

/** The rules of one namespace as its own clients, other clients, and only its own clients see them. */
interface Tables {
  local: HostTable;
  exported: HostTable;
  privateOnly: HostTable;
}

/** Answers one question; build a `destinationRuleIndex` for many. */
export function clientTls(rules: Iterable<DestinationRule>, question: ClientTlsQuestion): ClientTlsMode | 'AUTO' {
  return destinationRuleIndex(rules).clientTls(question).mode;
}

/** Sorts and merges rules once for many questions. The order of the list makes no difference. */
export function destinationRuleIndex(rules: Iterable<DestinationRule>): DestinationRuleIndex {
  const namespaces = new Map<string, Tables>();
  for (const rule of [...rules].sort(inMergeOrder)) {
    const { namespace } = rule.metadata;
    const tables = namespaces.get(namespace) ?? emptyTables();
    namespaces.set(namespace, tables);
    file(rule, tables);
  }
  return {
    clientTls: question => {
      const rule = forClient(rulesFor(namespaces, question), question.clientLabels);
      return { mode: portTls(rule?.trafficPolicy, question.port), decidedBy: rule?.decidedBy };
    },
  };
}

/** Rules for chosen workloads first, then the oldest (`sortConfigBySelectorAndCreationTime`). */
export function inMergeOrder(a: DestinationRule, b: DestinationRule): number {
  return Number(!a.spec.workloadSelector) - Number(!b.spec.workloadSelector) || byAge(a, b);
}

function emptyTables(): Tables {
  return { local: new HostTable(), exported: new HostTable(), privateOnly: new HostTable() };
}

function file(rule: DestinationRule, tables: Tables): void {
  const { namespace } = rule.metadata;
  const host = hostOf(rule);
  const exportTo = audienceOf(rule);
  const reachesHome = exportTo.size === 0 || ['*', '.', namespace].some(audience => exportTo.has(audience));
  if (reachesHome) tables.local.add(host, rule);
  const staysHome = exportTo.size === 1 && (exportTo.has('.') || exportTo.has(namespace));
  (staysHome ? tables.privateOnly : tables.exported).add(host, rule);
}

/** A name without dots means a service of the rule's own namespace; anything else is taken as it is. */
export function hostOf({ metadata, spec: { host } }: DestinationRule): string {
  return host === '*' || host.includes('.') ? host : fqdn({ name: host, namespace: metadata.namespace });
}

/** The full host of a Service. */
export function fqdn({ name, namespace }: { name: string; namespace: string }): string {
  return `${name}.${namespace}.svc.cluster.local`;
}

/** Rules that the client obeys for the service, all of one level, in merge order. */
function rulesFor(namespaces: ReadonlyMap<string, Tables>, question: ClientTlsQuestion): readonly MergedRule[] {
  const { rootNamespace, clientNamespace, service } = question;
  const host = fqdn(service);
  const own = namespaces.get(clientNamespace);
  // Rules of the root namespace for everybody must not outdo those of the service for clients that run there.
  const home = clientNamespace === rootNamespace ? own?.privateOnly : own?.local;
  const found = home?.find(host);
  if (found) return found;
  for (const namespace of [service.namespace, rootNamespace]) {
    // The host is chosen before its audience is looked at: a rule exported elsewhere hides a broader one beside it.
    const rules = namespaces.get(namespace)?.exported.find(host) ?? [];
    const visible = rules.filter(rule => exportedTo(rule, clientNamespace));
    if (visible.length > 0) return visible;
  }
  return [];
}

function exportedTo({ exportTo }: MergedRule, namespace: string): boolean {
  return exportTo.size === 0 || exportTo.has('*') || exportTo.has(namespace);
}

/** First rule that selects the client, else the last one that is for all clients. */
function forClient(rules: readonly MergedRule[], labels: Record<string, string>): MergedRule | undefined {
  return (
    rules.find(rule => rule.selector && selects(rule.selector, labels)) ??
    rules.findLast(rule => rule.selector === undefined)
  );
}

/** A setting of the port replaces the general one wholly, also where it says nothing about TLS. */
function portTls(policy: TrafficPolicy | undefined, port: number): ClientTlsMode | 'AUTO' {
  const ofPort = policy?.portLevelSettings?.find(setting => setting?.port?.number === port);
  const tls = ofPort ? ofPort.tls : policy?.tls;
  // An absent mode inside `tls` is the first value of Istio's enumeration.
  return tls ? (tls.mode ?? 'DISABLE') : 'AUTO';
}
