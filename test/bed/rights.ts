/** Takes a right from the operator, as an administrator may at any time, and gives it back. */
import type { ControlPlane } from './controlPlane.ts';
import { read, type Seen } from './observe.ts';
import { waitFor } from './waiting.ts';

const ROLE = '/apis/rbac.authorization.k8s.io/v1/clusterroles/mtls-rollout';
const ACCOUNT = 'system:serviceaccount:mtls-rollout-system:mtls-rollout';

type ClusterRole = Seen & { rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[] };

/** Removes the verb on a resource from the ClusterRole; what it returns brings the role back as it was. */
export async function withoutRight(plane: ControlPlane, resource: string, verb: string): Promise<() => Promise<void>> {
  const { rules } = (await read<ClusterRole>(plane.admin, ROLE))!;
  const [group = ''] = rules.find(({ resources }) => resources.includes(resource))?.apiGroups ?? [];
  const put = async (to: ClusterRole['rules'], allowed: boolean) => {
    const request = { method: 'PATCH' as const, path: ROLE, contentType: 'application/merge-patch+json' };
    const { status } = await plane.admin.call({ ...request, body: { rules: to } });
    if (status !== 200) throw new Error(`the role was not changed: ${status}`);
    // the authoriser learns it a moment later
    await waitFor(async () => (await may(plane, group, resource, verb)) === allowed, `${verb} ${resource}`, 10_000);
  };
  const left = rules.map(rule =>
    rule.resources.includes(resource) ? { ...rule, verbs: rule.verbs.filter(each => each !== verb) } : rule,
  );
  await put(left, false);
  return () => put(rules, true);
}

/** Removes a ClusterRole; the verb and resource are one of its rights, by which it shows that it is gone. */
export async function withoutRole(
  plane: ControlPlane,
  name: string,
  [group, resource, verb]: [string, string, string],
): Promise<void> {
  await plane.kubectl(['delete', 'clusterrole', name]);
  await waitFor(async () => !(await may(plane, group, resource, verb)), `${name} to be gone`, 10_000);
}

async function may(plane: ControlPlane, group: string, resource: string, verb: string): Promise<boolean> {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user: ACCOUNT, groups: ['system:authenticated'], resourceAttributes: { group, resource, verb } },
  };
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  const answer = await plane.admin.call({ method: 'POST', path, body });
  return (answer.body as { status: { allowed: boolean } }).status.allowed;
}
