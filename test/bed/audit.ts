/** What the API server was asked by the operator, from its own audit log: requests counted, and those it refused. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { RunFolder } from './runFolder.ts';

/** Of the operator's namespace; everybody else is left out of the log. */
const ACCOUNTS = 'system:serviceaccounts:mtls-rollout-system';
const FILE = 'audit.log';

/** One request, as far as a test needs it. */
export interface Request {
  verb: string;
  /** `peerauthentications`, `mtlsrollouts/status`; a path where it was about no resource. */
  resource: string;
  namespace: string | undefined;
  name: string | undefined;
  code: number;
  /** When it came, milliseconds since the epoch. */
  at: number;
}

interface AuditEvent {
  verb: string;
  requestURI: string;
  objectRef?: { resource?: string; subresource?: string; namespace?: string; name?: string };
  responseStatus?: { code?: number };
  requestReceivedTimestamp: string;
}

/** Writes the policy and gives the flags by which an API server keeps the log. */
export function auditFlags(folder: RunFolder): string[] {
  const policy = folder.file('audit-policy.json');
  const rules = [
    { level: 'Metadata', userGroups: [ACCOUNTS], omitStages: ['RequestReceived', 'ResponseStarted'] },
    { level: 'None' },
  ];
  writeFileSync(policy, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }));
  return [`--audit-policy-file=${policy}`, `--audit-log-path=${folder.file(FILE)}`];
}

/** Every finished request of the operator so far. A watch is in it when it has ended. */
export function requestsOfOperator(folder: RunFolder): Request[] {
  const file = folder.file(FILE);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map(line => {
    const { verb, requestURI, objectRef, responseStatus, requestReceivedTimestamp } = JSON.parse(line) as AuditEvent;
    const { resource, subresource, namespace, name } = objectRef ?? {};
    return {
      verb,
      resource: resource === undefined ? requestURI : [resource, ...(subresource ? [subresource] : [])].join('/'),
      namespace,
      name,
      code: responseStatus?.code ?? 0,
      at: Date.parse(requestReceivedTimestamp),
    };
  });
}

/** `patch peerauthentications: 11`, the most frequent first. */
export function tally(requests: readonly Request[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { verb, resource } of requests)
    counts.set(`${verb} ${resource}`, (counts.get(`${verb} ${resource}`) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}
