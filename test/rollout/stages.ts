/** Rollouts in the middle of a step, to see what an event does to each stage. */
import type { SpecInput } from '../../src/api/schema.ts';
import type { Stage } from '../../src/api/status.ts';
import type { PeerAuthentication } from '../../src/istio/objects.ts';
import { TestMesh } from './mesh.ts';

export const SHOP = ['ad', 'cart', 'web'];

/** The stages in which a step runs. */
export const RUNNING = ['Preparing', 'Observing', 'Enforcing', 'Soaking'] as const satisfies Stage[];

/** Namespaces by label, so that one may go and come back. `cart` has a policy of its own, the others have none. */
export function shopMesh(spec: Partial<SpecInput> = {}): TestMesh {
  const mesh = new TestMesh({ target: { namespaces: { selector: { matchLabels: { team: 'shop' } } } }, ...spec });
  for (const name of SHOP) mesh.addNamespace(name, { team: 'shop' });
  mesh.putPolicy('cart', 'theirs', { mtls: { mode: 'PERMISSIVE' } }, { labels: { mine: 'yes' } });
  return mesh;
}

/** The first step, which is about `ad`, in a stage; its writes are done. */
export function meshIn(stage: Stage, spec: Partial<SpecInput> = {}): TestMesh {
  const mesh = shopMesh(spec);
  mesh.until(({ step }) => step?.stage === stage);
  return mesh;
}

/** What a rollback must bring back: the objects themselves, with everything on them. */
export function untouched(policies: Iterable<PeerAuthentication>): unknown[] {
  return [...policies].map(({ spec, metadata }) => ({
    spec,
    ...metadata,
    annotations: metadata.annotations ?? {},
    resourceVersion: '',
  }));
}
