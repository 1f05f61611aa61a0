/** What a rollout has left in the cluster, and has to take back when it is undone. */
import type { PeerAuthentication } from '../istio/objects.ts';
import { slotKey, slotOf } from '../istio/slots.ts';
import { type Mark, markOf } from './marks.ts';
import { scopeSlot } from './scope.ts';
import type { Plan } from './plan.ts';
import type { Situation } from './situation.ts';
import { nameOf } from './text.ts';

export interface Marked {
  policy: PeerAuthentication;
  mark: Mark;
  /** Place in the plan; policies of scopes that are no longer in it come last, so they are restored first. */
  order: number;
  /** Number of the step that the place belongs to. */
  step: number;
}

/** Everything that carries a mark of this rollout, last of the plan first. */
export function marked({ input, plan, uid }: Situation): Marked[] {
  const { world } = input;
  const order = new Map([...plan.scopes.values()].map(({ scope }, place) => [slotKey(scopeSlot(scope)), place]));
  const places = new Map([...plan.scopes.keys()].map((key, place) => [key, place]));
  const steps = stepsByPlace(plan);
  // an exception goes with its scope, after it
  const orderOf = (policy: PeerAuthentication, { applied }: Mark) =>
    order.get(slotKey(slotOf(policy))) ?? (places.get(applied?.scope ?? '') ?? Infinity) - 0.5;
  const namespaces = new Set([...world.namespaces.map(({ name }) => name), world.rootNamespace]);
  const found: Marked[] = [];
  for (const namespace of namespaces)
    for (const policy of world.policies.in(namespace)) {
      const mark = markOf(policy);
      if (mark?.rollout !== uid) continue;
      const place = orderOf(policy, mark);
      found.push({ policy, mark, order: place, step: steps[Math.ceil(place)] ?? Infinity });
    }
  return found.sort((a, b) => b.order - a.order || (nameOf(a.policy) < nameOf(b.policy) ? -1 : 1));
}

/** For each scope of the plan, in its order, the number of its step. */
function stepsByPlace({ waves }: Plan): number[] {
  let before = 0;
  return waves.flatMap(({ scopes, size }) => {
    const steps = scopes.map((_, place) => before + Math.floor(place / size));
    before += Math.ceil(scopes.length / size);
    return steps;
  });
}

/** Whether anything is left at all: a policy, a pin, a rule for clients, or a policy in dry run. */
export function isMarked(situation: Situation): boolean {
  const shadows = situation.shadows().filter(({ untouched }) => untouched);
  const others = [situation.pins(), situation.ownClientRules(), shadows];
  return marked(situation).length > 0 || others.some(({ length }) => length > 0);
}
