/** What unblocks a wait, in one sentence a reason. The message says it too, in more words; here it stands alone. */
import type { Hazard, Phase } from '../api/status.ts';

const RETRY = 'kubectl mtlsrollout retry';

/** By reason of a condition, or by the first word of what is waited for. */
const BY_REASON: Readonly<Record<string, string>> = {
  RolledBack: `repair what failed, then change the spec or use ${RETRY}`,
  StepFailed: `decide: ${RETRY} goes on, spec.mode Revert goes back`,
  ConsolidationStopped: `repair what the probe names, then ${RETRY}; or set spec.strategy.consolidate to false`,
  Drifted: `set the policy back, or ${RETRY} to move it again`,
  DriftFight: `settle who sets the policy, then ${RETRY}`,
  FieldConflict: `set it back, or ${RETRY} to begin the step again`,
  ProgressDeadlineExceeded: 'do what the probe in the message asks; it goes on by itself then',
  DamagedOriginal: 'bring the object to the state it should have, and remove its annotations mtlsrollout.io/*',
  NoScopes: 'a namespace or workload that the target matches',
  NeverOpens: 'change spec.schedule',
  WriteForbidden: 'grant the operator the right, or make an exception in the admission webhook',
  WriteInvalid: 'see what the API server objects to',
  WriteFailed: 'nothing to do: it is tried again',
  approval: 'somebody approves the plan of the wave: kubectl mtlsrollout approve',
  window: 'nothing to do, or change spec.schedule',
  schedule: 'change spec.schedule',
  budget: 'other rollouts end their steps, or the operator gets a larger budget',
  BudgetTooSmall: 'a larger budget in the configuration of the operator, or smaller steps',
  drain: 'nothing to do: connections are drained',
  pins: 'nothing to do: clients are being told',
  freeze: 'somebody lifts the freeze',
  alerts: 'Alertmanager has to answer the operator',
  alert: 'the alert is resolved or silenced',
  resume: 'set spec.suspend to false, or use kubectl mtlsrollout resume',
  mode: 'set spec.mode to Enforce',
  soak: 'nothing to do: it has to stay healthy until then',
  evidence: 'nothing to do: healthy rounds are counted',
  enforcement: 'nothing to do: the proxies are learning it',
  writes: 'nothing to do: policies are being written',
  hazards: 'nothing to do: the cluster is being looked at',
  probe: 'what the probe asks for in its message',
};
const REFUSED = 'correct what the message names; the operator looks again by itself';
const OTHERWISE = 'what the message says';

/** @param reason of the condition Stalled or of an obstacle; undefined while the rollout goes on by itself */
export function unblockOf(
  phase: Phase,
  on: string,
  reason: string | undefined,
  hazards: readonly Pick<Hazard, 'code' | 'fix' | 'accepted'>[],
): string {
  const hazard = hazards.find(({ code, accepted }) => code === (reason ?? on) && !accepted);
  if (hazard) return `${hazard.fix ?? 'remove it'}; or put ${hazard.code} into spec.preflight.accept`;
  const [word = ''] = on.split(' ');
  const known = (reason === undefined ? undefined : BY_REASON[reason]) ?? BY_REASON[word];
  return known ?? (phase === 'Refused' ? REFUSED : OTHERWISE);
}
