/** A mesh as it stands in files: what a cluster would hold if they were applied to an empty one. */
import type { MtlsRollout } from '../../api/resource.ts';
import { projectPolicy, projectRule } from '../../cluster/policies.ts';
import { configMapOf, type MeshConfiguration, parseMeshConfiguration } from '../../cluster/meshConfiguration.ts';
import type { KubeObject } from '../../cluster/resource.ts';
import { type Inventory, InventoryBuilder, inNamespace } from '../../istio/inventory/inventory.ts';
import type { KindName } from '../../istio/inventory/kinds.ts';
import type { Namespace, Service, Workload } from '../../istio/objects.ts';
import { IGNORED_NAMESPACES, projectNamespace, projectService } from '../../istio/pods.ts';
import { policiesOf } from '../../istio/policies.ts';
import { projectWorkload, together, workloadOfPod } from '../../istio/workloads.ts';
import { refusal } from '../../rollout/refusal.ts';
import { counted, listed } from '../../rollout/text.ts';
import type { Obstacle, World } from '../../rollout/world.ts';
import type { Place } from './documents.ts';
import type { Placed } from './placed.ts';

/** Where the control plane is unless the files show it elsewhere. */
const ISTIO_NAMESPACE = 'istio-system';

export class ManifestMesh {
  readonly rootNamespace: string;
  readonly inventory: Inventory;
  /** What the files leave open. */
  readonly notes: string[];
  readonly #placed: readonly Placed[];
  readonly #places: ReadonlyMap<string, Place>;
  readonly #namespaces: readonly Namespace[];

  /** @param rootNamespace as it was asked for; undefined: what the files say, or Istio's default */
  constructor(placed: readonly Placed[], rootNamespace: string | undefined) {
    const configuration = configurationIn(placed);
    this.#placed = placed;
    this.#places = new Map(placed.map(({ name, place }) => [name, place]));
    this.rootNamespace = rootNamespace ?? configuration.rootNamespace;
    const given = this.#all('Namespace').map(projectNamespace);
    const missing = namespacesNamed(placed, this.rootNamespace).filter(
      name => !given.some(known => known.name === name),
    );
    this.#namespaces = [...given, ...missing.map(unlabelled)].toSorted((a, b) => (a.name < b.name ? -1 : 1));
    this.inventory = this.#inventory(configuration);
    this.notes = [...injectionNote(missing, this.inventory), ...strangersNote(placed)];
  }

  /** As they stand in the files, with stand-ins for what the API server sets. */
  get rollouts(): { raw: KubeObject; rollout: MtlsRollout }[] {
    return this.#placed.flatMap(({ object, rollout }) => (rollout ? [{ raw: object, rollout }] : []));
  }

  /** Namespaces that a rollout could move: neither the mesh root namespace nor Kubernetes' own. */
  get movable(): string[] {
    return this.#namespaces
      .map(({ name }) => name)
      .filter(name => name !== this.rootNamespace && !name.startsWith('kube-') && !IGNORED_NAMESPACES.has(name));
  }

  /** As the operator would gather it. */
  look(rollout: MtlsRollout): { world: World; obstacle: Obstacle | undefined } {
    const { namespace } = rollout.metadata;
    const inRoot = namespace === this.rootNamespace;
    const world: World = {
      rootNamespace: this.rootNamespace,
      drainMs: this.inventory.mesh.drainMs,
      namespaces: this.#namespaces.filter(({ name }) => inRoot || name === namespace),
      policies: this.inventory.policies,
      workloads: this.#workloads(),
      rules: this.inventory.rules,
      services: this.#services(),
    };
    const rivals = this.rollouts.map(other => other.rollout);
    return { world, obstacle: refusal(rollout, rivals, world) };
  }

  /** Where an object stands, by a name such as `Service shop/cart`. */
  placeOf(name: string): Place | undefined {
    return this.#places.get(name);
  }

  #inventory({ mesh }: MeshConfiguration): Inventory {
    const builder = new InventoryBuilder();
    for (const { kind, object } of this.#placed) if (kind) builder.add(kind, object);
    return builder.build({
      rootNamespace: this.rootNamespace,
      mesh,
      namespaces: this.#namespaces,
      policies: policiesOf(this.#all('PeerAuthentication').map(projectPolicy)),
      rules: this.#all('DestinationRule').map(projectRule),
    });
  }

  #workloads(): Workload[] {
    const kinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'Rollout'] as const;
    const pods = this.#all('Pod').flatMap(raw => workloadOfPod(raw) ?? []);
    return [
      ...kinds.flatMap(kind => this.#all(kind).flatMap(raw => projectWorkload(raw, kind) ?? [])),
      ...together(pods),
    ];
  }

  #services(): Map<string, Service[]> {
    const services = new Map(this.#namespaces.map(({ name }) => [name, [] as Service[]]));
    for (const service of this.#all('Service').map(projectService)) services.get(service.namespace)?.push(service);
    return services;
  }

  #all(kind: KindName): KubeObject[] {
    return this.#placed.filter(placed => placed.kind === kind).map(({ object }) => object);
  }
}

/** Of one control plane: that of the first namespace that has a mesh configuration. */
function configurationIn(placed: readonly Placed[]): MeshConfiguration {
  const maps = placed.filter(({ kind, object }) => kind === 'ConfigMap' && /^istio(-|$)/.test(object.metadata.name));
  const home =
    maps.find(({ object }) => 'mesh' in configMapOf(object).data)?.object.metadata.namespace ?? ISTIO_NAMESPACE;
  const own = maps.filter(({ object }) => object.metadata.namespace === home);
  return parseMeshConfiguration(
    own.map(({ object }) => configMapOf(object)),
    home,
  );
}

/** Namespaces that objects are in, and that of the mesh itself. */
function namespacesNamed(placed: readonly Placed[], root: string): string[] {
  return [...new Set([root, ...placed.flatMap(({ object }) => object.metadata.namespace ?? [])])];
}

function unlabelled(name: string): Namespace {
  return { name, uid: `Namespace..${name}`, created: 0, labels: {}, terminating: false };
}

function injectionNote(missing: readonly string[], inventory: Inventory): string[] {
  const concerned = missing
    .filter(name => !IGNORED_NAMESPACES.has(name) && inNamespace(inventory.pods, name).some(({ foretold }) => foretold))
    .toSorted();
  if (concerned.length === 0) return [];
  const there = concerned.length === 1 ? 'there is no Namespace object' : 'there are no Namespace objects';
  return [
    `${there} for ${listed(concerned)}: without its labels it cannot be told whether pods get a proxy, and they count as if they got none`,
  ];
}

function strangersNote(placed: readonly Placed[]): string[] {
  const tally = new Map<string, number>();
  for (const { kind, rollout, object } of placed)
    if (!kind && !rollout) tally.set(object.kind ?? '', (tally.get(object.kind ?? '') ?? 0) + 1);
  if (tally.size === 0) return [];
  const sum = [...tally.values()].reduce((a, b) => a + b);
  const kinds = [...tally].toSorted(([, a], [, b]) => b - a).map(([kind, n]) => `${n} ${kind}`);
  return [`${counted(sum, 'object')} of kinds that no rule looks at: ${listed(kinds, 6)}`];
}
