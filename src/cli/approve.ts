/** Approves the plan of a wave by the annotation: the plan that the caller is shown, and that the operator has seen. */
import { isApprover, readApprovals, writeApproval } from '../api/approval.ts';
import { APPROVE_ANNOTATION, type MtlsRollout } from '../api/resource.ts';
import { parseRollout } from '../api/validate.ts';
import { KubeError } from '../cluster/errors.ts';
import type { KubeObject, Resource } from '../cluster/resource.ts';
import { ROLLOUTS } from '../cluster/resources.ts';
import { approvalOf, needsApproval } from '../rollout/approvals.ts';
import { counted, listed } from '../rollout/text.ts';
import { type Target, TRIES } from './change.ts';
import { Failure } from './failure.ts';
import { plannedFor } from './look.ts';
import type { PlannedWaveReport } from './planReport.ts';
import { findRollout } from './rollouts.ts';
import type { Source } from './source.ts';

const WHO: Resource = {
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'selfsubjectreviews',
  kind: 'SelfSubjectReview',
  namespaced: false,
};

interface Wish {
  wave: string;
  /** Who approves; undefined: whoever the API server says the caller is. */
  by: string | undefined;
  now: number;
}

/** Bound to the version that was looked at: nothing that came in between is approved with it. */
export async function approve(target: Target, source: Source, { wave, by, now }: Wish): Promise<string> {
  const { client, namespace, name } = target;
  const who = by ?? (await whoAmI(target));
  if (!isApprover(who)) throw new Failure('--by must be 1 to 256 characters without commas');
  for (let left = TRIES; left > 0; left--) {
    const seen = await findRollout(client, namespace, name);
    const rollout = validOf(seen);
    const planned = await agreedPlan(rollout, seen, source, wave, now);
    const given = approvalOf(rollout, { name: wave, hash: planned.plan });
    if (given) return `wave ${wave}: plan ${planned.plan} was approved by ${given.by} already; nothing was changed`;
    const { uid, resourceVersion, annotations } = rollout.metadata;
    const value = annotationWith(annotations?.[APPROVE_ANNOTATION], wave, planned.plan, who);
    const patch = { metadata: { uid, resourceVersion, annotations: { [APPROVE_ANNOTATION]: value } } };
    try {
      await client.mergePatch({ resource: ROLLOUTS, namespace, name }, patch);
      return `MtlsRollout ${namespace}/${name}: ${who} approves wave ${wave}, plan ${planned.plan}: ${sizeOf(planned)}`;
    } catch (error) {
      if (!(error instanceof KubeError) || error.kind !== 'Conflict') throw error;
    }
  }
  throw new Failure(`MtlsRollout ${namespace}/${name} changed ${TRIES} times meanwhile; try again`);
}

function validOf(seen: KubeObject): MtlsRollout {
  const parsed = parseRollout(seen);
  if ('problems' in parsed) throw new Failure(`the rollout is not valid: ${parsed.problems.join('; ')}`);
  return parsed.rollout;
}

/** The plan of the wave, where the caller and the operator see the same one. */
async function agreedPlan(
  rollout: MtlsRollout,
  raw: KubeObject,
  source: Source,
  wave: string,
  now: number,
): Promise<PlannedWaveReport> {
  const { namespace, name } = rollout.metadata;
  if (!needsApproval(rollout, wave)) {
    const names = rollout.spec.strategy.waves.filter(each => each.approval === 'Required').map(each => each.name);
    throw new Failure(`wave ${wave} needs no approval; in MtlsRollout ${namespace}/${name} ${listed(names)} does`);
  }
  const report = await plannedFor(raw, source, now);
  if (report.obstacle) throw new Failure(`${report.obstacle.reason}: ${report.obstacle.message}`);
  const planned = report.waves.find(each => each.name === wave);
  const known = rollout.status?.waves?.find(each => each.name === wave);
  if (!planned || !known) throw new Failure(`the operator has not planned wave ${wave} yet; try again in a moment`);
  if (planned.plan === known.plan) return planned;
  throw new Failure(
    `wave ${wave} is ${planned.plan} now, and the operator's last look gave ${known.plan}: nothing is approved; look again with "kubectl mtlsrollout plan ${name} -n ${namespace}"`,
  );
}

/** What is no approval is somebody's mistake, and theirs to correct. */
function annotationWith(before: string | undefined, wave: string, plan: string, by: string): string {
  const { bad } = readApprovals(before ?? '');
  if (bad.length > 0)
    throw new Failure(`annotation ${APPROVE_ANNOTATION} has what is no approval: ${listed(bad)}; correct it first`);
  return writeApproval(before, { wave, plan, by });
}

function sizeOf({ scopes }: PlannedWaveReport): string {
  const left = scopes.filter(({ step }) => step !== undefined);
  const changes = left.flatMap(each => each.changes);
  return `${counted(scopes.length, 'scope')}, of which ${left.length} to move, with ${counted(changes.length, 'object')} to change`;
}

async function whoAmI({ client }: Target): Promise<string> {
  try {
    const review = await client.create(WHO, undefined, {
      apiVersion: 'authentication.k8s.io/v1',
      kind: WHO.kind,
      metadata: {},
    });
    const { userInfo } = (review['status'] ?? {}) as { userInfo?: { username?: string } };
    if (userInfo?.username) return userInfo.username;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    throw new Failure('the API server does not say who you are: say it with --by', error);
  }
  throw new Failure('the API server does not say who you are: say it with --by');
}
