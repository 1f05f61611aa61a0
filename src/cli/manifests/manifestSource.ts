/** Manifests as what the reading commands look at. Without a rollout in them, one is made up for their namespaces. */
import { GROUP, KIND, type MtlsRollout, VERSION } from '../../api/resource.ts';
import type { KubeObject } from '../../cluster/resource.ts';
import { listed } from '../../rollout/text.ts';
import { Failure } from '../failure.ts';
import type { Seen, Source } from '../source.ts';
import type { Place } from './documents.ts';
import type { ManifestMesh } from './manifestMesh.ts';
import type { ReadManifests } from './read.ts';

/** Of the rollout that is made up. */
const NAME = 'manifests';

export class ManifestSource implements Source {
  readonly notes: string[];
  readonly #mesh: ManifestMesh;
  readonly #name: string | undefined;

  /** @param name of the one rollout that is asked for */
  constructor({ mesh, notes }: ReadManifests, name: string | undefined) {
    this.#mesh = mesh;
    this.#name = name;
    this.notes = [...notes];
  }

  rollouts(): Promise<KubeObject[]> {
    const there = this.#mesh.rollouts.map(({ raw }) => raw);
    const name = this.#name;
    if (name === undefined) return Promise.resolve(there.length > 0 ? there : this.#madeUp());
    const found = there.filter(({ metadata }) => metadata.name === name);
    const names = there.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    if (found.length === 0)
      throw new Failure(`no MtlsRollout ${name} in the files: there is ${names.length === 0 ? 'none' : listed(names)}`);
    return Promise.resolve(found);
  }

  look(rollout: MtlsRollout): Promise<Seen> {
    const { world, obstacle } = this.#mesh.look(rollout);
    return Promise.resolve({ world, obstacle, inventory: obstacle ? undefined : this.#mesh.inventory, gaps: [] });
  }

  workloads(): ReturnType<Source['workloads']> {
    const { inventory } = this.#mesh;
    return Promise.resolve({ inventory, namespaces: new Set(inventory.namespaces.keys()) });
  }

  placeOf(object: string): Place | undefined {
    return this.#mesh.placeOf(object);
  }

  #madeUp(): KubeObject[] {
    const { movable, rootNamespace } = this.#mesh;
    if (movable.length === 0) {
      this.notes.push('there is no MtlsRollout in the files, and no namespace that one could move');
      return [];
    }
    this.notes.push(
      `there is no MtlsRollout in the files: ${rootNamespace}/${NAME} is made up, for every namespace in them`,
    );
    return [
      {
        apiVersion: `${GROUP}/${VERSION}`,
        kind: KIND,
        metadata: {
          name: NAME,
          namespace: rootNamespace,
          uid: `${KIND}.${rootNamespace}.${NAME}`,
          resourceVersion: '0',
          generation: 1,
          creationTimestamp: '1970-01-01T00:00:00Z',
        },
        spec: { target: { namespaces: { names: movable } } },
      },
    ];
  }
}
