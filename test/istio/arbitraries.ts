/** Random policies, rules and labels from small sets of names, so that they often meet. */
import * as fc from 'fast-check';
import type { DestinationRule, PeerAuthentication } from '../../src/istio/objects.ts';

const NAMESPACES = ['istio-system', 'shop', 'pay'] as const;
export const namespace = fc.constantFrom(...NAMESPACES);

/** Labels as a cluster may hold them, the names of Object's own members among them. */
export const labels = fc.dictionary(
  fc.constantFrom('app', 'tier', '__proto__', 'constructor', 'toString', 'a/b', ''),
  fc.constantFrom('web', 'db', 'true', ''),
  { maxKeys: 4, noNullPrototype: true },
);

const name = fc.constantFrom('a', 'b', 'c', 'd');
const policyMode = fc.constantFrom(
  undefined,
  'UNSET' as const,
  'DISABLE' as const,
  'PERMISSIVE' as const,
  'STRICT' as const,
);
const setting = policyMode.map(mode => (mode === undefined ? {} : { mode }));

/** A few seconds, so that ties are common. */
const creationTimestamp = fc.integer({ min: 0, max: 4 }).map(second => `2026-01-01T00:00:0${second}Z`);
const metadata = fc.record({ name, namespace, creationTimestamp });

export const policy: fc.Arbitrary<PeerAuthentication> = fc.record({
  apiVersion: fc.constant('security.istio.io/v1'),
  kind: fc.constant('PeerAuthentication' as const),
  metadata,
  spec: fc.record(
    {
      selector: fc.record({ matchLabels: labels }, { requiredKeys: [] }),
      mtls: setting,
      portLevelMtls: fc.dictionary(fc.constantFrom('80', '8080'), setting),
    },
    { requiredKeys: [] },
  ),
});

/** No two of one name in one namespace: the API server would refuse them. */
export const policies = fc.uniqueArray(policy, { selector: identity, maxLength: 8 });

const tls = fc
  .constantFrom('DISABLE' as const, 'SIMPLE' as const, 'MUTUAL' as const, 'ISTIO_MUTUAL' as const)
  .map(mode => ({ mode }));
const host = fc.constantFrom('web', 'web.shop.svc.cluster.local', '*.shop.svc.cluster.local', '*.local', '*');
const audience = fc.constantFrom('*', '.', ...NAMESPACES);

const rule: fc.Arbitrary<DestinationRule> = fc.record({
  apiVersion: fc.constant('networking.istio.io/v1'),
  kind: fc.constant('DestinationRule' as const),
  metadata,
  spec: fc.record(
    {
      host,
      trafficPolicy: fc.record(
        {
          tls,
          portLevelSettings: fc.array(
            fc.record({ port: fc.constant({ number: 80 }), tls }, { requiredKeys: ['port'] }),
            { maxLength: 2 },
          ),
        },
        { requiredKeys: [] },
      ),
      workloadSelector: fc.record({ matchLabels: labels }, { requiredKeys: [] }),
      exportTo: fc.array(audience, { maxLength: 2 }),
    },
    { requiredKeys: ['host'] },
  ),
});

export const rules = fc.uniqueArray(rule, { selector: identity, maxLength: 6 });

export const clientQuestion = fc.record({
  rootNamespace: namespace,
  clientNamespace: namespace,
  clientLabels: labels,
  service: fc.record({ name: fc.constant('web'), namespace }),
  port: fc.constantFrom(80, 443),
});

/** An array and the same in another order. */
export function shuffled<T>(arrays: fc.Arbitrary<T[]>): fc.Arbitrary<[T[], T[]]> {
  return arrays.chain(list =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
  );
}

function identity(object: { metadata: { name: string; namespace: string } }): string {
  return `${object.metadata.namespace}/${object.metadata.name}`;
}
