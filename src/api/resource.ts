/** The MtlsRollout object as it stands in the cluster, and the names of its group. */
import type { Spec } from './schema.ts';
import type { Status } from './status.ts';

export const GROUP = 'mtlsrollout.io';
export const VERSION = 'v1alpha1';
export const KIND = 'MtlsRollout';
export const PLURAL = 'mtlsrollouts';

/** A new value of this annotation on a rolled back or paused rollout starts another try. */
export const RETRY_ANNOTATION = 'mtlsrollout.io/retry';
/** Approvals of waves, beside those in the spec: `core=77b0c19d by alice, edge=51e7aa02 by bob`. */
export const APPROVE_ANNOTATION = 'mtlsrollout.io/approve';
/** On a policy: what its slot held before the rollout touched it. */
export const ORIGINAL_ANNOTATION = 'mtlsrollout.io/original';
/** On a policy: namespace/name/uid of the rollout that governs it. */
export const ROLLOUT_ANNOTATION = 'mtlsrollout.io/rollout';
/** On a policy: the mode that the rollout set last; another mode in the spec is somebody else's doing. */
export const APPLIED_ANNOTATION = 'mtlsrollout.io/applied';

/** Keeps a deleted rollout with `deletionPolicy: Restore` until what it had set is restored. */
export const RESTORE_FINALIZER = 'mtlsrollout.io/restore';

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
  managedFields?: { manager?: string; operation?: string; time?: string }[];
  finalizers?: string[];
}

/** A rollout whose spec was validated and whose defaults are filled in. */
export interface MtlsRollout {
  apiVersion: `${typeof GROUP}/${typeof VERSION}`;
  kind: typeof KIND;
  metadata: ObjectMeta & { namespace: string; uid: string; generation: number; creationTimestamp: string };
  spec: Spec;
  status?: Status;
}
