/**
 * A create names no version that it depends on. So right before it the API server is asked whether the slot is still
 * free: a policy that somebody made meanwhile is found, even when the watch has fallen behind.
 */
import type { KubeClient } from '../cluster/client.ts';
import { KubeError } from '../cluster/errors.ts';
import { projectPolicy } from '../cluster/policies.ts';
import { PEER_AUTHENTICATIONS } from '../cluster/resources.ts';
import { slotKey, slotOf } from '../istio/slots.ts';
import { nameOf } from '../rollout/text.ts';
import type { Write } from '../rollout/writes.ts';

/** Rejects with KubeError Conflict when another policy holds the slot of what would be created. */
export async function checkFree(client: KubeClient, write: Write, signal: AbortSignal): Promise<void> {
  if (write.verb !== 'create' || write.object.kind !== 'PeerAuthentication') return;
  const { metadata } = write.object;
  const slot = slotKey(slotOf(write.object));
  for await (const raw of client.list(PEER_AUTHENTICATIONS, { namespace: metadata.namespace, signal })) {
    const policy = projectPolicy(raw);
    if (slotKey(slotOf(policy)) !== slot) continue;
    throw new KubeError('Conflict', `create ${nameOf(write.object)}: ${nameOf(policy)} has come up in its place`);
  }
}
