/** The answer of an API server to a request for which the operator lacks the right. */
import type { KubeResponse } from '../../src/cluster/transport.ts';

export function forbidden(verb: string, plural: string, path: string): KubeResponse {
  const [, where = ''] = /namespaces\/([^/]+)/.exec(path) ?? [];
  const user = 'system:serviceaccount:mtls-rollout-system:mtls-rollout';
  const message = `${plural} is forbidden: User "${user}" cannot ${verb} resource "${plural}" in API group "" in the namespace "${where}"`;
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'Forbidden', message, code: 403 };
  return { status: 403, headers: {}, body };
}
