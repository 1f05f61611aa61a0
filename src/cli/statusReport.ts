/** Where a rollout stands, as its status says, as a value. */
import type { ObjectMeta } from '../api/resource.ts';
import type { Status } from '../api/status.ts';
import { parseStatus } from '../api/validate.ts';
import type { KubeObject } from '../cluster/resource.ts';

export interface StatusReport {
  namespace: string;
  name: string;
  mode: string;
  suspend: boolean;
  generation: number;
  /** Why the status does not tell about the object as it is now. */
  outdated?: string;
  deletedAt?: string;
  status: Status;
}

export function statusReport(raw: KubeObject): StatusReport {
  const { namespace = '', name, generation = 0, deletionTimestamp } = raw.metadata as ObjectMeta;
  const { mode, suspend } = (raw['spec'] ?? {}) as { mode?: unknown; suspend?: unknown };
  const status = parseStatus(raw['status']) ?? {};
  const outdated = outdatedness(status, generation);
  return {
    namespace,
    name,
    mode: typeof mode === 'string' ? mode : 'Enforce',
    suspend: suspend === true,
    generation,
    ...(outdated ? { outdated } : {}),
    ...(deletionTimestamp === undefined ? {} : { deletedAt: deletionTimestamp }),
    status,
  };
}

function outdatedness(status: Status, generation: number): string | undefined {
  const { observedGeneration } = status;
  if (Object.keys(status).length === 0) return 'the operator has not looked at this rollout yet: is it running?';
  if (observedGeneration === undefined || observedGeneration === generation) return undefined;
  return `this is about generation ${observedGeneration}; the operator has not looked at generation ${generation} yet`;
}
