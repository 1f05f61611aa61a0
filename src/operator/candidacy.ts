/** Takes part in the election of the leader as the settings say. */
import { Election } from '../cluster/lease.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { OperatorParts } from './operator.ts';

/** Undefined: there is no election, and this process leads. */
export function electionOf(
  { settings, clock, random, log, identity }: OperatorParts,
  client: KubeClient,
): Election | undefined {
  const { enabled, namespace, name, leaseDuration, renewDeadline, retryPeriod } = settings.leaderElection;
  if (!enabled) return undefined;
  const pace = { leaseMs: leaseDuration, renewMs: renewDeadline, retryMs: retryPeriod };
  return new Election({ client, clock, random, log, namespace, name, identity, ...pace });
}
