/** One line of a vector file, checked, and the answers that `src/istio` gives to it. */
import { z } from 'zod';
import { destinationRuleIndex } from '../../src/istio/destinationRuleLookup.ts';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import type { DestinationRule, PeerAuthentication, TrafficPolicy } from '../../src/istio/objects.ts';
import { policiesOf } from '../../src/istio/policies.ts';

const labels = z.record(z.string(), z.string());
const policyMode = z.enum(['', 'UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']);
const clientMode = z.enum(['', 'DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']);
const port = z.number().int().min(0).max(65535);
const named = { name: z.string().min(1), namespace: z.string().min(1) };
const object = { ...named, created: z.number() };

const state = z.object({
  given: z.object({
    rootNamespace: z.string().min(1),
    policies: z
      .array(
        z.object({
          ...object,
          matchLabels: labels.nullable(),
          mode: policyMode,
          ports: z.record(z.string(), policyMode).nullish(),
        }),
      )
      .nullable(),
    namespace: z.string().min(1),
    labels: labels.nullable(),
    ports: z.array(port).nullable(),
    services: z.array(z.object({ ...named, ports: z.array(port) })).nullable(),
    destinationRules: z
      .array(
        z.object({
          ...object,
          host: z.string(),
          /** Has settings that are not about TLS. */
          trafficPolicy: z.boolean(),
          mode: clientMode,
          ports: z.record(z.string(), clientMode).nullish(),
          exportTo: z.array(z.string()).nullish(),
          workloadSelector: labels.nullish(),
        }),
      )
      .nullable(),
    clientNamespace: z.string(),
    clientLabels: labels.nullable(),
  }),
  expect: z.record(z.string(), z.string()).refine(expect => Object.keys(expect).length > 0, 'expects nothing'),
});

export type State = z.output<typeof state>;
type Given = State['given'];

/** Answer to every question that the state can be asked. Throws when it is not a state. */
export function answersOf(unchecked: unknown): Record<string, string> {
  const { given } = state.parse(unchecked);
  return { ...serverAnswers(given), ...clientAnswers(given) };
}

function serverAnswers(given: Given): Record<string, string> {
  const policies = policiesOf((given.policies ?? []).map(toPeerAuthentication));
  const { workload, ports } = effectiveModes(policies, given.rootNamespace, given.namespace, given.labels ?? {});
  const asked = (given.ports ?? []).map(number => [number, (ports.get(number) ?? workload).mode]);
  return { '*': workload.mode, ...Object.fromEntries(asked) };
}

function clientAnswers(given: Given): Record<string, string> {
  const index = destinationRuleIndex((given.destinationRules ?? []).map(toDestinationRule));
  const answers: Record<string, string> = {};
  for (const service of given.services ?? []) {
    for (const number of service.ports) {
      const { mode } = index.clientTls({ ...given, clientLabels: given.clientLabels ?? {}, service, port: number });
      answers[`${service.name}.${service.namespace}:${number}`] = mode;
    }
  }
  return answers;
}

function metadataOf({ name, namespace, created }: { name: string; namespace: string; created: number }) {
  return { name, namespace, creationTimestamp: new Date(created * 1000).toISOString() };
}

function toPeerAuthentication(policy: NonNullable<Given['policies']>[number]): PeerAuthentication {
  const setting = (mode: z.output<typeof policyMode>) => (mode === '' ? {} : { mode });
  const ports = Object.entries(policy.ports ?? {}).map(([number, mode]) => [number, setting(mode)]);
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: metadataOf(policy),
    spec: {
      ...(policy.matchLabels && { selector: { matchLabels: policy.matchLabels } }),
      ...(policy.mode !== '' && { mtls: { mode: policy.mode } }),
      ...(policy.ports && { portLevelMtls: Object.fromEntries(ports) }),
    },
  };
}

function toDestinationRule(rule: NonNullable<Given['destinationRules']>[number]): DestinationRule {
  const tls = (mode: z.output<typeof clientMode>) => (mode === '' ? {} : { tls: { mode } });
  const ports = Object.entries(rule.ports ?? {});
  const trafficPolicy: TrafficPolicy = {
    ...(rule.trafficPolicy && { connectionPool: { tcp: { maxConnections: 100 } } }),
    ...tls(rule.mode),
    ...(ports.length > 0 && {
      portLevelSettings: ports.map(([number, mode]) => ({ port: { number: Number(number) }, ...tls(mode) })),
    }),
  };
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: metadataOf(rule),
    spec: {
      host: withoutDomain(rule.host, rule.namespace),
      ...(Object.keys(trafficPolicy).length > 0 && { trafficPolicy }),
      ...(rule.exportTo && { exportTo: rule.exportTo }),
      ...(rule.workloadSelector && { workloadSelector: { matchLabels: rule.workloadSelector } }),
    },
  };
}

/**
 * The answers were taken from rules that carry no cluster domain. Istio then completes a short name to `name.namespace`,
 * which is no service's host. A rule read from a cluster has the domain, and `clientTls` completes it as istiod does.
 */
function withoutDomain(host: string, namespace: string): string {
  return host === '*' || host.includes('.') ? host : `${host}.${namespace}`;
}
