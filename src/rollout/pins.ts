/**
 * Pins: DestinationRules that hold the clients of a Service at plaintext while its pods leave DISABLE. Clients and
 * servers learn of PERMISSIVE at different moments, and mutual TLS that comes too early is lost.
 */
import { checksum } from '../api/hash.ts';
import { APPLIED_ANNOTATION, type MtlsRollout, ORIGINAL_ANNOTATION, ROLLOUT_ANNOTATION } from '../api/resource.ts';
import { fqdn } from '../istio/destinationRuleLookup.ts';
import type { DestinationRule, Service } from '../istio/objects.ts';
import { MANAGED_BY, ownerMark } from './marks.ts';
import { seal, unseal } from './seal.ts';
import type { ScopeState } from './scopeState.ts';
import { targetOf, type Write } from './writes.ts';

/** How long a change is given to reach every proxy: over ten times what was measured. */
const PIN_SETTLE = 5_000;
/** Served by every Istio since 1.5. */
export const RULE_API = 'networking.istio.io/v1beta1';
const PREFIX = 'mtls-rollout-pin-';
/** Creation times are cut to whole seconds. */
const RESOLUTION = 1_000;

/** What the operator wrote on a pin: for which scope and when, and what its spec was. */
interface Pinned {
  scope: string;
  at: string;
  sum: string;
}

export interface Pin {
  rule: DestinationRule;
  /** uid of the rollout that made it. */
  rollout: string;
  scope: string | undefined;
  /** Whether it is as it was made; else it is somebody else's by now. */
  untouched: boolean;
  /** When it was written, as far as it tells. */
  since: number;
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
  const pinned: Pinned = { scope, at, sum: checksum(spec) };
  return {
    apiVersion: RULE_API,
    kind: 'DestinationRule',
    metadata: {
      name: pinName(service),
      namespace,
      labels: MANAGED_BY,
      annotations: { ...ownerMark(rollout), [APPLIED_ANNOTATION]: seal(pinned) },
    },
    spec,
  };
}

/** The pin that a rule is; undefined for any rule that no rollout made. */
export function pinOf(rule: DestinationRule): Pin | undefined {
  const { annotations = {}, creationTimestamp = '', name } = rule.metadata;
  const by = annotations[ROLLOUT_ANNOTATION];
  // a rule of somebody else's that was taken over may have any name, and has an original
  const adopted = annotations[ORIGINAL_ANNOTATION] !== undefined;
  if (by === undefined || adopted || !name.startsWith(PREFIX)) return undefined;
  const pinned = unseal(annotations[APPLIED_ANNOTATION]) as Pinned | undefined;
  return {
    rule,
    rollout: by.split('/')[2] ?? '',
    scope: pinned?.scope,
    untouched: pinned !== undefined && pinned.sum === checksum(rule.spec),
    since: writtenAt(creationTimestamp, pinned?.at),
  };
}

/** When an object was written, as its API server and its marks tell: two clocks, whichever is ahead. */
export function writtenAt(creationTimestamp = '', at = ''): number {
  const times = [Date.parse(creationTimestamp) + RESOLUTION, Date.parse(at)];
  return Math.max(...times.filter(time => !Number.isNaN(time)), 0);
}

/**
 * When what was written at these times, of which status knows the last, has reached every proxy. A time in the future
 * is that of another clock, or of this one before it went back: it tells nothing.
 */
export function settledAt(at: string | undefined, times: readonly number[], now: number): number {
  const told = [Date.parse(at ?? ''), ...times].filter(time => time <= now + 2 * PIN_SETTLE);
  return Math.max(...told, 0) + PIN_SETTLE;
}

/** Whether a pin was made for this scope, or for its whole namespace: no two rollouts govern the same. */
export function isAbout({ scope, rule }: Pin, state: Pick<ScopeState, 'key' | 'scope'>): boolean {
  const { namespace } = state.scope;
  if (rule.metadata.namespace !== namespace) return false;
  return scope === state.key || scope === namespace || state.scope.kind === 'Namespace';
}

/** Takes a pin away; of one that somebody changed only the marks, for the rest is theirs. */
export function unpin({ rule, untouched }: Pin): Write {
  const target = targetOf(rule);
  if (untouched) return { verb: 'delete', target };
  const annotations = { [ROLLOUT_ANNOTATION]: null, [APPLIED_ANNOTATION]: null };
  return { verb: 'patch', target, patch: { metadata: { annotations } } };
}
