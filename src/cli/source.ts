/** What the commands that only read look at: a cluster with the caller's rights, or manifests. */
import type { MtlsRollout } from '../api/resource.ts';
import type { KubeObject } from '../cluster/resource.ts';
import type { Inventory } from '../istio/inventory/inventory.ts';
import type { Obstacle, World } from '../rollout/world.ts';
import type { Place } from './manifests/documents.ts';

export interface Seen {
  world: World;
  obstacle: Obstacle | undefined;
  /** What hazards are found in; undefined where an obstacle stands in the way. */
  inventory: Inventory | undefined;
  /** What could not be looked at. */
  gaps: string[];
}

export interface Source {
  /** The rollouts that the call is about. */
  rollouts(): Promise<KubeObject[]>;
  look(rollout: MtlsRollout): Promise<Seen>;
  /** For the list of workloads: the namespaces that the call is about, and everything that may call them. */
  workloads(): Promise<{ inventory: Inventory; namespaces: ReadonlySet<string> }>;
  /** Where an object stands, by a name such as `Service shop/cart`; undefined: not in a file. */
  placeOf(object: string): Place | undefined;
  /** What is worth knowing beside any report; all there are once the source was asked. */
  readonly notes: readonly string[];
}
