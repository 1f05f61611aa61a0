/** Names of resources and objects, and the paths they have on an API server. */
import { KubeError } from './errors.ts';

export interface Resource {
  /** Empty for the core group. */
  group: string;
  version: string;
  /** Where clusters differ in what they serve: every version that will do, best first. */
  versions?: readonly string[];
  plural: string;
  kind: string;
  namespaced: boolean;
}

/** One object. A namespaced resource needs the namespace. */
export interface Ref {
  resource: Resource;
  namespace?: string;
  name: string;
}

/** What every object of an API server has; the rest is for the reader to check. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: { name: string; namespace?: string; uid: string; resourceVersion: string; [other: string]: unknown };
  [other: string]: unknown;
}

/** Key of an object in a cache. The namespace of a cluster-wide object is empty. */
export interface ObjectKey {
  namespace: string;
  name: string;
}

// RFC 1123: what Kubernetes accepts as name of these resources. Nothing else may become part of a path.
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `peerauthentications.security.istio.io`: the name that RBAC rules and `kubectl` use. */
export function resourceName({ plural, group }: Resource): string {
  return group === '' ? plural : `${plural}.${group}`;
}

/** For messages: `PeerAuthentication shop/default`. */
export function describeRef({ resource, namespace, name }: Ref): string {
  return `${resource.kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}

/** Path of a collection, of all namespaces where none is given. Throws KubeError Invalid for an unfit name. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const { group, version, plural, kind, namespaced } = resource;
  const root = group === '' ? '/api' : `/apis/${subdomain(group, `the group of ${kind}`)}`;
  const within = namespace === undefined ? '' : `/namespaces/${label(namespace, 'a namespace')}`;
  if (within !== '' && !namespaced) throw new KubeError('Invalid', `${kind} has no namespace`);
  return `${root}/${label(version, `the version of ${kind}`)}${within}/${label(plural, `the plural of ${kind}`)}`;
}

/** Path of one object, or of its status. Throws KubeError Invalid for an unfit name. */
export function objectPath({ resource, namespace, name }: Ref, subresource?: 'status'): string {
  if (resource.namespaced && namespace === undefined) {
    throw new KubeError('Invalid', `${resource.kind} ${name} needs a namespace`);
  }
  const path = `${collectionPath(resource, namespace)}/${subdomain(name, `the name of a ${resource.kind}`)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

function label(text: string, what: string): string {
  if (text.length <= 63 && LABEL.test(text)) return text;
  throw unfit(text, what, 'a lower-case DNS label of at most 63 characters');
}

function subdomain(text: string, what: string): string {
  if (text.length <= 253 && SUBDOMAIN.test(text)) return text;
  throw unfit(text, what, 'a lower-case DNS name of at most 253 characters');
}

function unfit(text: string, what: string, wanted: string): KubeError {
  return new KubeError('Invalid', `${JSON.stringify(text.slice(0, 64))} cannot be ${what}: it must be ${wanted}`);
}
