/**
 * Reads the AuthorizationPolicies by which rollouts count plaintext. They are listed when a rollout has some, or may
 * need them, and never watched: a list is as new as the last write, and a mesh without them pays nothing.
 */
import type { MtlsRollout } from '../api/resource.ts';
import type { AuthorizationPolicy } from '../istio/objects.ts';
import { MANAGED_BY } from '../rollout/marks.ts';
import { countsByShadow, type Shadows } from '../rollout/shadows.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import { projectAuthorization } from './policies.ts';
import { AUTHORIZATION_POLICIES } from './resources.ts';

const LABELS = Object.entries(MANAGED_BY)
  .map(pair => pair.join('='))
  .join(',');

/** What the operator made in a namespace, or everywhere; rejects with a KubeError. */
export async function listShadows(
  client: KubeClient,
  namespace: string | undefined,
  signal?: AbortSignal,
): Promise<AuthorizationPolicy[]> {
  const policies = [];
  for await (const raw of client.list(AUTHORIZATION_POLICIES, { namespace, labelSelector: LABELS, signal }))
    policies.push(projectAuthorization(raw));
  return policies;
}

/** The same for one rollout. Undefined where it has nothing to do with any. */
export async function readShadows(
  client: KubeClient,
  rollout: MtlsRollout,
  namespace: string | undefined,
  signal?: AbortSignal,
): Promise<Shadows | undefined> {
  if (!concernsShadows(rollout)) return undefined;
  try {
    return { policies: await listShadows(client, namespace, signal) };
  } catch (error) {
    if (!(error instanceof KubeError) || error.kind !== 'Forbidden') throw error;
    return { policies: [], problem: error.message };
  }
}

/** After the switch only what was left behind. */
function concernsShadows({ spec, status }: MtlsRollout): boolean {
  if ((status?.shadows ?? 0) > 0) return true;
  const { stage = 'Pending' } = status?.step ?? {};
  return countsByShadow(spec) && ['Pending', 'Preparing', 'Observing', 'Enforcing', 'RolledBack'].includes(stage);
}
