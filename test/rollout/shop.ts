/** A mesh of five namespaces, four of them a shop's, and plans in short. */
import type { SpecInput } from '../../src/api/schema.ts';
import { type Plan, planOf } from '../../src/rollout/plan.ts';
import { scopeKey } from '../../src/rollout/scope.ts';
import { TestMesh } from './mesh.ts';

/** Waves of a plan as `name: scope scope`. */
export function shape({ waves }: Plan): string[] {
  return waves.map(({ name, scopes }) => `${name}: ${scopes.map(scopeKey).join(' ')}`.trimEnd());
}

export function planIn(mesh: TestMesh): Plan {
  return planOf(mesh.rollout, mesh.world);
}

export function shop(spec: Partial<SpecInput> = {}): TestMesh {
  const mesh = new TestMesh({ target: { namespaces: { selector: { matchLabels: { team: 'shop' } } } }, ...spec });
  for (const [name, tier] of [
    ['web', 'edge'],
    ['ad', 'leaf'],
    ['cart', 'core'],
    ['pay', 'core'],
  ] as const)
    mesh.addNamespace(name, { team: 'shop', tier });
  mesh.addNamespace('other', { team: 'else' });
  return mesh;
}
