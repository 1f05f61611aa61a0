/** What must hold of every write and every state of the policies, told from the outside by Istio's rules alone. */
import assert from 'node:assert/strict';
import { ORIGINAL_ANNOTATION } from '../../src/api/resource.ts';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import type { Mode, PeerAuthentication } from '../../src/istio/objects.ts';
import { policiesOf } from '../../src/istio/policies.ts';
import { restore } from '../../src/rollout/intended.ts';
import { markOf } from '../../src/rollout/marks.ts';
import { pinOf } from '../../src/rollout/pins.ts';
import type { Input, World } from '../../src/rollout/world.ts';
import type { Write } from '../../src/rollout/writes.ts';
import { NAMES } from './campaign.ts';
import { mergePatch } from '../../src/rollout/mergePatch.ts';
import { ROOT, type TestMesh } from './mesh.ts';

/** Labels of the workload that policies may select. */
export const DB = { app: 'db' };
const LABELS = { bare: {}, db: DB };
const PORTS = [0, 80, 90];

/** Nothing tightens while the author, or somebody before them, holds the rollout. */
export function assertAllowed(write: Write, { rollout, obstacle }: Input): void {
  const { suspend, mode } = rollout.spec;
  const restores = write.verb === 'delete' || (write.verb === 'patch' && original(write.patch) === null);
  if (restores && rollout.status?.step?.stage === 'RollingBack') return;
  assert.ok(!suspend && mode !== 'Plan' && !obstacle, `held, and yet ${JSON.stringify(write)}`);
  assert.ok(restores || mode === 'Enforce', `mode ${mode}, and yet ${JSON.stringify(write)}`);
}

function original(patch: Record<string, unknown>): unknown {
  return (patch['metadata'] as PeerAuthentication['metadata'] | undefined)?.annotations?.[ORIGINAL_ANNOTATION];
}

export function setsStrict(write: Write): boolean {
  const spec = write.verb === 'create' ? write.object.spec : write.verb === 'patch' ? write.patch['spec'] : {};
  return JSON.stringify(spec ?? {}).includes('STRICT');
}

/** Clients are only pinned to what was not STRICT when it was decided. */
export function assertPinAllowed(write: Write, { policies, services }: World): void {
  if (write.verb !== 'create' || write.object.kind !== 'DestinationRule' || !pinOf(write.object)) return;
  const { namespace, name } = write.object.metadata;
  const service = services.get(namespace)?.find(each => name.endsWith(`-${each.name}`));
  assert.ok(service, `${namespace}/${name} pins no Service`);
  const { workload } = effectiveModes(policies, ROOT, namespace, service.selector);
  assert.ok(
    workload.mode === 'DISABLE' || workload.mode === 'PERMISSIVE',
    `${namespace}/${name} pins ${workload.mode}`,
  );
}

export function pinnedIn({ rules }: TestMesh, namespace: string): boolean {
  return [...rules.values()].some(rule => rule.metadata.namespace === namespace && pinOf(rule) !== undefined);
}

/** Effective mode of every port that the tests know, by Istio's rules. */
export function modesOf(policies: Iterable<PeerAuthentication>): Map<string, Mode> {
  const all = policiesOf(policies);
  const modes = new Map<string, Mode>();
  for (const namespace of [ROOT, ...NAMES])
    for (const [name, labels] of Object.entries(LABELS)) {
      const { workload, ports } = effectiveModes(all, ROOT, namespace, labels);
      for (const port of PORTS) modes.set(`${namespace}/${name}:${port}`, (ports.get(port) ?? workload).mode);
    }
  return modes;
}

/**
 * The policies as they would be if everything were restored now. `wholly`: also without those that the rollout made and
 * somebody has changed, which it may set again and then take for its own.
 */
export function withoutRollout(policies: Iterable<PeerAuthentication>, wholly = false): PeerAuthentication[] {
  return [...policies].flatMap(policy => {
    const mark = markOf(policy);
    if (wholly && mark && mark.original !== 'Damaged' && mark.original.kind === 'Nothing') return [];
    const write = mark && restore(policy, mark);
    if (write?.verb === 'delete') return [];
    return write?.verb === 'patch' ? [mergePatch(policy, write.patch) as PeerAuthentication] : [policy];
  });
}

/** Whoever changes what it was given fails at once. */
export function frozen<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) frozen(member);
  }
  return value;
}
