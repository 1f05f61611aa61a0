/** The three things that the plugin changes on a rollout. Nothing else of the object is sent. */
import { RETRY_ANNOTATION } from '../api/resource.ts';
import type { Status } from '../api/status.ts';
import { parseStatus } from '../api/validate.ts';
import type { KubeClient } from '../cluster/client.ts';
import { KubeError } from '../cluster/errors.ts';
import type { KubeObject } from '../cluster/resource.ts';
import { ROLLOUTS } from '../cluster/resources.ts';
import { timestamp } from '../rollout/text.ts';
import { Failure } from './failure.ts';
import { findRollout } from './rollouts.ts';

export interface Target {
  client: KubeClient;
  namespace: string;
  name: string;
}

/** The operator writes status now and then; more often than this it never gets in between. */
export const TRIES = 3;

/** Asks for another try. Bound to the version whose status was seen: what is retried is what the caller knew of. */
export async function retry(target: Target, now: number): Promise<string> {
  const { client, namespace, name } = target;
  const value = timestamp(now);
  for (let left = TRIES; left > 0; left--) {
    const seen = await findRollout(client, namespace, name);
    const status = parseStatus(seen['status']) ?? {};
    if (!rests(status)) throw new Failure(nothingToRetry(target, status));
    const { uid, resourceVersion } = seen.metadata;
    const patch = { metadata: { uid, resourceVersion, annotations: { [RETRY_ANNOTATION]: value } } };
    try {
      await client.mergePatch({ resource: ROLLOUTS, namespace, name }, patch);
      return `MtlsRollout ${namespace}/${name} tries again (${RETRY_ANNOTATION} is ${value})`;
    } catch (error) {
      if (!(error instanceof KubeError) || error.kind !== 'Conflict') throw error;
    }
  }
  throw new Failure(`MtlsRollout ${namespace}/${name} changed ${TRIES} times meanwhile; try again`);
}

/** Sets `spec.suspend`. Not bound to a version: to hold a rollout must not fail because it moves. */
export async function suspend(target: Target, wanted: boolean): Promise<string> {
  const { client, namespace, name } = target;
  const seen = await findRollout(client, namespace, name);
  if (isSuspended(seen) === wanted)
    return `MtlsRollout ${namespace}/${name} is ${wanted ? 'suspended already' : 'not suspended'}; nothing was changed`;
  const patch = { metadata: { uid: seen.metadata.uid }, spec: { suspend: wanted } };
  await client.mergePatch({ resource: ROLLOUTS, namespace, name }, patch);
  return wanted
    ? `MtlsRollout ${namespace}/${name} is suspended: what is STRICT stays so, and a rollback under way is finished`
    : `MtlsRollout ${namespace}/${name} goes on`;
}

/** Whether the rollout waits for somebody's word; a value that is set earlier would undo a later rollback by itself. */
function rests({ phase, step }: Status): boolean {
  return phase === 'RolledBack' || phase === 'Paused' || step?.stage === 'RolledBack';
}

function nothingToRetry({ namespace, name }: Target, { phase }: Status): string {
  const now = phase === undefined ? 'the operator has not looked at it yet' : `it is ${phase}`;
  return `MtlsRollout ${namespace}/${name} was not rolled back or paused (${now}): there is nothing to retry`;
}

function isSuspended(raw: KubeObject): boolean {
  return (raw['spec'] as { suspend?: unknown } | undefined)?.suspend === true;
}
