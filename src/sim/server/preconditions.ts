/** What must hold of the stored object before it may be written or deleted: name, uid and resourceVersion. */
import { ApiFailure, badRequest, conflict, invalid, modified } from './failure.ts';
import type { Resource } from './resource.ts';
import type { GivenObject, JsonObject, KubeObject } from './value.ts';

/** Throws 409 when the client saw another version, and 400 when it means another object. */
export function checkVersion(resource: Resource, kind: 'put' | 'patch', given: GivenObject, current: KubeObject): void {
  const { name, namespace = '' } = current.metadata;
  const { metadata } = given;
  if (metadata.name !== undefined && metadata.name !== name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  }
  if (metadata.name === undefined) {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (kind === 'put' && metadata.uid && metadata.uid !== current.metadata.uid) {
    const key = ['/registry', ...(resource.group ? [resource.group] : []), resource.plural, namespace, name].join('/');
    const why = `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${current.metadata.uid}`;
    throw conflict(resource, name, why);
  }
  const { resourceVersion = '' } = metadata;
  if (!/^[0-9]*$/.test(resourceVersion)) {
    throw new ApiFailure(500, '', `strconv.ParseUint: parsing ${JSON.stringify(resourceVersion)}: invalid syntax`);
  }
  if (Number(resourceVersion) > 0) {
    if (resourceVersion !== current.metadata.resourceVersion) throw modified(resource, name);
  } else if (!resource.unconditionalUpdate) throw unversioned(resource, name);
}

/** The preconditions of a DELETE. */
export function checkPreconditions(
  resource: Resource,
  { metadata }: KubeObject,
  { uid, resourceVersion }: JsonObject,
): void {
  const named = { ...resource, plural: resource.kind };
  if (resource.table === 'namespaces' && typeof uid === 'string' && uid !== metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`;
    throw conflict(resource, metadata.name, why);
  }
  if (typeof uid === 'string' && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    throw conflict(named, metadata.name, why);
  }
  if (typeof resourceVersion === 'string' && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    throw conflict(named, metadata.name, why);
  }
}

function unversioned(resource: Resource, name: string): ApiFailure {
  const message = 'Invalid value: 0: must be specified for an update';
  // this one comes from the storage layer, which knows the resource only by its plural
  return invalid({ ...resource, kind: resource.plural }, name, [
    { reason: 'FieldValueInvalid', field: 'metadata.resourceVersion', message },
  ]);
}
