/** What the cluster as a whole says about tightening, read right before a decision: what came up meanwhile counts. */
import type { FreezeSight } from '../rollout/gates/freeze.ts';
import type { Outside } from '../rollout/gates/outside.ts';
import { isBlind } from './blindness.ts';
import type { Caches } from './caches.ts';

export function outsideOf({ freeze }: Pick<Caches, 'freeze'>): Outside {
  return { freeze: freezeIn(freeze) };
}

function freezeIn(reflector: Caches['freeze']): FreezeSight {
  if (isBlind(reflector)) return { unseen: reflector.state.problem ?? 'ConfigMaps are being listed' };
  return { freeze: reflector.cache.list()[0] };
}
