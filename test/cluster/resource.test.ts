import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { KubeClient } from '../../src/cluster/client.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import { KubeError } from '../../src/cluster/errors.ts';
import { policyResource } from '../../src/cluster/policyResources.ts';
import { collectionPath, objectPath, type Resource } from '../../src/cluster/resource.ts';
import type { KubeRequest, Transport } from '../../src/cluster/transport.ts';

const POLICIES: Resource = policyResource('security.istio.io/v1', 'PeerAuthentication');
const NAMESPACES: Resource = { group: '', version: 'v1', plural: 'namespaces', kind: 'Namespace', namespaced: false };

const invalid = (error: unknown) => error instanceof KubeError && error.kind === 'Invalid';

describe('paths of resources', () => {
  it('are those of the Kubernetes API', () => {
    assert.equal(collectionPath(POLICIES), '/apis/security.istio.io/v1/peerauthentications');
    assert.equal(collectionPath(POLICIES, 'shop'), '/apis/security.istio.io/v1/namespaces/shop/peerauthentications');
    assert.equal(
      objectPath({ resource: POLICIES, namespace: 'shop', name: 'default' }, 'status'),
      '/apis/security.istio.io/v1/namespaces/shop/peerauthentications/default/status',
    );
    assert.equal(objectPath({ resource: NAMESPACES, name: 'shop' }), '/api/v1/namespaces/shop');
    assert.equal(objectPath({ resource: NAMESPACES, name: 'a.b-c.9' }), '/api/v1/namespaces/a.b-c.9');
  });

  it('refuse a namespaced object without its namespace, and a namespace where there is none', () => {
    assert.throws(() => objectPath({ resource: POLICIES, name: 'default' }), invalid);
    assert.throws(() => collectionPath(NAMESPACES, 'shop'), invalid);
  });

  const hostile = fc.oneof(
    fc.constantFrom('', '.', '..', '../x', 'a/b', 'a%2fb', '%2e%2e', 'a?b', 'a#b', 'a b', 'A', 'ä', 'a\n', '-a', 'a-'),
    fc.constantFrom('xn--\u0000', 'a..b', '.a', 'a.', '\u212a', 'a\\b', 'a;b', '__proto__', 'b'.repeat(254)),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc
      .array(fc.constantFrom('a', '0', '-', '.', '/', '%', '..', '%2f', 'A', '?', '\u0000'), { maxLength: 260 })
      .map(parts => parts.join('')),
  );
  const reference = /^(?=.{1,253}$)([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])(\.([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9]))*$/;

  it('let only RFC 1123 names in, whatever is tried (100,000 names)', () => {
    const property = fc.property(hostile, hostile, (namespace, name) => {
      const fit = reference.test(name) && !/[\n]/.test(name);
      const fitNamespace = reference.test(namespace) && namespace.length <= 63 && !namespace.includes('.');
      const build = () => objectPath({ resource: POLICIES, namespace, name });
      if (!fit || !fitNamespace) return assert.throws(build, invalid);
      const path = build();
      assert.equal(path, `/apis/security.istio.io/v1/namespaces/${namespace}/peerauthentications/${name}`);
      assert.equal(new URL(path, 'https://x').pathname, path);
      return undefined;
    });
    fc.assert(property, { numRuns: 100_000 });
  });

  it('accept every RFC 1123 name', () => {
    const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?){0,3}$/);
    fc.assert(
      fc.property(name, text =>
        assert.equal(objectPath({ resource: NAMESPACES, name: text }), `/api/v1/namespaces/${text}`),
      ),
    );
  });

  it('are checked before anything is sent', async () => {
    const sent: KubeRequest[] = [];
    const transport: Transport = {
      call: async request => {
        sent.push(request);
        return { status: 200, headers: {}, body: {} };
      },
      stream: async () => assert.fail('no watch here'),
    };
    const client = new KubeClient(transport, systemClock);
    const seen = { uid: 'u', resourceVersion: '1' };
    for (const name of ['..', 'a/b', '%2f', 'x'.repeat(254)]) {
      const ref = { resource: POLICIES, namespace: 'shop', name };
      await assert.rejects(client.get(ref), invalid);
      await assert.rejects(client.mergePatch(ref, {}), invalid);
      await assert.rejects(client.replaceStatus(ref, {}), invalid);
      await assert.rejects(client.delete(ref, seen), invalid);
      await assert.rejects(client.create(POLICIES, 'shop', { metadata: { name } }), invalid);
      await assert.rejects(client.list(POLICIES, { namespace: name }).next(), invalid);
    }
    assert.equal(sent.length, 0);
  });

  it('know only the policies of Istio that are written', () => {
    assert.equal(policyResource('networking.istio.io/v1beta1', 'DestinationRule').plural, 'destinationrules');
    for (const [apiVersion, kind] of [
      ['v1', 'Secret'],
      ['security.istio.io/v1', 'RequestAuthentication'],
      ['security.istio.io/v2', 'PeerAuthentication'],
      ['networking.istio.io/v1', 'PeerAuthentication'],
      ['security.istio.io/v1', 'constructor'],
    ] as const) {
      assert.throws(() => policyResource(apiVersion, kind), TypeError);
    }
  });
});
