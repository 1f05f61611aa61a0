/** What keeps a rollout from acting at all until somebody edits it, or another rollout goes. */
import type { MtlsRollout } from '../api/resource.ts';
import { olderClaim } from './claims.ts';
import type { Obstacle, World } from './world.ts';

export function refusal(rollout: MtlsRollout, others: Iterable<MtlsRollout>, world: World): Obstacle | undefined {
  const placed =
    misplaced(rollout, world) ??
    misplacedException(rollout, world) ??
    misplacedDependency(rollout, world) ??
    misplacedProbe(rollout, world);
  return placed ?? conflicted(rollout, others, world);
}

function misplaced({ metadata, spec }: MtlsRollout, { rootNamespace }: World): Obstacle | undefined {
  const { target } = spec;
  const inRoot = metadata.namespace === rootNamespace;
  const field = target.mesh
    ? 'target.mesh'
    : target.namespaces
      ? 'target.namespaces'
      : target.namespace
        ? 'target.namespace'
        : 'target.workloads';
  if (!inRoot && (target.mesh || target.namespaces))
    return {
      reason: 'NotInRootNamespace',
      message: `spec.${field} reaches beyond namespace ${metadata.namespace} and is only for a rollout in the mesh root namespace ${rootNamespace}; create it there, or use spec.target.namespace`,
      lasting: true,
    };
  if (inRoot && (target.namespace || target.workloads))
    return {
      reason: 'InRootNamespace',
      message: `spec.${field} means ${rootNamespace}, the mesh root namespace, whose policies govern the whole mesh; use spec.target.mesh or spec.target.namespaces`,
      lasting: true,
    };
  return undefined;
}

/** Outside the root namespace nothing of a rollout may name another one; inside, an exception has to say where it is. */
function misplacedException({ metadata, spec }: MtlsRollout, { rootNamespace }: World): Obstacle | undefined {
  const inRoot = metadata.namespace === rootNamespace;
  for (const { name, namespace } of spec.exceptions) {
    if (!inRoot && namespace !== undefined && namespace !== metadata.namespace)
      return {
        reason: 'NotInRootNamespace',
        message: `exception ${name} names namespace ${namespace}, which reaches beyond ${metadata.namespace} and is only for a rollout in the mesh root namespace ${rootNamespace}; take the namespace out`,
        lasting: true,
      };
    if (inRoot && (namespace === undefined || namespace === rootNamespace))
      return {
        reason: 'InRootNamespace',
        message: `exception ${name} must name the namespace of its workload: in the mesh root namespace ${rootNamespace} Istio ignores policies with a selector`,
        lasting: true,
      };
  }
  return undefined;
}

function misplacedProbe({ metadata, spec }: MtlsRollout, { rootNamespace }: World): Obstacle | undefined {
  if (metadata.namespace === rootNamespace) return undefined;
  for (const { name, http, job, prometheus } of spec.probes) {
    if (prometheus?.expr !== undefined) {
      const message = `probe ${name} holds query text, which is only for a rollout in the mesh root namespace ${rootNamespace}; name a query of the operator's configuration instead (prometheus.query)`;
      return { reason: 'NotInRootNamespace', message, lasting: true };
    }
    const named = (http ?? job)?.namespace;
    if (named === undefined || named === metadata.namespace) continue;
    const message = `probe ${name} names namespace ${named}, which reaches beyond ${metadata.namespace} and is only for a rollout in the mesh root namespace ${rootNamespace}; take the namespace out`;
    return { reason: 'NotInRootNamespace', message, lasting: true };
  }
  return undefined;
}

/** Who waits for another rollout learns how it stands: outside the root namespace only those of the own one. */
function misplacedDependency({ metadata, spec }: MtlsRollout, { rootNamespace }: World): Obstacle | undefined {
  if (metadata.namespace === rootNamespace) return undefined;
  const far = spec.dependsOn.find(({ namespace }) => namespace !== undefined && namespace !== metadata.namespace);
  if (!far) return undefined;
  return {
    reason: 'NotInRootNamespace',
    message: `spec.dependsOn names ${far.namespace}/${far.name}, which reaches beyond namespace ${metadata.namespace} and is only for a rollout in the mesh root namespace ${rootNamespace}; take it out`,
    lasting: true,
  };
}

function conflicted(rollout: MtlsRollout, others: Iterable<MtlsRollout>, world: World): Obstacle | undefined {
  const claim = olderClaim(rollout, others, world);
  if (!claim) return undefined;
  const { namespace, name } = claim.rival.metadata;
  return {
    reason: 'Conflicted',
    message: `MtlsRollout ${namespace}/${name} is older and governs ${claim.what}; delete it, or take that out of one of the two`,
    lasting: true,
  };
}
