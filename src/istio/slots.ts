/** Slots: the places in which Istio obeys one policy, the oldest, and ignores the rest. */
import { type Mode, MODES, type PeerAuthentication } from './objects.ts';
import { type Policies, selectorOf } from './policies.ts';

/** Place of a policy; without selector it is the namespace's, or in the root namespace the mesh's. */
export interface Slot {
  namespace: string;
  selector: Record<string, string> | undefined;
}

export function slotOf(policy: PeerAuthentication): Slot {
  return { namespace: policy.metadata.namespace, selector: selectorOf(policy) };
}

/** One text for one slot: the order of labels makes no difference, nor does an empty selector against none. */
export function slotKey({ namespace, selector }: Slot): string {
  const labels = Object.entries(selector ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([namespace, ...labels]);
}

/** The policy that Istio obeys among those of the slot. */
export function holderOf(policies: Policies, slot: Slot): PeerAuthentication | undefined {
  return inSlot(policies, slot)[0];
}

/** The policies of the slot, oldest first: Istio obeys that one, and ignores the others. */
export function inSlot(policies: Policies, slot: Slot): PeerAuthentication[] {
  const key = slotKey(slot);
  return policies.in(slot.namespace).filter(policy => slotKey(slotOf(policy)) === key);
}

/** Whether `a` protects less than `b`. */
export function weaker(a: Mode, b: Mode): boolean {
  return MODES.indexOf(a) < MODES.indexOf(b);
}
