/** Which version of a resource a cluster serves, where clusters differ in that. Asked once, by the lists of discovery. */
import { KubeError } from './errors.ts';
import type { Resource } from './resource.ts';

/** Reads a document of discovery; rejects with KubeError NotFound where the cluster has none at this path. */
type ReadDocument = (about: Resource, path: string, signal: AbortSignal | undefined) => Promise<unknown>;

export class ServedVersions {
  readonly #read: ReadDocument;
  /** Names of resources, by group and version. */
  readonly #known = new Map<string, ReadonlySet<string>>();

  constructor(read: ReadDocument) {
    this.#read = read;
  }

  /**
   * The resource in the first of its versions that the cluster serves; as it is where it has only one, or where the
   * cluster serves none of them.
   */
  async served(resource: Resource, signal?: AbortSignal): Promise<Resource> {
    const { group, versions = [], plural } = resource;
    for (const version of versions) {
      const there = this.#known.get(`${group}/${version}`) ?? (await this.#ask(resource, version, signal));
      this.#known.set(`${group}/${version}`, there);
      if (there.has(plural)) return version === resource.version ? resource : { ...resource, version };
    }
    return resource;
  }

  /** After the cluster did not know a resource: what it had served it may serve no longer. */
  forget({ group, versions = [], plural }: Resource): void {
    for (const version of versions)
      if (this.#known.get(`${group}/${version}`)?.has(plural)) this.#known.delete(`${group}/${version}`);
  }

  async #ask(resource: Resource, version: string, signal: AbortSignal | undefined): Promise<ReadonlySet<string>> {
    const path = `/apis/${resource.group}/${version}`;
    try {
      const body = await this.#read({ ...resource, plural: 'resources' }, path, signal);
      const { resources = [] } = body as { resources?: { name?: unknown }[] };
      return new Set(resources.flatMap(({ name }) => (typeof name === 'string' ? [name] : [])));
    } catch (error) {
      if (error instanceof KubeError && error.kind === 'NotFound') return new Set();
      throw error;
    }
  }
}
