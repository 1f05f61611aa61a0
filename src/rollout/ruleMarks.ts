/**
 * Rules for clients: DestinationRules that say mutual TLS for a Service. The rollout makes one, or sets the one field
 * of a rule that is there; what it did is told by the marks on the object, and undone from them.
 */
import { checksum } from '../api/hash.ts';
import { APPLIED_ANNOTATION, type MtlsRollout, ORIGINAL_ANNOTATION, ROLLOUT_ANNOTATION } from '../api/resource.ts';
import { fqdn } from '../istio/destinationRuleLookup.ts';
import type { DestinationRule, Service, TrafficPolicy } from '../istio/objects.ts';
import { decodeOriginal, encodeOriginal, MANAGED_BY, NO_MARKS, type Original, ownerMark } from './marks.ts';
import { writtenAt } from './made.ts';
import { mergePatch } from './mergePatch.ts';
import { pinOf, RULE_API } from './pins.ts';
import { seal, unseal } from './seal.ts';
import { type MergePatch, targetOf, type Write } from './writes.ts';

const PREFIX = 'mtls-rollout-client-';
const MUTUAL = { mode: 'ISTIO_MUTUAL' } as const;

type Tls = NonNullable<TrafficPolicy['tls']>;
/** Of the spec of a rule only what is ever changed. */
interface OneField {
  trafficPolicy?: { tls?: Tls };
}

/** What the rollout wrote: for which scopes, when, and on a rule that it made what the spec was. */
interface Applied {
  scopes: string[];
  at: string;
  sum?: string;
}

export interface ClientRule {
  rule: DestinationRule;
  /** uid of the rollout that wrote it. */
  rollout: string;
  /** Keys of the scopes whose clients need it. */
  scopes: readonly string[];
  /** Nothing: the rollout made the rule. Damaged: there is no safe way back. */
  original: Original<OneField> | 'Damaged';
  /** Whether what was written is as it was written; else it is somebody else's by now. */
  untouched: boolean;
  /** When it was written, as far as it tells. */
  since: number;
}

export function clientRuleName({ name }: Pick<Service, 'name'>): string {
  return `${PREFIX}${name}`;
}

/** The rule for clients that an object is; undefined for any that no rollout wrote, and for pins. */
export function clientRuleOf(rule: DestinationRule): ClientRule | undefined {
  const { annotations = {}, creationTimestamp } = rule.metadata;
  const by = annotations[ROLLOUT_ANNOTATION] ?? (annotations[ORIGINAL_ANNOTATION] === undefined ? undefined : '');
  if (by === undefined || pinOf(rule)) return undefined;
  const applied = appliedOn(rule);
  const made = applied?.sum !== undefined;
  return {
    rule,
    rollout: by.split('/')[2] ?? '',
    scopes: applied?.scopes ?? [],
    original: !applied ? 'Damaged' : made ? { kind: 'Nothing' } : decodeOriginal(annotations[ORIGINAL_ANNOTATION]),
    untouched: made ? applied.sum === checksum(rule.spec) : isMutual(rule),
    since: writtenAt(made ? creationTimestamp : '', applied?.at),
  };
}

/** A rule of our own for every client of the Service. */
export function newClientRule(
  rollout: MtlsRollout,
  scopes: string[],
  service: Pick<Service, 'name' | 'namespace'>,
  at: string,
): DestinationRule {
  const spec: DestinationRule['spec'] = { host: fqdn(service), trafficPolicy: { tls: MUTUAL } };
  const applied: Applied = { scopes, at, sum: checksum(spec) };
  return {
    apiVersion: RULE_API,
    kind: 'DestinationRule',
    metadata: {
      name: clientRuleName(service),
      namespace: service.namespace,
      labels: MANAGED_BY,
      annotations: { ...ownerMark(rollout), [APPLIED_ANNOTATION]: seal(applied) },
    },
    spec,
  };
}

/** The patch by which a rule of somebody else's says mutual TLS, with its original on it. */
export function adoption(rollout: MtlsRollout, scopes: string[], rule: DestinationRule, at: string): MergePatch {
  const { trafficPolicy } = rule.spec;
  const { tls } = trafficPolicy ?? {};
  const spec: OneField = trafficPolicy ? { trafficPolicy: tls ? { tls } : {} } : {};
  const applied: Applied = { scopes, at };
  const annotations = {
    ...ownerMark(rollout),
    [ORIGINAL_ANNOTATION]: encodeOriginal({ kind: 'Spec', spec }),
    [APPLIED_ANNOTATION]: seal(applied),
  };
  return { metadata: { annotations }, spec: { trafficPolicy: { tls: replaced(tls, MUTUAL) } } };
}

/** Notes on a rule that is written already for which scopes it is, and whose; it stays as it is. */
export function noted(rollout: MtlsRollout, { rule }: ClientRule, scopes: readonly string[]): MergePatch {
  const applied = appliedOn(rule);
  return { metadata: { annotations: { ...ownerMark(rollout), [APPLIED_ANNOTATION]: seal({ ...applied, scopes }) } } };
}

/**
 * Takes a rule back: one that was made is deleted, one that was taken over gets its field back. Of one that somebody
 * has changed since only the marks go. Undefined where the original is damaged.
 */
export function undo({ rule, original, untouched }: ClientRule): Write | undefined {
  if (original === 'Damaged') return undefined;
  const target = targetOf(rule);
  if (untouched && original.kind === 'Nothing') return { verb: 'delete', target };
  const spec = untouched && original.kind === 'Spec' ? { spec: fieldBack(original.spec, rule.spec) } : {};
  return { verb: 'patch', target, patch: { metadata: { annotations: NO_MARKS }, ...spec } };
}

/** The rule as it would be without the rollout; undefined where it would not be there. */
export function withoutRollout(rule: DestinationRule): DestinationRule | undefined {
  if (pinOf(rule)) return undefined;
  const client = clientRuleOf(rule);
  const write = client && undo(client);
  if (write?.verb === 'delete') return undefined;
  return write?.verb === 'patch' ? (mergePatch(rule, write.patch) as DestinationRule) : rule;
}

function appliedOn({ metadata }: DestinationRule): Applied | undefined {
  const applied = unseal(metadata.annotations?.[APPLIED_ANNOTATION]) as Applied | undefined;
  return Array.isArray(applied?.scopes) ? applied : undefined;
}

function isMutual({ spec }: DestinationRule): boolean {
  return checksum(spec.trafficPolicy?.tls) === checksum(MUTUAL);
}

function fieldBack(
  { trafficPolicy: before }: OneField,
  { trafficPolicy: now = {} }: DestinationRule['spec'],
): MergePatch {
  if (before?.tls) return { trafficPolicy: { tls: replaced(now.tls, before.tls) } };
  const alone = Object.keys(now).every(member => member === 'tls');
  return { trafficPolicy: !before && alone ? null : { tls: null } };
}

/** Merge patch that leaves nothing of what was there before: a merge would keep certificates that go with no other mode. */
function replaced(before: object | undefined, after: object): MergePatch {
  return { ...Object.fromEntries(Object.keys(before ?? {}).map(member => [member, null])), ...after };
}
