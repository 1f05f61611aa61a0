/** Two rollouts never govern the same scope: the oldest keeps it, the other one says so and waits. */
import type { MtlsRollout } from '../api/resource.ts';
import { isHeld } from './finalizer.ts';
import { compatible, type Labels } from './labels.ts';
import { targetNamespaces } from './targets.ts';
import type { World } from './world.ts';

interface Claim {
  /** Claims everything, also what does not exist yet. */
  mesh: boolean;
  namespaces: ReadonlySet<string>;
  workloads: readonly { namespace: string; selector: Labels }[];
}

/** The rollout that has the older claim on something that this one wants, and what that is. */
export function olderClaim(
  rollout: MtlsRollout,
  others: Iterable<MtlsRollout>,
  world: World,
): { rival: MtlsRollout; what: string } | undefined {
  const mine = claimOf(rollout, world);
  for (const rival of others) {
    if (rival.metadata.uid === rollout.metadata.uid || !active(rival) || !older(rival, rollout)) continue;
    if (isRefused(rival, world)) continue;
    const what = overlap(mine, claimOf(rival, world));
    if (what) return { rival, what };
  }
  return undefined;
}

/** A plan alone claims nothing, and neither does what is being deleted, unless it has policies to restore yet. */
function active(rollout: MtlsRollout): boolean {
  if (rollout.metadata.deletionTimestamp !== undefined) return isHeld(rollout);
  return rollout.spec.mode !== 'Plan';
}

/** What reaches beyond its own namespace from the wrong place is refused, and must not keep others from anything. */
function isRefused({ metadata, spec }: MtlsRollout, { rootNamespace }: World): boolean {
  const isFar = spec.target.mesh !== undefined || spec.target.namespaces !== undefined;
  return isFar !== (metadata.namespace === rootNamespace);
}

/** Creation times have a resolution of one second; names break the tie. */
function older(a: MtlsRollout, b: MtlsRollout): boolean {
  const key = ({ metadata }: MtlsRollout) => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;
  return key(a) < key(b);
}

function claimOf(rollout: MtlsRollout, world: World): Claim {
  const { target } = rollout.spec;
  const here = rollout.metadata.namespace;
  if (target.mesh) return { mesh: true, namespaces: new Set(), workloads: [] };
  if (target.workloads) {
    const workloads = target.workloads.map(({ selector }) => ({ namespace: here, selector: selector.matchLabels }));
    return { mesh: false, namespaces: new Set(), workloads };
  }
  const names = target.namespace ? [here] : targetNamespaces(rollout, world).map(({ name }) => name);
  return { mesh: false, namespaces: new Set([...names, ...(target.namespaces?.names ?? [])]), workloads: [] };
}

function overlap(a: Claim, b: Claim): string | undefined {
  if (a.mesh || b.mesh) return 'the mesh';
  for (const namespace of a.namespaces) if (claims(b, namespace)) return `namespace ${namespace}`;
  for (const { namespace, selector } of a.workloads) {
    if (b.namespaces.has(namespace)) return `namespace ${namespace}`;
    const same = b.workloads.some(other => other.namespace === namespace && compatible(other.selector, selector));
    if (same) return `workloads of namespace ${namespace}`;
  }
  return undefined;
}

function claims({ namespaces, workloads }: Claim, namespace: string): boolean {
  return namespaces.has(namespace) || workloads.some(workload => workload.namespace === namespace);
}
