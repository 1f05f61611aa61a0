/** What the server says about itself: versions, groups and their resources. */
import { NoSuchPath } from './failure.ts';
import type { Resource, ResourceTable } from './resource.ts';
import { versionPath } from './resource.ts';
import type { JsonObject } from './value.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** The document at a path, or undefined when the path is not one of discovery's. */
export function discoveryDocument(path: string, resources: ResourceTable): unknown {
  if (path === '/version') return version();
  if (path === '/healthz' || path === '/livez' || path === '/readyz') return 'ok';
  const [root, ...rest] = path.replace(/\/$/, '').split('/').slice(1);
  if (root === 'api' && rest.length === 0)
    return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
  if (root === 'api' && rest.length === 1) return resourceList(rest[0]!, resources);
  if (root !== 'apis') return undefined;
  if (rest.length === 0) return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(resources) };
  if (rest.length === 1) return { kind: 'APIGroup', apiVersion: 'v1', ...groupNamed(rest[0]!, resources) };
  return rest.length === 2 ? resourceList(rest.join('/'), resources) : undefined;
}

function version(): JsonObject {
  return {
    major: '1',
    minor: '36',
    gitVersion: 'v1.36.0-embedded',
    gitCommit: '',
    gitTreeState: '',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: '',
  };
}

function groupsOf(resources: ResourceTable): JsonObject[] {
  const groups = new Set(resources.all().map(resource => resource.group));
  groups.delete('');
  return [...groups, 'authorization.k8s.io'].map(name => groupNamed(name, resources));
}

function groupNamed(name: string, resources: ResourceTable): JsonObject {
  const ofGroup = resources.all().filter(resource => resource.group === name);
  const versions = name === 'authorization.k8s.io' ? ['v1'] : [...new Set(ofGroup.map(resource => resource.version))];
  const listed = versions.map(each => ({ groupVersion: versionPath(name, each), version: each }));
  if (listed.length === 0) throw new NoSuchPath();
  return { name, versions: listed, preferredVersion: listed[0] };
}

function resourceList(groupVersion: string, resources: ResourceTable): JsonObject {
  const served = resources.all().filter(resource => resource.apiVersion === groupVersion);
  const list = groupVersion === 'authorization.k8s.io/v1' ? [ACCESS_REVIEW] : served.flatMap(entriesOf);
  if (list.length === 0) throw new NoSuchPath();
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources: list };
}

const ACCESS_REVIEW = {
  name: 'selfsubjectaccessreviews',
  singularName: 'selfsubjectaccessreview',
  namespaced: false,
  kind: 'SelfSubjectAccessReview',
  verbs: ['create'],
};

function entriesOf(resource: Resource): JsonObject[] {
  const { plural, singular, namespaced, kind, shortNames, categories, hasStatus } = resource;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: kind === 'Namespace' ? VERBS.filter(verb => verb !== 'deletecollection') : VERBS,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
  };
  const status = { name: `${plural}/status`, singularName: '', namespaced, kind, verbs: ['get', 'patch', 'update'] };
  return hasStatus ? [main, status] : [main];
}
