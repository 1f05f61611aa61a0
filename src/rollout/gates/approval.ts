/** Gate: a wave with `approval: Required` waits until somebody has approved its plan, by the hash. */
import { readApprovals } from '../../api/approval.ts';
import { APPROVE_ANNOTATION } from '../../api/resource.ts';
import { approvalOf, needsApproval, voidText } from '../approvals.ts';
import { counted } from '../text.ts';
import { type Gate, heldBy } from './gate.ts';

export const approval: Gate = (situation, step, states) => {
  const { rollout } = situation.input;
  const wave = situation.plan.waves.find(({ name }) => name === step.wave);
  if (!wave || !needsApproval(rollout, wave.name) || approvalOf(rollout, wave)) return undefined;
  // it was approved when it began to switch, and is not widened by what joins the wave: half a step helps nobody
  if (step.stage === 'Enforcing' && states.length < situation.stepStates(step).length) return undefined;
  const { namespace, name } = rollout.metadata;
  const before = rollout.status?.waves?.find(each => each.name === wave.name)?.approved;
  const { bad } = readApprovals(rollout.metadata.annotations?.[APPROVE_ANNOTATION] ?? '');
  const why = [
    `wave ${wave.name} (${counted(wave.scopes.length, 'scope')}) waits for the approval of its plan ${wave.hash}`,
    ...(before ? [voidText(before, wave)] : []),
    ...(bad.length > 0
      ? [`annotation ${APPROVE_ANNOTATION} has what is no approval such as "core=77b0c19d by alice": ${bad[0]}`]
      : []),
    `kubectl mtlsrollout approve ${name} ${wave.name} -n ${namespace}, or in Git: spec.approvals: [{wave: ${wave.name}, plan: "${wave.hash}", by: YOU}]`,
  ];
  return heldBy(situation, step, { on: `approval of ${wave.name}`, why: why.join('; ') });
};
