/** CustomResourceDefinitions: what they make the server serve, and what the server says about them. */
import { find } from './jsonPath.ts';
import { type Column, defineResource, type Resource, type Validator } from './resource.ts';
import type { Schema } from './schema.ts';
import type { JsonObject, KubeObject } from './value.ts';

export const DEFINITIONS = 'customresourcedefinitions.apiextensions.k8s.io';

interface Definition {
  group: string;
  scope: 'Namespaced' | 'Cluster';
  names: {
    kind: string;
    plural: string;
    singular?: string;
    listKind?: string;
    shortNames?: string[];
    categories?: string[];
  };
  versions: Version[];
}

interface Version {
  name: string;
  served: boolean;
  storage: boolean;
  schema?: { openAPIV3Schema?: Schema };
  subresources?: { status?: JsonObject };
  selectableFields?: { jsonPath: string }[];
  additionalPrinterColumns?: (Omit<Column, 'value' | 'priority'> & { jsonPath: string; priority?: number })[];
}

/** One resource for each served version; all share one table, in the form of the storage version. */
export function resourcesOf(definition: KubeObject, validators: Readonly<Record<string, Validator>>): Resource[] {
  const { group, scope, names, versions } = definition.spec as Definition;
  const storage = versions.find(version => version.storage) ?? versions[0];
  return versions
    .filter(version => version.served)
    .map(version =>
      defineResource({
        group,
        version: version.name,
        ...(storage && { storageVersion: storage.name }),
        kind: names.kind,
        plural: names.plural,
        singular: names.singular ?? names.kind.toLowerCase(),
        listKind: names.listKind ?? `${names.kind}List`,
        shortNames: names.shortNames ?? [],
        categories: names.categories ?? [],
        namespaced: scope === 'Namespaced',
        hasStatus: version.subresources?.status !== undefined,
        hasGeneration: true,
        unconditionalUpdate: false,
        selectableFields: (version.selectableFields ?? []).map(field => field.jsonPath.replace(/^\./, '')),
        schema: version.schema?.openAPIV3Schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        validate: rulesOf(version.schema?.openAPIV3Schema, validators[`${names.plural}.${group}`]),
        columns: version.additionalPrinterColumns && columnsOf(version.additionalPrinterColumns),
      }),
    );
}

/**
 * The validator as far as it says what the definition's own CEL rules say, so that nothing is refused here that a
 * real server would take. A definition without such rules leaves all to the validator.
 */
function rulesOf(schema: Schema | undefined, validator: Validator | undefined): Validator | undefined {
  const said = schema ? messagesIn(schema) : [];
  if (!validator || said.length === 0) return validator;
  return (object, old) =>
    validator(object, old).filter(problem => said.some(message => problem.endsWith(`: ${message}`)));
}

function messagesIn(schema: Schema): string[] {
  const own = (schema['x-kubernetes-validations'] ?? []).flatMap(({ message }) => message ?? []);
  const { items, additionalProperties, properties = {} } = schema;
  const below = [...Object.values(properties), items, additionalProperties].filter(each => typeof each === 'object');
  return [...own, ...below.flatMap(messagesIn)];
}

function columnsOf(columns: NonNullable<Version['additionalPrinterColumns']>): Column[] {
  return columns.map(({ jsonPath, priority = 0, ...column }) => ({
    ...column,
    priority,
    description: column.description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    value: jsonPath,
  }));
}

/** The rules of a definition that are checked here; Kubernetes has many more about its schema. */
export function definitionProblems(object: KubeObject): string[] {
  const spec = object.spec as Partial<Definition> | undefined;
  if (!spec?.names?.plural || !spec.names.kind || !spec.group)
    return ['spec: must have group, names.plural and names.kind'];
  const found: string[] = [];
  const name = `${spec.names.plural}.${spec.group}`;
  if (object.metadata.name !== name) found.push(`metadata.name: must be spec.names.plural+"."+spec.group`);
  const versions = Array.isArray(spec.versions) ? spec.versions : [];
  if (versions.filter(version => version.storage).length !== 1) {
    found.push('spec.versions: must have exactly one version marked as storage version');
  }
  const schemas = versions.flatMap(({ schema }) => schema?.openAPIV3Schema ?? []);
  const columns = versions.flatMap(({ additionalPrinterColumns = [] }) => additionalPrinterColumns);
  return [...found, ...schemas.flatMap(patternProblems), ...columns.flatMap(pathProblems)];
}

/** Patterns that cannot be read here, among them those of Go's syntax that JavaScript does not know. */
function patternProblems({ pattern, items, additionalProperties, properties = {} }: Schema): string[] {
  const below = [...Object.values(properties), items, additionalProperties].filter(each => typeof each === 'object');
  const found = below.flatMap(patternProblems);
  try {
    RegExp(pattern ?? '');
  } catch (error) {
    found.push(`spec.versions: ${(error as Error).message}`);
  }
  return found;
}

function pathProblems({ jsonPath }: { jsonPath: string }): string[] {
  try {
    find({}, jsonPath);
    return [];
  } catch (error) {
    return [`spec.versions: ${(error as Error).message}`];
  }
}

/** Fills in names and, at once, the status that a real cluster writes a moment later. */
export function established(object: KubeObject, old?: KubeObject): KubeObject {
  const spec = object.spec as Definition | undefined;
  if (!spec?.names?.kind || !Array.isArray(spec.versions)) return object;
  const kind = spec.names.kind;
  const names = {
    ...spec.names,
    singular: spec.names.singular ?? kind.toLowerCase(),
    listKind: spec.names.listKind ?? `${kind}List`,
  };
  const since = object.metadata.creationTimestamp;
  const condition = (type: string, reason: string, message: string) => ({
    lastTransitionTime: since,
    message,
    reason,
    status: 'True',
    type,
  });
  const status = old?.status ?? {
    acceptedNames: names,
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    storedVersions: spec.versions.filter(version => version.storage).map(version => version.name),
  };
  return { ...object, spec: { conversion: { strategy: 'None' }, ...spec, names }, status };
}
