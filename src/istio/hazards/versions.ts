/** Versions of control planes and proxies, as far as the tags of their images tell. */
import type { Inventory } from '../inventory/inventory.ts';
import type { ControlPlane } from '../inventory/shapes.ts';

/** `1027` of `1.27.3`, which compares; undefined where there is no version. */
export function releaseOf(version: string): number | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return major === undefined ? undefined : Number(major) * 1000 + Number(minor);
}

/** The oldest control plane that is known to be older than the version. */
export function olderControlPlane({ controlPlanes }: Inventory, version: string): ControlPlane | undefined {
  const limit = releaseOf(version) ?? 0;
  return controlPlanes
    .filter(plane => (releaseOf(plane.version) ?? Infinity) < limit)
    .toSorted((a, b) => (releaseOf(a.version) ?? 0) - (releaseOf(b.version) ?? 0))[0];
}
