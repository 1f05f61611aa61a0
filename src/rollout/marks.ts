/**
 * What the rollout leaves on a policy it governs: whose it is, what it set, and what was there before.
 * The original is written in the same patch that first changes the policy and is never rewritten.
 */
import { checksum } from '../api/hash.ts';
import { APPLIED_ANNOTATION, type MtlsRollout, ORIGINAL_ANNOTATION, ROLLOUT_ANNOTATION } from '../api/resource.ts';
import { MODES, type Mode, type PeerAuthentication } from '../istio/objects.ts';
import { seal, unseal } from './seal.ts';

/** What the slot held: a policy with this spec, or nothing (the rollout created the object). */
export type Original<Spec = PeerAuthentication['spec']> = { kind: 'Spec'; spec: Spec } | { kind: 'Nothing' };

export interface Mark {
  /** uid of the rollout that governs the policy. */
  rollout: string;
  /** Its namespace/name, for messages. */
  owner: string;
  /** Damaged: this or `applied` is not as it was written, so there is no safe way back. */
  original: Original | 'Damaged';
  applied: Applied | undefined;
}

/** Label of every object that the operator creates. */
export const MANAGED_BY = { 'app.kubernetes.io/managed-by': 'mtls-rollout' };

/** What the rollout set. */
export interface Applied {
  /** Mode that was asked for last. */
  mode: Mode;
  /** Key of the scope it was asked for. */
  scope: string;
  /** Every field that the rollout ever changed here, with the mode it gave it last; all others are not its own. */
  set: FieldModes;
  /** Checksum of the spec while it holds these fields and nothing else, on policies that the rollout created. */
  sum?: string;
  /** Name of the exception that the policy is for; absent on that of the scope itself. */
  exception?: string;
  /** When it left DISABLE with its clients pinned; RFC 3339. */
  at?: string;
}

/** Modes of the whole policy and of single ports. */
export interface FieldModes {
  mtls?: Mode;
  ports?: Record<string, Mode>;
}

/** The annotations of a policy that a rollout takes over, or creates. */
export function marksFor(rollout: MtlsRollout, original: Original, applied: Applied): Record<string, string> {
  return {
    ...marksAgain(rollout, applied),
    [ORIGINAL_ANNOTATION]: encodeOriginal(original),
  };
}

/** The annotations of a policy whose original is already recorded. */
export function marksAgain(rollout: MtlsRollout, applied: Applied): Record<string, string> {
  return { ...ownerMark(rollout), [APPLIED_ANNOTATION]: seal(applied) };
}

/** Merge patch members that take every mark off again. */
export const NO_MARKS = {
  [ROLLOUT_ANNOTATION]: null,
  [ORIGINAL_ANNOTATION]: null,
  [APPLIED_ANNOTATION]: null,
} as const;

/** The mark on a policy; undefined where no rollout ever touched it. */
export function markOf(policy: PeerAuthentication): Mark | undefined {
  const annotations = policy.metadata.annotations ?? {};
  const original = annotations[ORIGINAL_ANNOTATION];
  const by = annotations[ROLLOUT_ANNOTATION];
  if (original === undefined && by === undefined) return undefined;
  const [namespace = '', name = '', uid = ''] = (by ?? '').split('/');
  const applied = decodeApplied(annotations[APPLIED_ANNOTATION]);
  return {
    rollout: uid,
    owner: `${namespace}/${name}`,
    // an original is of no use without knowing which fields have to go back to it
    original: applied ? decodeOriginal(original) : 'Damaged',
    applied,
  };
}

/** Says whose an object is. */
export function ownerMark({ metadata }: MtlsRollout): Record<string, string> {
  return { [ROLLOUT_ANNOTATION]: `${metadata.namespace}/${metadata.name}/${metadata.uid}` };
}

/** As an annotation holds it. */
export function encodeOriginal(original: Original<unknown>): string {
  const spec = original.kind === 'Spec' ? original.spec : null;
  return JSON.stringify({ spec, sum: checksum(spec) });
}

export function decodeOriginal<Spec>(text: string | undefined): Original<Spec> | 'Damaged' {
  if (text === undefined) return 'Damaged';
  try {
    const { spec, sum } = JSON.parse(text) as { spec?: Spec | null; sum?: unknown };
    if (spec === undefined || sum !== checksum(spec)) return 'Damaged';
    return spec === null ? { kind: 'Nothing' } : { kind: 'Spec', spec };
  } catch {
    return 'Damaged';
  }
}

function decodeApplied(text: string | undefined): Applied | undefined {
  const applied = unseal(text) as Applied | undefined;
  return applied && MODES.includes(applied.mode) ? applied : undefined;
}
