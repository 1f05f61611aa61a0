/**
 * The Online Boutique as a living scene in an embedded cluster: it is deployed, it has traffic with a past, one of its
 * clients was forgotten outside the mesh, and another leaves the mesh just after the switch.
 */
import type { Clock } from '../../cluster/clock.ts';
import type { SimulatedMesh } from '../mesh/mesh.ts';
import {
  deploymentManifest,
  type Manifest,
  namespaceManifest,
  podManifest,
  podName,
  type PodState,
  type Rollout,
  serviceAccountManifest,
  serviceManifest,
} from './manifests.ts';
import {
  type App,
  APPS,
  FORGOTTEN,
  GATEWAY_NAMESPACE,
  LATE,
  LEGACY_NAMESPACE,
  PARTNER_NAMESPACE,
  SHOP_NAMESPACES,
  shopCalls,
} from './shop.ts';

/** The cluster as the scene needs it: objects are stored as they are, status included. */
export interface Stage {
  put(object: object): unknown;
  remove(apiVersion: string, kind: string, namespace: string, name: string): boolean;
}

export interface BoutiqueOptions {
  /** How long everything has been running when the scene begins. A day and an hour, unless given. */
  historyMs: number;
  rootNamespace: string;
}

const DEFAULTS: BoutiqueOptions = { historyMs: 25 * 3_600_000, rootNamespace: 'istio-system' };
/** How often the late client looks whether its time has come, and how long it then still waits. */
const LOOK_MS = 1000;
const HESITATION_MS = 5000;

/** What runs now of an application. */
interface Running {
  rollout: Rollout;
  addresses: string[];
}

export class Boutique {
  readonly #stage: Stage;
  readonly #mesh: SimulatedMesh;
  readonly #clock: Clock;
  readonly #options: BoutiqueOptions;
  readonly #running = new Map<string, Running>();
  #addresses = 0;

  constructor(stage: Stage, mesh: SimulatedMesh, clock: Clock, options: Partial<BoutiqueOptions> = {}) {
    this.#stage = stage;
    this.#mesh = mesh;
    this.#clock = clock;
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Puts everything into the cluster. Before the mesh begins to follow it. */
  deploy(): void {
    const { rootNamespace, historyMs } = this.#options;
    const since = this.#clock.now() - historyMs;
    const injected = { 'istio-injection': 'enabled' };
    this.#stage.put(namespaceManifest(rootNamespace, {}));
    this.#stage.put(meshConfiguration(rootNamespace));
    for (const name of SHOP_NAMESPACES) this.#stage.put(namespaceManifest(name, { ...injected, shop: 'boutique' }));
    for (const name of [GATEWAY_NAMESPACE, PARTNER_NAMESPACE]) this.#stage.put(namespaceManifest(name, injected));
    this.#stage.put(namespaceManifest(LEGACY_NAMESPACE, {}));
    for (const [index, app] of APPS.entries()) {
      this.#stage.put(serviceAccountManifest(app));
      if (app.ports.length > 0) this.#stage.put(serviceManifest(app, `10.96.0.${index + 10}`));
      this.#run(app, app !== FORGOTTEN, since);
    }
  }

  /** Lets the traffic run. After the mesh has begun to follow the cluster. */
  open(): void {
    for (const call of shopCalls(this.#clock.now() - this.#options.historyMs)) this.#mesh.addCall(call);
  }

  /**
   * Waits until STRICT is in force on the shipping service; then, as if by chance, `partner/order-sync` is redeployed
   * without its sidecar. From there on it is refused, and no metric of the mesh shows it other than by its absence.
   */
  async lateClient(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#isStrict('shipping', 'shippingservice', 50051)) {
      await this.#clock.wait(LOOK_MS, signal);
    }
    await this.#clock.wait(HESITATION_MS, signal);
    if (!signal.aborted) this.#run(LATE, false);
  }

  /** Takes the forgotten client into the mesh. */
  repairForgotten(): void {
    this.#stage.put(namespaceManifest(LEGACY_NAMESPACE, { 'istio-injection': 'enabled' }));
    this.#run(FORGOTTEN, true);
  }

  /** Gives the late client its sidecar back. */
  repairLate(): void {
    this.#run(LATE, true);
  }

  /** Changes how one pod of an application does: not ready, restarted. Its number counts from 0. */
  disturb(name: string, index: number, state: Omit<PodState, 'readySince'>): void {
    const running = this.#running.get(name);
    const address = running?.addresses[index];
    if (running === undefined || address === undefined) throw new Error(`there is no pod ${index} of ${name}`);
    const readySince = new Date(this.#clock.now());
    this.#stage.put(podManifest(running.rollout, index, address, { ...state, readySince }));
  }

  /** Begins a new revision: new pods come, the old ones go. */
  #run(app: App, sidecar: boolean, at = this.#clock.now()): void {
    const before = this.#running.get(app.name);
    const revision = (before?.rollout.revision ?? 0) + 1;
    const rollout = { app, revision, sidecar, at: new Date(at) };
    const addresses = Array.from({ length: app.replicas }, () => this.#address());
    this.#running.set(app.name, { rollout, addresses });
    this.#stage.put(deploymentManifest(rollout));
    for (const [index, address] of addresses.entries()) this.#stage.put(podManifest(rollout, index, address));
    for (const index of before?.addresses.keys() ?? []) {
      this.#stage.remove('v1', 'Pod', app.namespace, podName(before!.rollout, index));
    }
  }

  #isStrict(namespace: string, workload: string, port: number): boolean {
    const pods = this.#mesh.topology.podsOf(namespace, workload);
    return pods.length > 0 && pods.every(pod => this.#mesh.modeInForce(pod, port) === 'STRICT');
  }

  #address(): string {
    this.#addresses++;
    return `10.8.${this.#addresses >> 8}.${this.#addresses & 255}`;
  }
}

/** What istiod reads its mesh configuration from. */
function meshConfiguration(rootNamespace: string): Manifest {
  const mesh = `rootNamespace: ${rootNamespace}\ntrustDomain: cluster.local\nenableAutoMtls: true\n`;
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'istio', namespace: rootNamespace },
    data: { mesh },
  };
}
