/**
 * What the rollout leaves on a policy it governs: whose it is, what it set, and what was there before.
 * The original is written in the same patch that first changes the policy and is never rewritten.
 */
import { checksum } from '../api/hash.ts';
import { APPLIED_ANNOTATION, type MtlsRollout, ORIGINAL_ANNOTATION, ROLLOUT_ANNOTATION } from '../api/resource.ts';
import { MODES, type Mode, type PeerAuthentication } from '../istio/objects.ts';

/** What the slot held: a policy with this spec, or nothing (the rollout created the object). */
export type Original = { kind: 'Spec'; spec: PeerAuthentication['spec'] } | { kind: 'Nothing' };

export interface Mark {
  /** uid of the rollout that governs the policy. */
  rollout: string;
  /** Its namespace/name, for messages. */
  owner: string;
  original: Original | 'Damaged';
  applied: Applied | undefined;
}

/** What the rollout set last. */
export interface Applied {
  mode: Mode;
  /** Key of the scope it was set for. */
  scope: string;
  /** Ports that were set; absent: the mode of the whole policy. */
  ports?: number[];
  /** Checksum of the whole spec, on policies that the rollout created. */
  sum?: string;
}

/** The annotations of a policy that a rollout takes over, or creates. */
export function marksFor(rollout: MtlsRollout, original: Original, applied: Applied): Record<string, string> {
  return {
    ...ownerMark(rollout),
    [ORIGINAL_ANNOTATION]: encodeOriginal(original),
    [APPLIED_ANNOTATION]: JSON.stringify(applied),
  };
}

/** The annotations of a policy whose original is already recorded. */
export function marksAgain(rollout: MtlsRollout, applied: Applied): Record<string, string> {
  return { ...ownerMark(rollout), [APPLIED_ANNOTATION]: JSON.stringify(applied) };
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
  return {
    rollout: uid,
    owner: `${namespace}/${name}`,
    original: decodeOriginal(original),
    applied: decodeApplied(annotations[APPLIED_ANNOTATION]),
  };
}

function ownerMark({ metadata }: MtlsRollout): Record<string, string> {
  return { [ROLLOUT_ANNOTATION]: `${metadata.namespace}/${metadata.name}/${metadata.uid}` };
}

function encodeOriginal(original: Original): string {
  const spec = original.kind === 'Spec' ? original.spec : null;
  return JSON.stringify({ spec, sum: checksum(spec) });
}

function decodeOriginal(text: string | undefined): Original | 'Damaged' {
  if (text === undefined) return 'Damaged';
  try {
    const { spec, sum } = JSON.parse(text) as { spec?: PeerAuthentication['spec'] | null; sum?: unknown };
    if (spec === undefined || sum !== checksum(spec)) return 'Damaged';
    return spec === null ? { kind: 'Nothing' } : { kind: 'Spec', spec };
  } catch {
    return 'Damaged';
  }
}

function decodeApplied(text: string | undefined): Applied | undefined {
  if (text === undefined) return undefined;
  try {
    const { mode, scope, ports, sum } = JSON.parse(text) as Partial<Applied>;
    if (mode === undefined || !MODES.includes(mode) || typeof scope !== 'string') return undefined;
    if (ports !== undefined && !(Array.isArray(ports) && ports.every(Number.isInteger))) return undefined;
    return { mode, scope, ...(ports ? { ports } : {}), ...(typeof sum === 'string' ? { sum } : {}) };
  } catch {
    return undefined;
  }
}
