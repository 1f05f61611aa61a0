/** Reads the world of a rollout with the rights of whoever calls; what several rollouts need is read once. */
import type { MtlsRollout } from '../api/resource.ts';
import { parseRollout } from '../api/validate.ts';
import type { KubeClient } from '../cluster/client.ts';
import { KubeError } from '../cluster/errors.ts';
import { projectPolicy } from '../cluster/policies.ts';
import { NAMESPACES, PEER_AUTHENTICATIONS } from '../cluster/resources.ts';
import { readMeshConfiguration } from '../cluster/meshConfiguration.ts';
import { readWorkloads } from '../cluster/workloads.ts';
import type { Namespace, PeerAuthentication } from '../istio/objects.ts';
import { projectNamespace } from '../istio/pods.ts';
import { policiesOf } from '../istio/policies.ts';
import { refusal } from '../rollout/refusal.ts';
import type { Obstacle, World } from '../rollout/world.ts';
import { collect } from './collect.ts';
import { Failure, isMissing } from './failure.ts';
import { listRollouts } from './rollouts.ts';

/** Where the mesh configuration is unless somebody moved it; `--root-namespace` is for those. */
const ISTIO_NAMESPACE = 'istio-system';

export interface Seen {
  world: World;
  obstacle: Obstacle | undefined;
  /** What could not be looked at. */
  gaps: string[];
}

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
    const world: World = {
      rootNamespace,
      namespaces,
      policies: policiesOf(policies),
      workloads: [],
      rules: [],
      services: new Map(),
    };
    const obstacle = refusal(rollout, rivals, world);
    const workloads = obstacle ? [] : await readWorkloads(this.#client, rollout, world);
    return { world: { ...world, workloads }, obstacle, gaps };
  }

  #root(): Promise<string> {
    return this.#once('root', async () => {
      if (this.#rootNamespace !== undefined) return this.#rootNamespace;
      try {
        return (await readMeshConfiguration(this.#client, ISTIO_NAMESPACE)).rootNamespace;
      } catch (error) {
        if (!(error instanceof KubeError) || error.kind !== 'Forbidden') throw error;
        throw new Failure(`${error.message}; or say where it is with --root-namespace`, error);
      }
    });
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
      if (!(error instanceof KubeError) || error.kind !== 'Forbidden') throw error;
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
