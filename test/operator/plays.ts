/** Whole rollouts and rollbacks, to be disturbed: each sets the scene and says how it has to end. */
import type { SpecInput } from '../../src/api/schema.ts';
import { Bench } from './harness.ts';
import { disabled, QUICK, rollout, rule, scene, service, waves } from './scene.ts';

export interface Play {
  namespaces: readonly string[];
  /** How much is rolled back after the last step has failed; absent: nothing fails. */
  extent?: 'Wave' | 'All';
  /** Namespaces that are DISABLE before. */
  off?: readonly string[];
  /** Every namespace has a Service, whose clients get a rule; one of them has a rule already. */
  rules?: true;
  /** Plaintext is counted by policies in dry run. */
  shadows?: true;
}

const COUNTED = { name: 'counted', plaintextTraffic: { source: 'Shadow' as const, window: '20s', minRequests: 1 } };
const SOAKED = { name: 'no-plaintext', plaintextTraffic: { window: '5s', minRequests: 1 }, when: 'Soak' as const };

export function goalOf({ extent }: Play): 'RolledBack' | 'Completed' {
  return extent ? 'RolledBack' : 'Completed';
}

/** The scene with its rollout; the last namespace shows plaintext as soon as it is STRICT, if the play is a rollback. */
export function stage({ namespaces, extent, off = [], rules, shadows }: Play): Bench {
  const spec: SpecInput = {
    ...waves(namespaces),
    ...(extent ? { rollback: { extent } } : {}),
    ...(rules ? { destinationRules: 'Always' } : {}),
    ...(shadows ? { probes: [COUNTED, ...QUICK.probes!.slice(1), SOAKED] } : {}),
  };
  const served = rules
    ? [...namespaces.map(service), rule('cart', 'cart', { loadBalancer: { simple: 'RANDOM' } })]
    : [];
  const bench = new Bench([...scene(namespaces), ...off.flatMap(disabled), ...served, rollout(spec)]);
  const last = namespaces.at(-1)!;
  if (extent) bench.sight.plaintext = name => (name === last && bench.sight.mode(name) === 'STRICT' ? 5 : 0);
  return bench;
}
