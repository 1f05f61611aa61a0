/** A resource as one group and version serves it, and the table of all that are served. */
import { noSuchResource, NoSuchPath, qualified } from './failure.ts';
import type { Schema } from './schema.ts';
import type { KubeObject } from './value.ts';

/** A column of `kubectl get`: a JSONPath into the object, or a function where no path says it. */
export interface Column {
  name: string;
  type: string;
  format?: string;
  description?: string;
  /** 0 is always shown, more only with `-o wide`. */
  priority: number;
  value: string | ((object: KubeObject, now: number) => unknown);
}

/** Rules beyond the schema; each problem is one sentence: `spec.ports: must not be empty`. */
export type Validator = (object: KubeObject, old?: KubeObject) => readonly string[];

export interface Resource {
  group: string;
  version: string;
  /** `v1` or `group/version`. */
  apiVersion: string;
  kind: string;
  listKind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  /** Name of the table in the store; the versions of a resource share one. */
  table: string;
  hasStatus: boolean;
  /** Whether metadata.generation counts changes of the spec. */
  hasGeneration: boolean;
  /** Whether a PUT may leave out the resourceVersion. */
  unconditionalUpdate: boolean;
  /** Whether a PUT or an apply to a name that is not there creates it. */
  createOnUpdate: boolean;
  /** Whether a DELETE answers with the object instead of a Status. */
  returnsDeleted: boolean;
  nameRule: 'subdomain' | 'label' | 'label1035' | 'path';
  /** Paths that a fieldSelector may name, besides metadata.name and metadata.namespace. */
  selectableFields: readonly string[];
  /** Undefined: the server knows no schema and keeps every field. */
  schema?: Schema | undefined;
  /** What the decoder of a built-in resource insists on. */
  shape: Schema;
  /** Rules beyond the schema. */
  validate?: Validator | undefined;
  columns?: readonly Column[] | undefined;
  /** Fills in what the server fills in on every write. */
  prepare?: ((object: KubeObject, old?: KubeObject) => KubeObject) | undefined;
  /** From the stored form to the form of this version. */
  read(stored: KubeObject): KubeObject;
  /** From the form of this version to the stored one. */
  stored(object: KubeObject): KubeObject;
}

/** What every served resource is unless it says otherwise. */
export type ResourceSketch = Pick<Resource, 'group' | 'version' | 'kind' | 'plural'> &
  Partial<Resource> & { storageVersion?: string };

const ANY_SHAPE: Schema = { properties: { spec: { type: 'object' }, status: { type: 'object' } } };

export function defineResource(sketch: ResourceSketch): Resource {
  const { storageVersion = sketch.version, ...given } = sketch;
  const apiVersion = versionPath(sketch.group, sketch.version);
  const storedVersion = versionPath(sketch.group, storageVersion);
  return {
    apiVersion,
    listKind: `${sketch.kind}List`,
    singular: sketch.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    table: qualified(sketch),
    hasStatus: false,
    hasGeneration: false,
    unconditionalUpdate: true,
    createOnUpdate: false,
    returnsDeleted: false,
    nameRule: 'subdomain',
    selectableFields: [],
    shape: ANY_SHAPE,
    read: stored => inVersion(stored, apiVersion),
    stored: object => inVersion(object, storedVersion),
    ...given,
  };
}

function inVersion(object: KubeObject, apiVersion: string): KubeObject {
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

export function versionPath(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Everything that is served right now. Custom resources come and go with their definitions. */
export class ResourceTable {
  readonly #byPath = new Map<string, Resource>();

  constructor(resources: readonly Resource[]) {
    this.add(resources);
  }

  add(resources: readonly Resource[]): void {
    for (const resource of resources) this.#byPath.set(`${resource.apiVersion}/${resource.plural}`, resource);
  }

  /** Stops serving all versions of a group's resource. */
  remove(group: string, plural: string): void {
    for (const [path, resource] of this.#byPath) {
      if (resource.group === group && resource.plural === plural) this.#byPath.delete(path);
    }
  }

  find(apiVersion: string, plural: string): Resource | undefined {
    return this.#byPath.get(`${apiVersion}/${plural}`);
  }

  get(apiVersion: string, plural: string): Resource {
    const found = this.find(apiVersion, plural);
    if (found) return found;
    const isBuiltin = this.all().some(resource => resource.apiVersion === apiVersion && !resource.schema);
    throw isBuiltin ? noSuchResource() : new NoSuchPath();
  }

  ofKind(apiVersion: string, kind: string): Resource | undefined {
    return this.all().find(resource => resource.apiVersion === apiVersion && resource.kind === kind);
  }

  ofTable(table: string): Resource | undefined {
    return this.all().find(resource => resource.table === table);
  }

  all(): Resource[] {
    return [...this.#byPath.values()];
  }
}
