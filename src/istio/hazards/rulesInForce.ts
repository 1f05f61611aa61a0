/** What DestinationRules, and the subsets in them, make clients do toward a Service, and which rules are void. */
import { ROLLOUT_ANNOTATION } from '../../api/resource.ts';
import { type DestinationRuleIndex, destinationRuleIndex, hostOf, inMergeOrder } from '../destinationRuleLookup.ts';
import { audienceOf, HostTable } from '../destinationRuleMerge.ts';
import { fieldsOf, listOf, textOf } from '../fields.ts';
import type { ClientTlsMode, DestinationRule, TrafficPolicy } from '../objects.ts';

/** A rule that decides for some clients how they speak to a port of a Service. */
export interface Order {
  rule: DestinationRule;
  /** Name of the subset of the rule that says so; empty: the rule itself. */
  subset: string;
  mode: ClientTlsMode;
  port: number;
  /** Namespace of the clients; empty: every one that no rule names. */
  client: string;
}

/** A rule whose traffic policy Istio drops, and the older one for the same host because of which it does. */
interface VoidRule {
  rule: DestinationRule;
  older: DestinationRule;
}

interface RulesInForce {
  /** What the rules say about ports of the Service. */
  orders(service: { namespace: string; name: string }, ports: ReadonlySet<number>): Order[];
  /** Rules about the Service that are void. */
  voidRules(service: { namespace: string; name: string }): VoidRule[];
}

type Labels = Record<string, string>;

const KNOWN = new WeakMap<readonly DestinationRule[], RulesInForce>();

/** Rules by which a rollout holds clients at plaintext for a moment are left out: it takes them away again. */
export function rulesInForce(all: readonly DestinationRule[], rootNamespace: string): RulesInForce {
  const known = KNOWN.get(all);
  if (known) return known;
  const rules = all.filter(({ metadata, spec }) => {
    const isWhole = textOf(fieldsOf(spec)['host']) !== '';
    const isPin =
      metadata.annotations?.[ROLLOUT_ANNOTATION] !== undefined && spec.trafficPolicy?.tls?.mode === 'DISABLE';
    return isWhole && !isPin;
  });
  const index = destinationRuleIndex(rules);
  const aboutService = aboutIn(rules);
  const byPlace = Map.groupBy(rules, rule => JSON.stringify([rule.metadata.namespace, hostOf(rule)]));
  const voids = new Map([...byPlace.values()].flatMap(voidAmong).map(found => [found.rule, found]));
  const answers = new Map<string, Order[]>();
  const made: RulesInForce = {
    orders: (service, ports) => {
      const about = aboutService(service);
      if (!about.rules.some(speaksOfTls)) return [];
      // only by the name of a Service can rules tell it from others of its namespace
      const key = about.named ? undefined : [service.namespace, ...about.hosts, ...ports].join(' ');
      const answered = key === undefined ? undefined : answers.get(key);
      if (answered) return answered;
      const given = ordersOf(index, about.rules, { rootNamespace, service, ports });
      if (key !== undefined) answers.set(key, given);
      return given;
    },
    voidRules: service => aboutService(service).rules.flatMap(rule => voids.get(rule) ?? []),
  };
  KNOWN.set(all, made);
  return made;
}

interface Subject {
  rootNamespace: string;
  service: { namespace: string; name: string };
  ports: ReadonlySet<number>;
}

function ordersOf(index: DestinationRuleIndex, rules: DestinationRule[], { ports, ...subject }: Subject): Order[] {
  const asked = [...clientsOf(rules)].flatMap(([clientNamespace, kinds]) =>
    kinds.flatMap(clientLabels => [...ports].map(port => ({ ...subject, clientNamespace, clientLabels, port }))),
  );
  const given = (lookup: DestinationRuleIndex, rule: DestinationRule | undefined, subset: string): Order[] =>
    asked.flatMap(question => {
      const { mode, decidedBy } = lookup.clientTls(question);
      if (mode === 'AUTO' || !decidedBy) return [];
      return [{ rule: rule ?? decidedBy, subset, mode, port: question.port, client: question.clientNamespace }];
    });
  const ofSubsets = rules.flatMap(rule =>
    subsetsOf(rule).flatMap(({ name, policy }) =>
      given(destinationRuleIndex(speakingFor(rule, policy, rules)), rule, name),
    ),
  );
  return [...given(index, undefined, ''), ...ofSubsets];
}

/** The rules about one Service. */
interface About {
  rules: DestinationRule[];
  /** Their wildcards that cover it. */
  hosts: string[];
  /** Whether one has the very name of the Service. */
  named: boolean;
}

function aboutIn(all: readonly DestinationRule[]): (service: { name: string; namespace: string }) => About {
  const byHost = Map.groupBy(all, hostOf);
  const lengths = new Set([...byHost.keys()].filter(host => host.startsWith('*')).map(host => host.length - 1));
  return ({ name, namespace }) => {
    const host = `${name}.${namespace}.svc.cluster.local`;
    const suffixes = [...lengths].filter(length => length <= host.length);
    const hosts = suffixes.map(length => `*${host.slice(host.length - length)}`).filter(of => byHost.has(of));
    const rules = [host, ...hosts].flatMap(of => byHost.get(of) ?? []);
    return { rules, hosts, named: byHost.has(host) };
  };
}

/** Clients that the rules may treat differently: by namespace, and there by the labels that rules ask for. */
function clientsOf(rules: readonly DestinationRule[]): Map<string, Labels[]> {
  const clients = new Map<string, Labels[]>([['', [{}]]]);
  for (const { metadata, spec } of rules) {
    for (const name of [metadata.namespace, ...(spec.exportTo ?? [])])
      if (name !== '*' && name !== '.' && !clients.has(name)) clients.set(name, [{}]);
    if (spec.workloadSelector) clients.get(metadata.namespace)?.push(spec.workloadSelector.matchLabels ?? {});
  }
  return clients;
}

function speaksOfTls(rule: DestinationRule): boolean {
  return [rule.spec.trafficPolicy, ...subsetsOf(rule).map(({ policy }) => policy)].some(
    policy => policy?.tls || policy?.portLevelSettings?.some(setting => setting?.tls),
  );
}

function subsetsOf({ spec }: DestinationRule): { name: string; policy: TrafficPolicy }[] {
  return listOf(spec['subsets']).flatMap(({ name, trafficPolicy }) =>
    Object.keys(fieldsOf(trafficPolicy)).length > 0
      ? [{ name: textOf(name), policy: trafficPolicy as TrafficPolicy }]
      : [],
  );
}

/** The rules with their places, but only one of them says anything: who then hears it is who sees that rule's subsets. */
function speakingFor(speaker: DestinationRule, policy: TrafficPolicy, rules: DestinationRule[]): DestinationRule[] {
  return rules.map(rule => {
    const { trafficPolicy: _, ...spec } = rule.spec;
    return { ...rule, spec: rule === speaker ? { ...spec, trafficPolicy: policy } : spec };
  });
}

/** Of rules of one namespace for one host: those that decide nothing, neither at home nor abroad. */
function voidAmong(rules: readonly DestinationRule[]): VoidRule[] {
  const speaking = rules.filter(({ spec }) => spec.trafficPolicy);
  const [first] = rules;
  if (speaking.length < 2 || !first) return [];
  const [home, abroad] = [new HostTable(), new HostTable()];
  for (const rule of [...rules].sort(inMergeOrder)) {
    const audience = audienceOf(rule);
    const { namespace } = rule.metadata;
    if (audience.size === 0 || ['*', '.', namespace].some(of => audience.has(of))) home.add(hostOf(rule), rule);
    if ([...audience].some(of => of !== '.' && of !== namespace) || audience.size === 0) abroad.add(hostOf(rule), rule);
  }
  const host = hostOf(first).replace(/^\*/, '');
  const deciding = new Set([home, abroad].flatMap(table => table.find(host) ?? []).map(({ decidedBy }) => decidedBy));
  const order = [...speaking].sort(inMergeOrder);
  const older = order.find(rule => deciding.has(rule));
  return older ? order.filter(rule => !deciding.has(rule)).map(rule => ({ rule, older })) : [];
}
