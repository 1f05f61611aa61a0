/** From a path to what it names: a resource, a collection or a document about the API. */
import { NoSuchPath } from './failure.ts';
import type { Resource, ResourceTable } from './resource.ts';
import { versionPath } from './resource.ts';

export interface Route {
  resource: Resource;
  /** Undefined: all namespaces, or a resource that has none. */
  namespace: string | undefined;
  /** Undefined: the collection. */
  name: string | undefined;
  subresource: 'status' | undefined;
}

/** The resource path's parts; throws when nothing is served there. */
export function routeOf(path: string, resources: ResourceTable): Route {
  const segments = path.split('/').slice(1).map(decode);
  const [root, ...below] = segments;
  const groupVersion = root === 'api' ? below.slice(0, 1) : below.slice(0, 2);
  const rest = below.slice(groupVersion.length);
  if ((root !== 'api' && root !== 'apis') || rest.length === 0 || rest.includes('')) throw new NoSuchPath();
  const [group = '', version = ''] = root === 'api' ? ['', ...groupVersion] : groupVersion;
  const apiVersion = versionPath(group, version);
  const isInNamespace = rest[0] === 'namespaces' && rest.length > 2 && !(rest.length === 3 && rest[2] === 'status');
  const namespace = isInNamespace ? rest[1] : undefined;
  const [plural = '', name, subresource, ...more] = isInNamespace ? rest.slice(2) : rest;
  const resource = resources.get(apiVersion, plural);
  if (more.length > 0 || (subresource !== undefined && subresource !== 'status')) throw new NoSuchPath();
  if (subresource && !resource.hasStatus) throw new NoSuchPath();
  if (resource.namespaced ? name !== undefined && namespace === undefined : namespace !== undefined) {
    throw new NoSuchPath();
  }
  return { resource, namespace, name, subresource };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new NoSuchPath();
  }
}
