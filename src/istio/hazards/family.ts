/** What a family of hazards is: a pure function from what is in the cluster, and a scope that goes STRICT, to findings. */
import type { Hazard } from '../../api/status.ts';
import type { Inventory } from '../inventory/inventory.ts';
import type { KindName } from '../inventory/kinds.ts';
import type { SeenPod } from '../inventory/shapes.ts';

/** A scope that is about to go STRICT. */
export interface Move {
  /** Name of the scope, for findings. */
  key: string;
  /** Namespaces that it reaches. */
  namespaces: readonly string[];
  /** Pods that it governs and that have a proxy with a listener of its own: no gateways. With and without proxy. */
  pods: readonly SeenPod[];
  /**
   * Whether the step turns the port from something weaker into STRICT: no exception keeps it, and it was not STRICT
   * before. A port that no container declares counts like any other.
   */
  hardens: (pod: SeenPod, port: number) => boolean;
}

/** What an entry of `spec.exceptions` must say to take a finding away. */
interface Exemption {
  namespace: string;
  /** Labels that pick the pods. */
  selector: Record<string, string>;
  /** Of containers. */
  ports: number[];
  reason: string;
}

/** A finding before it is known which scope it is about. */
export interface Finding extends Omit<Hazard, 'accepted' | 'scope'> {
  /** Where an exception is the way out. Never part of a status, which has no such field. */
  exception?: Exemption;
}

/** One code of a family. A code never changes its meaning; docs/hazards has a page for each. */
export interface Code {
  code: string;
  severity: Hazard['severity'];
  /** One line: what breaks. */
  title: string;
  /** Kinds without which it cannot be told whether the hazard is there. */
  needs: readonly KindName[];
}

export interface Family {
  /** What the family is about, as a heading. */
  about: string;
  codes: readonly Code[];
  /** Findings about one scope. */
  find: (inventory: Inventory, move: Move) => Finding[];
  /** Findings about the mesh, whatever moves. */
  findInMesh?: (inventory: Inventory) => Finding[];
}
