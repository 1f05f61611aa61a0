/** What a Lease says about who leads. */
import { microTime } from './microTime.ts';
import type { KubeObject, Resource } from './resource.ts';

export const LEASES: Resource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};

interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

/** Empty when nobody holds it. */
export function holderOf(lease: Lease): string {
  return lease.spec?.holderIdentity ?? '';
}

/** How often the lease has changed hands. */
export function transitionsOf(lease: Lease): number {
  const transitions = lease.spec?.leaseTransitions ?? 0;
  return Number.isInteger(transitions) && transitions > 0 ? transitions : 0;
}

/** Differs whenever the holder has shown a sign of life. */
export function fingerprintOf(lease: Lease): string {
  const { holderIdentity, renewTime, acquireTime, leaseTransitions } = lease.spec ?? {};
  return JSON.stringify([lease.metadata.uid, holderIdentity, renewTime, acquireTime, leaseTransitions]);
}

/** How long the holder says it may stay silent; `otherwise` where it says nothing of use. */
export function patienceOf(lease: Lease, otherwise: number): number {
  const seconds = lease.spec?.leaseDurationSeconds;
  return seconds !== undefined && seconds > 0 ? seconds * 1000 : otherwise;
}

export function heldSpec(holder: string, leaseMs: number, acquired: number, now: number, transitions: number) {
  return {
    holderIdentity: holder,
    leaseDurationSeconds: Math.ceil(leaseMs / 1000),
    acquireTime: microTime(acquired),
    renewTime: microTime(now),
    leaseTransitions: transitions,
  } satisfies LeaseSpec;
}

/** What a holder leaves behind that goes in order: nobody has to wait. */
export function releasedSpec(transitions: number, now: number) {
  return { ...heldSpec('', 1000, now, now, transitions) } satisfies LeaseSpec;
}
