/** Settings and versions of the control plane by which STRICT would mean something else, or reach nobody. */
import type { Inventory } from '../inventory/inventory.ts';
import { tagOf } from '../inventory/projections.ts';
import { portModesOf, selectorOf } from '../policies.ts';
import type { Family, Finding, Move } from './family.ts';
import { byWorkload, selectedPods } from './reach.ts';
import { olderControlPlane, releaseOf } from './versions.ts';
import { listed, path } from './wording.ts';

export const controlPlane: Family = {
  about: 'The control plane',
  codes: [
    {
      code: 'AutoMtlsOff',
      severity: 'Block',
      title: 'auto mutual TLS is off, so clients speak plaintext unless a rule says otherwise',
      needs: ['ConfigMap'],
    },
    {
      code: 'SeveralRevisions',
      severity: 'Warn',
      title: 'revisions of the control plane with different root namespaces',
      needs: ['ConfigMap'],
    },
    {
      code: 'OtherRoot',
      severity: 'Block',
      title: 'a namespace whose control plane takes policies of the mesh from another root namespace',
      needs: ['ConfigMap', 'Namespace'],
    },
    {
      code: 'OldProxy',
      severity: 'Warn',
      title: 'proxies that are much older than the control plane',
      needs: ['Pod', 'Deployment'],
    },
    {
      code: 'TelemetryLabelOff',
      severity: 'Block',
      title: 'a setting of the control plane that switches mutual TLS off without a word',
      needs: ['Deployment'],
    },
    {
      code: 'AmbientPortPolicy',
      severity: 'Warn',
      title: 'modes of single ports, which an old control plane gets wrong for ambient pods',
      needs: ['PeerAuthentication', 'Pod', 'Deployment'],
    },
  ],
  find: (inventory, move) => [
    ...otherRoots(inventory, move),
    ...oldProxies(inventory, move),
    ...ambientPorts(inventory, move),
  ],
  findInMesh: inventory => [...autoMtls(inventory), ...revisions(inventory), ...telemetryLabel(inventory)],
};

function autoMtls({ mesh }: Inventory): Finding[] {
  if (mesh.enableAutoMtls) return [];
  return [
    {
      code: 'AutoMtlsOff',
      severity: 'Block',
      object: 'MeshConfig',
      message:
        'enableAutoMtls is false: clients speak plaintext to every Service for which no DestinationRule says ISTIO_MUTUAL, and STRICT refuses them',
      fix: 'set enableAutoMtls to true in the configuration of the mesh',
    },
  ];
}

function revisions({ mesh }: Inventory): Finding[] {
  if (new Set(mesh.roots.values()).size < 2) return [];
  const named = [...mesh.roots].map(([revision, root]) => `${root} (revision ${revision || 'default'})`);
  return [
    {
      code: 'SeveralRevisions',
      severity: 'Warn',
      object: 'MeshConfig',
      message: `revisions have different root namespaces: ${listed(named)}; a policy for the whole mesh reaches only the proxies of one of them`,
      fix: 'give all revisions the same rootNamespace, or move them with rollouts of their own',
    },
  ];
}

function otherRoots({ mesh, namespaces, rootNamespace }: Inventory, move: Move): Finding[] {
  return move.namespaces.flatMap(name => {
    const revision = namespaces.get(name)?.labels['istio.io/rev'];
    const root = revision === undefined ? undefined : mesh.roots.get(revision === 'default' ? '' : revision);
    if (root === undefined || root === rootNamespace) return [];
    return [
      {
        code: 'OtherRoot',
        severity: 'Block' as const,
        object: `Namespace ${name}`,
        message: `its revision ${revision} has the root namespace ${root}, not ${rootNamespace}; what holds for the whole mesh is read there`,
        fix: `move the namespace to a revision whose rootNamespace is ${rootNamespace}, or leave it out of the target`,
      },
    ];
  });
}

/** Istio supports proxies that are one minor release behind. */
function oldProxies({ controlPlanes }: Inventory, { pods }: Move): Finding[] {
  const releases = controlPlanes.map(({ version }) => releaseOf(version));
  const oldest = Math.min(...releases.map(release => release ?? -Infinity));
  if (!Number.isFinite(oldest)) return [];
  const workloads = byWorkload(pods, ({ proxyImage }) => {
    const version = tagOf(proxyImage);
    const release = releaseOf(version);
    return release !== undefined && release < oldest - 1 ? [version] : [];
  });
  const newest = controlPlanes.map(({ version }) => version);
  return [...workloads].map(([object, versions]) => ({
    code: 'OldProxy',
    severity: 'Warn',
    object,
    message: `its proxies are of version ${listed(versions)}, more than one minor release behind the control plane (${listed(newest)}); they may not take what it sends`,
    fix: 'restart the pods so that they get a proxy of today',
  }));
}

const SWITCHES = ['PILOT_ENABLE_TELEMETRY_LABEL', 'PILOT_ENDPOINT_TELEMETRY_LABEL'];

function telemetryLabel({ controlPlanes }: Inventory): Finding[] {
  return controlPlanes.flatMap(plane => {
    const off = SWITCHES.filter(name => plane.environment[name] === 'false');
    const isOld = (releaseOf(plane.version) ?? Infinity) < (releaseOf('1.27') ?? 0);
    if (off.length === 0 || !isOld) return [];
    return [
      {
        code: 'TelemetryLabelOff',
        severity: 'Block' as const,
        object: `Deployment ${path(plane)}`,
        message: `${listed(off)} is false: before Istio 1.27 (here ${plane.version}) that also makes clients speak plaintext`,
        fix: 'take the variable away, or update Istio to 1.27 or newer',
      },
    ];
  });
}

function ambientPorts(inventory: Inventory, { namespaces, pods }: Move): Finding[] {
  const old = olderControlPlane(inventory, '1.25');
  if (!old) return [];
  return namespaces.flatMap(namespace =>
    inventory.policies.in(namespace).flatMap(policy => {
      const selector = selectorOf(policy);
      if (!selector || portModesOf(policy).size === 0) return [];
      if (!selectedPods(pods, namespace, selector).some(({ mesh }) => mesh === 'Ambient')) return [];
      return [
        {
          code: 'AmbientPortPolicy',
          severity: 'Warn' as const,
          object: `PeerAuthentication ${path(policy.metadata)}`,
          message: `it sets modes of single ports for ambient pods; Istio before 1.25 (here ${old.version}) ignores exceptions for them, or leaves several STRICT ports open`,
          fix: 'update Istio to 1.25 or newer before the step',
        },
      ];
    }),
  );
}
