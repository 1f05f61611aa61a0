/** MtlsRollouts for the bed: quick ones, and where they stand. */
import type { SpecInput } from '../../src/api/schema.ts';
import type { Status } from '../../src/api/status.ts';
import type { Transport } from '../../src/cluster/transport.ts';
import type { PeerAuthentication } from '../../src/istio/objects.ts';
import { ROOT_NAMESPACE } from './boutique.ts';
import { apply } from './boutiqueObjects.ts';
import { read, readAll, type Seen, waitForObject } from './observe.ts';

export const POLICIES = '/apis/security.istio.io/v1/peerauthentications';

export type RolloutObject = Seen & { spec: SpecInput; status?: Status };
export type Policy = Seen & PeerAuthentication;

/** Every probe, looking back a second, once a second: a step takes two or three. */
export const QUICK = {
  probes: [
    { name: 'no-plaintext', plaintextTraffic: { window: '1s', minRequests: 1 } },
    { name: 'enforced', enforcement: {} },
    { name: 'ready', workloadReadiness: {} },
    { name: 'traffic', trafficDrop: { window: '1s', minRequests: 5 } },
  ],
  analysis: { interval: '1s', successes: 1 },
} satisfies Partial<SpecInput>;

export function rolloutPath(name: string, namespace = ROOT_NAMESPACE): string {
  return `/apis/mtlsrollout.io/v1alpha1/namespaces/${namespace}/mtlsrollouts/${name}`;
}

export function rollout(name: string, spec: SpecInput, namespace = ROOT_NAMESPACE) {
  return { apiVersion: 'mtlsrollout.io/v1alpha1', kind: 'MtlsRollout', metadata: { name, namespace }, spec };
}

/** A quick rollout of these namespaces in one wave, one after the other. */
export function quick(namespaces: string[], rest: Partial<SpecInput> = {}, soak = '1s'): SpecInput {
  const waves = [{ name: 'all', names: namespaces, soak }];
  return { target: { namespaces: { names: namespaces } }, strategy: { waves }, ...QUICK, ...rest };
}

export async function create(api: Transport, name: string, spec: SpecInput, namespace = ROOT_NAMESPACE): Promise<void> {
  await apply(api, rollout(name, spec, namespace));
}

/** Changes part of an object; a refusal is an error. */
export async function patch(api: Transport, path: string, body: object): Promise<void> {
  const answer = await api.call({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body });
  if (answer.status !== 200) throw new Error(`PATCH ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

export async function remove(api: Transport, path: string): Promise<void> {
  const { status, body } = await api.call({ method: 'DELETE', path });
  if (status >= 300 && status !== 404) throw new Error(`DELETE ${path} answered ${status}: ${JSON.stringify(body)}`);
}

/** Waits until the status of a rollout is as wanted; every version of it is looked at. */
export function untilStatus(
  api: Transport,
  path: string,
  wanted: (status: Status) => boolean,
  description: string,
  timeoutMs = 60_000,
): Promise<RolloutObject> {
  return waitForObject<RolloutObject>(api, path, ({ status }) => wanted(status ?? {}), description, timeoutMs);
}

export function untilPhase(api: Transport, path: string, phase: Status['phase'], timeoutMs = 60_000) {
  return untilStatus(api, path, status => status.phase === phase, `${path} to be ${phase}`, timeoutMs);
}

/** Waits until the rollout is held for this reason. */
export function untilHeld(api: Transport, path: string, reason: string, timeoutMs = 60_000): Promise<RolloutObject> {
  const isHeld = ({ conditions = [] }: Status) =>
    conditions.some(each => each.type === 'Stalled' && each.status === 'True' && each.reason === reason);
  return untilStatus(api, path, isHeld, `${path} to be held by ${reason}`, timeoutMs);
}

export function condition({ status }: RolloutObject, type: string) {
  return status?.conditions?.find(each => each.type === type);
}

/** Policies of a namespace, by name. */
export async function policiesIn(api: Transport, namespace: string): Promise<Policy[]> {
  const found = await readAll<Policy>(api, POLICIES.replace('/peer', `/namespaces/${namespace}/peer`));
  return found.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

export function policyPath(namespace: string, name: string): string {
  return `/apis/security.istio.io/v1/namespaces/${namespace}/peerauthentications/${name}`;
}

/** A policy of a user, made as users do; what the API server made of it. */
export async function userPolicy(
  api: Transport,
  namespace: string,
  name: string,
  spec: object,
  metadata: object = {},
): Promise<Policy> {
  const object = {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { ...metadata, namespace, name },
    spec,
  };
  await apply(api, object);
  return (await read<Policy>(api, policyPath(namespace, name)))!;
}

/** All of the metadata but its version, and the books that the API server keeps on who wrote what. */
export function identity({ metadata }: Policy) {
  const { resourceVersion: _, ...rest } = metadata;
  const { managedFields: __, generation: ___, ...lasting } = rest as Record<string, unknown>;
  return lasting;
}
