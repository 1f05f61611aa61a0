/** Which pods are likely to call what a step turns STRICT, going by the names in their environment and commands. */
import type { Inventory } from '../inventory/inventory.ts';
import type { SeenPod } from '../inventory/shapes.ts';
import { ownerName, type Struck } from './backends.ts';
import type { Move } from './family.ts';
import { type Mention, mentionsOf } from './mentions.ts';
import { reachedServices } from './reach.ts';

/** A Service may have thousands of pods, and as many callers: a few of its pods tell the story. */
const MOST = 8;

/** Everything that one workload names, of what a step turns STRICT. */
export interface Calls {
  /** Name of the workload. */
  caller: string;
  pod: SeenPod;
  /** Hosts as they are written. */
  hosts: Set<string>;
  struck: Set<Struck>;
}

/** By kind of call, then by workload; mentions of no kind do not count. */
export function callsOf<Kind extends string>(
  inventory: Inventory,
  move: Move,
  kindOf: (mention: Mention) => Kind | undefined,
): Map<Kind, Calls[]> {
  const calls = new Map<string, Calls & { kind: Kind }>();
  for (const { service, struck } of reachedServices(inventory, move)) {
    if (struck.length === 0) continue;
    // no port of a headless Service is translated: its name leads to the pods themselves
    const byPort = Map.groupBy(struck, ({ servicePort, port }) => (service.headless ? port : servicePort.port));
    for (const mention of mentionsOf(inventory, service)) {
      const kind = kindOf(mention);
      const called = mention.port === undefined ? struck : byPort.get(mention.port);
      if (!kind || !called) continue;
      const caller = ownerName(mention.pod);
      const key = `${kind} ${caller}`;
      const known = calls.get(key) ?? { kind, caller, pod: mention.pod, hosts: new Set(), struck: new Set() };
      calls.set(key, known);
      known.hosts.add(mention.text);
      for (const one of called.slice(0, MOST)) known.struck.add(one);
    }
  }
  return Map.groupBy(calls.values(), ({ kind }) => kind);
}
