/** Reads the world of a rollout with the rights of whoever calls; what several rollouts need is read once. */
import type { MtlsRollout } from '../api/resource.ts';
import { parseRollout } from '../api/validate.ts';
import type { KubeClient } from '../cluster/client.ts';
import { readMeshConfiguration } from '../cluster/meshConfiguration.ts';
import { projectPolicy, projectRule } from '../cluster/policies.ts';
import { DESTINATION_RULES, NAMESPACES, PEER_AUTHENTICATIONS } from '../cluster/resources.ts';
import { readShadows } from '../cluster/shadows.ts';
import { surveyOf } from '../cluster/survey.ts';
import { readWorkloads } from '../cluster/workloads.ts';
import { DEFAULT_MESH, type Inventory } from '../istio/inventory/inventory.ts';
import type { KindName } from '../istio/inventory/kinds.ts';
import type { DestinationRule, Namespace, PeerAuthentication } from '../istio/objects.ts';
import { projectNamespace } from '../istio/pods.ts';
import { policiesOf } from '../istio/policies.ts';
import { reachOf } from '../rollout/moves.ts';
import { planOf } from '../rollout/plan.ts';
import { dependenciesOf } from '../rollout/dependencies.ts';
import { refusal } from '../rollout/refusal.ts';
import type { World } from '../rollout/world.ts';
import { collect } from './collect.ts';
import { Failure, isForbidden, isMissing } from './failure.ts';
import { listRollouts } from './rollouts.ts';
import type { Seen } from './source.ts';

/** Where the mesh configuration is unless somebody moved it; `--root-namespace` is for those. */
const ISTIO_NAMESPACE = 'istio-system';

interface SeenWorkloads {
  inventory: Inventory;
  namespaces: ReadonlySet<string>;
  /** What could not be looked at. */
  gaps: string[];
}

/** Without which the list of workloads has holes. */
const FOR_WORKLOADS: readonly KindName[] = [
  'Pod',
  'Service',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'CronJob',
  'DestinationRule',
];

export class WorldReader {
  readonly #client: KubeClient;
  readonly #rootNamespace: string | undefined;
  readonly #read = new Map<string, Promise<unknown>>();

  constructor(client: KubeClient, rootNamespace: string | undefined) {
    this.#client = client;
    this.#rootNamespace = rootNamespace;
  }

  /** As the operator gathers it: a rollout in the root namespace may reach everything, any other one only its own. */
  async look(rollout: MtlsRollout): Promise<Seen> {
    const { namespace } = rollout.metadata;
    const rootNamespace = await this.#root();
    const inRoot = namespace === rootNamespace;
    const [namespaces, policies, { rivals, gaps }] = await Promise.all([
      this.#namespaces(inRoot ? undefined : namespace),
      inRoot ? this.#policies(undefined) : this.#policiesOf([namespace, rootNamespace]),
      this.#rivals(inRoot ? undefined : namespace, rootNamespace),
    ]);
    const bare: World = {
      ...emptyWorld(rootNamespace),
      namespaces,
      policies: policiesOf(policies),
      dependencies: dependenciesOf(rollout, rivals),
    };
    const obstacle = refusal(rollout, rivals, bare);
    if (obstacle) return { world: bare, obstacle, inventory: undefined, gaps };
    const world = { ...bare, workloads: await readWorkloads(this.#client, rollout, bare) };
    const scopes = [...planOf(rollout, world).scopes.values()];
    const names = [...new Set(scopes.flatMap(({ scope }) => reachOf(scope, world)))];
    const { inventory, gap } = await this.#survey(names, world);
    const shadows = await readShadows(this.#client, rollout, inRoot ? undefined : namespace);
    const { rules, mesh } = inventory;
    const seen = { ...world, rules, drainMs: mesh.drainMs, ...(shadows ? { shadows } : {}) };
    return { world: seen, obstacle, inventory, gaps: [...gaps, ...gap] };
  }

  /** The workloads of a namespace, or of all, and everything that may call them. */
  async workloads(namespace: string | undefined): Promise<SeenWorkloads> {
    const rootNamespace = await this.#root();
    const names = namespace === undefined ? (await this.#namespaces(undefined)).map(({ name }) => name) : [namespace];
    const policies = await (namespace === undefined
      ? this.#policies(undefined)
      : this.#policiesOf([...new Set([namespace, rootNamespace])]));
    const world = { ...emptyWorld(rootNamespace), policies: policiesOf(policies) };
    const { inventory, gap } = await this.#survey(names, world);
    const unseen = inventory.unseen
      .filter(({ kind }) => FOR_WORKLOADS.includes(kind))
      .map(({ permission }) => `you may not ${permission}: what is missing here cannot be told`);
    return { inventory, namespaces: new Set(names), gaps: [...gap, ...unseen] };
  }

  /** Clients may run anywhere, and their namespaces say whether they have a proxy. */
  async #survey(names: readonly string[], world: World): Promise<{ inventory: Inventory; gap: string[] }> {
    const [rules, { namespaces, gap }] = await Promise.all([this.#rules(), this.#everyNamespace(names)]);
    const inventory = await surveyOf(this.#client, names, ISTIO_NAMESPACE, { ...world, rules, namespaces });
    return { inventory, gap };
  }

  #root(): Promise<string> {
    return this.#once('root', async () => {
      if (this.#rootNamespace !== undefined) return this.#rootNamespace;
      try {
        return (await readMeshConfiguration(this.#client, ISTIO_NAMESPACE)).rootNamespace;
      } catch (error) {
        if (!isForbidden(error)) throw error;
        throw new Failure(`${error.message}; or say where it is with --root-namespace`, error);
      }
    });
  }

  /** Undefined: they may not be seen. */
  #rules(): Promise<DestinationRule[] | undefined> {
    return this.#once('rules', async () => {
      try {
        return (await collect(this.#client.list(DESTINATION_RULES))).map(projectRule);
      } catch (error) {
        if (isMissing(error)) return [];
        if (!isForbidden(error)) throw error;
        return undefined;
      }
    });
  }

  /** All of them, or where that is forbidden those that are asked for. */
  async #everyNamespace(names: readonly string[]): Promise<{ namespaces: Namespace[]; gap: string[] }> {
    try {
      return { namespaces: await this.#namespaces(undefined), gap: [] };
    } catch (error) {
      if (!isForbidden(error)) throw error;
      const namespaces = (await Promise.all(names.map(name => this.#namespaces(name)))).flat();
      return { namespaces, gap: ['you may not list namespaces: whether clients elsewhere have a proxy is not known'] };
    }
  }

  #namespaces(name: string | undefined): Promise<Namespace[]> {
    return this.#once(`namespaces ${name ?? ''}`, async () => {
      const found =
        name === undefined
          ? await collect(this.#client.list(NAMESPACES))
          : [await this.#client.get({ resource: NAMESPACES, name })];
      return found.map(projectNamespace);
    });
  }

  async #policiesOf(namespaces: string[]): Promise<PeerAuthentication[]> {
    return (await Promise.all(namespaces.map(namespace => this.#policies(namespace)))).flat();
  }

  #policies(namespace: string | undefined): Promise<PeerAuthentication[]> {
    return this.#once(`policies ${namespace ?? ''}`, async () => {
      try {
        const found = await collect(this.#client.list(PEER_AUTHENTICATIONS, { namespace }));
        return found.map(projectPolicy);
      } catch (error) {
        if (!isMissing(error)) throw error;
        throw new Failure("this cluster does not know PeerAuthentication: Istio's CRDs are not installed", error);
      }
    });
  }

  /** The rollouts that may have an older claim. A tenant need not be allowed to see those of the root namespace. */
  async #rivals(namespace: string | undefined, root: string): Promise<{ rivals: MtlsRollout[]; gaps: string[] }> {
    if (namespace === undefined) return { rivals: await this.#rollouts(undefined), gaps: [] };
    const own = await this.#rollouts(namespace);
    try {
      return { rivals: [...own, ...(await this.#rollouts(root))], gaps: [] };
    } catch (error) {
      if (!isForbidden(error)) throw error;
      return {
        rivals: own,
        gaps: [`you may not list the MtlsRollouts of ${root}: whether an older one governs this too is not known`],
      };
    }
  }

  #rollouts(namespace: string | undefined): Promise<MtlsRollout[]> {
    return this.#once(`rollouts ${namespace ?? ''}`, async () => {
      const found = await listRollouts(this.#client, namespace);
      return found.map(raw => parseRollout(raw)).flatMap(parsed => ('rollout' in parsed ? [parsed.rollout] : []));
    });
  }

  #once<T>(what: string, read: () => Promise<T>): Promise<T> {
    const known = (this.#read.get(what) as Promise<T> | undefined) ?? read();
    this.#read.set(what, known);
    return known;
  }
}

function emptyWorld(rootNamespace: string): World {
  const { drainMs } = DEFAULT_MESH;
  const policies = policiesOf([]);
  return { rootNamespace, drainMs, namespaces: [], policies, workloads: [], rules: [], services: new Map() };
}
