/**
 * OpenAPI v3 as far as kubectl needs it: the schemas of custom resources for `kubectl explain`, and which
 * parameters a PATCH takes, so that `kubectl apply` leaves validation to the server.
 */
import { NoSuchPath } from './failure.ts';
import type { Resource, ResourceTable } from './resource.ts';
import type { JsonObject } from './value.ts';

export function openApiDocument(path: string, resources: ResourceTable): unknown {
  if (path === '/openapi/v2') throw new NoSuchPath();
  if (path === '/openapi/v3') {
    const paths = new Set(resources.all().map(groupVersionPath));
    return { paths: Object.fromEntries([...paths].map(each => [each, { serverRelativeURL: `/openapi/v3/${each}` }])) };
  }
  const groupVersion = /^\/openapi\/v3\/(.+)$/.exec(path)?.[1];
  if (groupVersion === undefined) return undefined;
  const served = resources.all().filter(resource => groupVersionPath(resource) === groupVersion);
  if (served.length === 0) throw new NoSuchPath();
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.0-embedded' },
    paths: Object.fromEntries(served.map(resource => [itemPath(resource), operationsOf(resource)])),
    components: { schemas: Object.fromEntries(served.map(resource => [schemaName(resource), schemaOf(resource)])) },
  };
}

function groupVersionPath({ group, version }: Resource): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

function itemPath(resource: Resource): string {
  const namespace = resource.namespaced ? '/namespaces/{namespace}' : '';
  return `/${groupVersionPath(resource)}${namespace}/${resource.plural}/{name}`;
}

function operationsOf({ group, version, kind }: Resource): JsonObject {
  const target = { 'x-kubernetes-group-version-kind': { group, version, kind } };
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map(name => ({
    name,
    in: 'query',
    schema: { type: 'string', uniqueItems: true },
  }));
  const operation = (action: string) => ({ 'x-kubernetes-action': action, ...target, parameters, responses: {} });
  return {
    get: { 'x-kubernetes-action': 'get', ...target, responses: {} },
    put: operation('put'),
    patch: operation('patch'),
  };
}

function schemaName({ group, version, kind }: Resource): string {
  const reversed = group === '' ? 'io.k8s.api.core' : group.split('.').reverse().join('.');
  return `${reversed}.${version}.${kind}`;
}

function schemaOf({ group, version, kind, schema }: Resource): JsonObject {
  const plain = (description: string) => ({ type: 'string', description });
  return {
    ...(schema ?? { type: 'object' }),
    properties: {
      apiVersion: plain('Version of the representation of the object.'),
      kind: plain('Kind of the object.'),
      metadata: { type: 'object', description: 'Standard metadata of the object.' },
      ...schema?.properties,
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  };
}
