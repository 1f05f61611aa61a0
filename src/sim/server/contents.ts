/** Which parts of an object a write sets, counts or compares. */
import { sameMetadata } from './metadata.ts';
import type { Resource } from './resource.ts';
import { type JsonObject, type KubeObject, type Metadata, sameJson, withMember } from './value.ts';

/** The metadata that clients set; empty ones count as absent. */
export function clientMetadata({
  labels,
  annotations,
  finalizers,
  ownerReferences,
}: Partial<Metadata>): Partial<Metadata> {
  return Object.fromEntries(
    Object.entries({ labels, annotations, finalizers, ownerReferences }).filter(
      ([, value]) => value !== undefined && Object.keys(value).length > 0,
    ),
  );
}

/** The metadata that only the server sets. */
export function serverMetadata(metadata: Metadata): Metadata {
  const { labels: _l, annotations: _a, finalizers: _f, ownerReferences: _o, ...fixed } = metadata;
  return fixed;
}

/** Whether the generation stays as it is. */
export function sameGeneration(a: KubeObject, b: KubeObject, resource: Resource): boolean {
  return !resource.hasGeneration || sameJson(countedPart(a, resource), countedPart(b, resource));
}

function countedPart(object: KubeObject, resource: Resource): JsonObject {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = object;
  return resource.hasStatus ? withMember(rest, 'status', undefined) : rest;
}

/** Whether storing the one over the other would change nothing. */
export function sameContent(a: KubeObject, b: KubeObject): boolean {
  const { metadata: metadataOfA, ...restOfA } = a;
  const { metadata: metadataOfB, ...restOfB } = b;
  return (
    sameMetadata(metadataOfA, metadataOfB) &&
    sameJson(metadataOfA.managedFields ?? [], metadataOfB.managedFields ?? []) &&
    sameJson(restOfA, restOfB)
  );
}
