/** Random slots: what a rollout may find where it wants to put a policy, and a row of raises of it. */
import * as fc from 'fast-check';
import { type Mode, MODES, type PeerAuthentication } from '../../src/istio/objects.ts';
import { raise } from '../../src/rollout/intended.ts';
import type { Scope } from '../../src/rollout/scope.ts';
import { scopeState } from '../../src/rollout/scopeState.ts';
import { ROOT, TestMesh } from './mesh.ts';

export const SHOP = 'shop';
export const CART = { app: 'cart' };
export const PORTS = [80, 90, 443];

type Setting = NonNullable<PeerAuthentication['spec']['mtls']>;

export const setting = fc.constantFrom<Setting>({}, ...[...MODES, 'UNSET' as const].map(mode => ({ mode })));
const portFields = fc.dictionary(fc.constantFrom(...PORTS.map(String)), setting, {
  minKeys: 1,
  maxKeys: 3,
  noNullPrototype: true,
});

const scope: fc.Arbitrary<Scope> = fc.oneof(
  fc.constant<Scope>({ kind: 'Namespace', namespace: SHOP }),
  fc.constant<Scope>({ kind: 'Mesh', namespace: ROOT }),
  fc.subarray(PORTS).map(
    (ports): Scope => ({
      kind: 'Workload',
      namespace: SHOP,
      name: 'cart',
      selector: CART,
      ...(ports.length > 0 ? { ports } : {}),
    }),
  ),
);

/** Scopes that share one slot, as the scopes of one rollout do whose spec is edited. */
const sameSlot = scope.chain(first => {
  const { ports: _, ...whole } = { ports: [], ...first };
  const edited = fc.subarray(PORTS, { minLength: 1 }).map(ports => ({ ...whole, ports }) as Scope);
  const next = first.kind === 'Workload' ? fc.oneof(edited, fc.constant<Scope>(whole)) : fc.constant(first);
  return fc.tuple(fc.constant(first), fc.array(fc.tuple(next, fc.constantFrom(...MODES)), { maxLength: 5 }));
});

/** What may be in a scope's slot before the rollout comes; undefined: nothing. */
function holderSpec(of: Scope): fc.Arbitrary<PeerAuthentication['spec'] | undefined> {
  const selector = of.kind === 'Workload' ? { selector: { matchLabels: of.selector } } : {};
  const fields = fc.record(
    { mtls: setting, ...(of.kind === 'Workload' ? { portLevelMtls: portFields } : {}) },
    { requiredKeys: [] },
  );
  return fc.option(
    fields.map((spec): PeerAuthentication['spec'] => ({ ...selector, ...spec })),
    { nil: undefined },
  );
}

const wider = fc.option(fc.constantFrom(...MODES), { nil: undefined });

/** A mesh with a policy in the slot, and perhaps wider ones around it. */
export function meshWith(
  of: Scope,
  spec: PeerAuthentication['spec'] | undefined,
  mesh?: Mode,
  namespace?: Mode,
): TestMesh {
  const test = new TestMesh({ target: { mesh: {} } }, [SHOP]);
  if (mesh && of.kind !== 'Mesh') test.putPolicy(ROOT, 'wide', { mtls: { mode: mesh } });
  if (namespace && of.kind === 'Workload') test.putPolicy(SHOP, 'wide', { mtls: { mode: namespace } });
  if (spec) test.putPolicy(of.namespace, 'theirs', spec, { labels: { mine: 'yes' }, annotations: { note: 'kept' } });
  return test;
}

/** Raises and performs. */
export function raiseIn(mesh: TestMesh, of: Scope, mode: Mode): void {
  const { policies } = mesh.world;
  const write = raise(mesh.rollout, scopeState(mesh.rollout, of, policies, ROOT), mode, policies);
  if (write) mesh.perform(write);
}

export const situation = sameSlot.chain(([of, raises]) =>
  fc.record({ of: fc.constant(of), raises: fc.constant(raises), spec: holderSpec(of), mesh: wider, namespace: wider }),
);
