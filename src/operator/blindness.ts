/** When a cache no longer is what is in the cluster, and who has to hear of it. */
import type { Clock } from '../cluster/clock.ts';
import type { Reflector } from '../cluster/reflector.ts';

/** What a reflector tells of its sight. */
interface Sighted {
  isSynced: boolean;
  blindMs: number;
}

type Looked = Pick<Reflector<unknown>, 'isSynced' | 'state'>;

/** Without a watch for so long, a cache is no longer taken for what is in the cluster. */
const BLIND_MS = 120_000;
/** Between two looks; a watch is tried again within this. */
const LOOK_MS = 30_000;

/** Listed, or it is known why it cannot be. */
export function isLookedFor({ isSynced, state }: Looked): boolean {
  return isSynced || state.kind === 'Waiting';
}

/** Resolves when everything that decisions may rest on is listed, or known to be out of sight; at the latest at the signal. */
export async function untilLookedFor(
  { policies, rules, freeze }: { policies: Looked; rules: Looked; freeze: Looked },
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (![policies, rules, freeze].every(isLookedFor) && !signal.aborted) await clock.wait(50, signal);
}

/** Whether nobody can say what is in the cluster: it was never listed, or has not been watched for a while. */
export function isBlind({ isSynced, blindMs }: Sighted): boolean {
  return !isSynced || blindMs >= BLIND_MS;
}

/**
 * Calls `tell` whenever the policies have gone out of sight or come back while rollouts are seen: what status says
 * rests on the policies, and there is a server to store it. Runs until the signal fires.
 */
export async function tellOfBlindness(
  { policies, rollouts }: { policies: Sighted; rollouts: Sighted },
  tell: () => void,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let [told, before] = [isBlind(policies), false];
  for (; !signal.aborted; await clock.wait(LOOK_MS, signal)) {
    const blind = isBlind(policies) && rollouts.blindMs === 0;
    // twice in a row: after an outage the one watch is back a little before the other
    if (blind === before && blind !== told) tell();
    if (blind === before) told = blind;
    before = blind;
  }
}
