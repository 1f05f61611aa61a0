/**
 * Pins: DestinationRules that hold the clients of a Service at plaintext while its pods leave DISABLE. Clients and
 * servers learn of PERMISSIVE at different moments, and mutual TLS that comes too early is lost.
 */
import { APPLIED_ANNOTATION, type MtlsRollout, ORIGINAL_ANNOTATION, ROLLOUT_ANNOTATION } from '../api/resource.ts';
import { fqdn } from '../istio/destinationRuleLookup.ts';
import type { DestinationRule, Service } from '../istio/objects.ts';
import { type Made, madeMarks, madeOf } from './made.ts';
import { targetOf, type Write } from './writes.ts';

/** Served by every Istio since 1.5. */
export const RULE_API = 'networking.istio.io/v1beta1';
const PREFIX = 'mtls-rollout-pin-';

export interface Pin extends Made {
  rule: DestinationRule;
}

export function pinName({ name }: Service): string {
  return `${PREFIX}${name}`;
}

export function newPin(rollout: MtlsRollout, scope: string, service: Service, at: string): DestinationRule {
  const { namespace } = service;
  const spec: DestinationRule['spec'] = {
    host: fqdn(service),
    trafficPolicy: { tls: { mode: 'DISABLE' } },
  };
  const metadata = { name: pinName(service), namespace, ...madeMarks(rollout, scope, at, spec) };
  return { apiVersion: RULE_API, kind: 'DestinationRule', metadata, spec };
}

/** The pin that a rule is; undefined for any rule that no rollout made. */
export function pinOf(rule: DestinationRule): Pin | undefined {
  const { annotations = {}, name } = rule.metadata;
  // a rule of somebody else's that was taken over may have any name, and has an original
  const adopted = annotations[ORIGINAL_ANNOTATION] !== undefined;
  if (adopted || !name.startsWith(PREFIX)) return undefined;
  const made = madeOf(rule.metadata, rule.spec);
  return made && { ...made, rule };
}

/** Takes a pin away; of one that somebody changed only the marks, for the rest is theirs. */
export function unpin({ rule, untouched }: Pin): Write {
  const target = targetOf(rule);
  if (untouched) return { verb: 'delete', target };
  const annotations = { [ROLLOUT_ANNOTATION]: null, [APPLIED_ANNOTATION]: null };
  return { verb: 'patch', target, patch: { metadata: { annotations } } };
}
