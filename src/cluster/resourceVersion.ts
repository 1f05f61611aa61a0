/**
 * Versions of objects and lists, compared as whole numbers: Kubernetes guarantees that order within one resource
 * since KEP-5504, and has kept it ever since etcd.
 */
export type Version = bigint;

/** Undefined for what is not a version. */
export function parseVersion(text: unknown): Version | undefined {
  return typeof text === 'string' && /^[0-9]{1,39}$/.test(text) ? BigInt(text) : undefined;
}
