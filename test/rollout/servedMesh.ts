/** A mesh with pods and Services, of which an inventory is made before each decision, as the operator does. */
import { DEFAULT_MESH, type Inventory, InventoryBuilder } from '../../src/istio/inventory/inventory.ts';
import type { KindName } from '../../src/istio/inventory/kinds.ts';
import { findingsIn } from '../../src/rollout/findings.ts';
import type { Platform } from '../../src/rollout/fronts.ts';
import { Situation } from '../../src/rollout/situation.ts';
import type { Input } from '../../src/rollout/world.ts';
import { ROOT, TestMesh } from './mesh.ts';

interface PodOptions {
  mesh?: 'Sidecar' | 'Ambient' | 'None';
  labels?: Record<string, string>;
  port?: number;
}

export class ServedMesh extends TestMesh {
  readonly #raw: [KindName, object][] = [];
  platform: Platform = 'istio';
  autoMtls = true;

  /** An object as the API serves it. */
  putRaw(kind: KindName, raw: object): void {
    this.#raw.push([kind, raw]);
  }

  /** A pod of the Deployment of this name. */
  putPod(namespace: string, name: string, { mesh = 'Sidecar', labels = {}, port = 8080 }: PodOptions = {}): void {
    const proxy = mesh === 'Sidecar' ? [{ name: 'istio-proxy', image: 'proxy' }] : [];
    const annotations = mesh === 'Ambient' ? { 'ambient.istio.io/redirection': 'enabled' } : {};
    const taken: Record<string, string> = mesh === 'Sidecar' ? { 'security.istio.io/tlsMode': 'istio' } : {};
    this.#raw.push([
      'Pod',
      {
        metadata: {
          name: `${name}-1`,
          namespace,
          labels: { app: name, ...labels, ...taken },
          annotations,
          ownerReferences: [{ kind: 'Deployment', name, controller: true }],
        },
        spec: { containers: [{ name: 'app', ports: [{ containerPort: port }] }, ...proxy] },
      },
    ]);
  }

  /** A Service whose port 80 leads to port 8080, and any further port to the same. */
  putService(namespace: string, name: string, spec: object = {}): void {
    const ports = [{ port: 80, targetPort: 8080 }];
    this.#raw.push(['Service', { metadata: { name, namespace }, spec: { selector: { app: name }, ports, ...spec } }]);
  }

  get inventory(): Inventory {
    const builder = new InventoryBuilder();
    for (const [kind, raw] of this.#raw) builder.add(kind, raw);
    const { policies, rules = [], namespaces } = this.world;
    const mesh = { ...DEFAULT_MESH, enableAutoMtls: this.autoMtls };
    return builder.build({ rootNamespace: ROOT, mesh, policies, rules, namespaces });
  }

  override input(): Input {
    const input = super.input();
    const situation = new Situation(input);
    const states = [...situation.states()].filter(state => !situation.moved(state));
    const found = findingsIn(situation, states, this.inventory, this.platform);
    return { ...input, world: { ...input.world, ...found } };
  }
}
