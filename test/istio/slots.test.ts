import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import type { Mode, PeerAuthentication } from '../../src/istio/objects.ts';
import { modeOf, policiesOf, portModesOf, selectorOf } from '../../src/istio/policies.ts';
import { holderOf, slotKey, slotOf, weaker } from '../../src/istio/slots.ts';
import { labels, namespace, policies, shuffled } from './arbitraries.ts';
import { policy } from './build.ts';

describe('policies', () => {
  it('come oldest first, then by name', () => {
    const given = [policy('shop/c@1'), policy('shop/b@2'), policy('pay/a@0'), policy('shop/a@2')];
    const names = policiesOf(given)
      .in('shop')
      .map(({ metadata }) => metadata.name);
    assert.deepEqual(names, ['c', 'a', 'b']);
    assert.deepEqual(policiesOf(given).in('nowhere'), []);
  });

  it('say their selector and their modes, or nothing', () => {
    assert.deepEqual(selectorOf(policy('shop/a@1', 'STRICT', { app: 'web' })), { app: 'web' });
    assert.equal(selectorOf(policy('shop/a@1', 'STRICT', {})), undefined);
    assert.equal(selectorOf({ ...policy('shop/a@1'), spec: { selector: {} } }), undefined);
    assert.equal(modeOf(policy('shop/a@1', 'DISABLE')), 'DISABLE');
    for (const nothing of [undefined, 'UNSET'] as const) assert.equal(modeOf(policy('shop/a@1', nothing)), undefined);
    const ports = portModesOf(
      policy('shop/a@1', 'STRICT', { app: 'web' }, { 80: 'DISABLE', 81: 'UNSET', 82: undefined }),
    );
    assert.deepEqual(
      ports,
      new Map([
        [80, 'DISABLE' as Mode],
        [81, undefined],
        [82, undefined],
      ]),
    );
  });

  it('that are damaged say nothing', () => {
    const { spec: _, ...withoutSpec } = policy('shop/a@1');
    const withNulls = { ...withoutSpec, spec: { selector: null, mtls: null, portLevelMtls: { 80: null } } };
    for (const damaged of [withoutSpec, withNulls] as unknown as PeerAuthentication[]) {
      assert.equal(selectorOf(damaged), undefined);
      assert.equal(modeOf(damaged), undefined);
    }
    assert.deepEqual(portModesOf(withNulls as unknown as PeerAuthentication), new Map([[80, undefined]]));
  });
});

describe('slots', () => {
  it('are held by their oldest policy', () => {
    const given = policiesOf([
      policy('shop/a@3', 'STRICT', { app: 'web', tier: 'x' }),
      policy('shop/b@2', 'UNSET', { tier: 'x', app: 'web' }),
      policy('shop/c@1', 'STRICT', { app: 'web' }),
      policy('shop/d@5', 'STRICT', {}),
      policy('pay/e@0', 'STRICT', { app: 'web', tier: 'x' }),
    ]);
    const holder = (selector: Record<string, string> | undefined) =>
      holderOf(given, { namespace: 'shop', selector })?.metadata.name;
    assert.equal(holder({ app: 'web', tier: 'x' }), 'b');
    assert.equal(holder({ app: 'web' }), 'c');
    assert.equal(holder(undefined), 'd');
    assert.equal(holder({ app: 'db' }), undefined);
  });

  it('have one key, whatever the order of labels', () => {
    const key = (selector: Record<string, string> | undefined) => slotKey({ namespace: 'shop', selector });
    assert.equal(key({ a: '1', b: '2' }), key({ b: '2', a: '1' }));
    assert.equal(key({}), key(undefined));
    const different = [
      key(undefined),
      key({ a: '1' }),
      key({ a: '1,b=2' }),
      key({ a: '1', b: '2' }),
      key({ 'a","1': '' }),
    ];
    assert.equal(new Set(different).size, different.length);
    assert.notEqual(slotKey({ namespace: 'pay', selector: undefined }), key(undefined));
  });

  it('have the same key only for the same labels', () => {
    fc.assert(
      fc.property(namespace, labels, labels, (home, a, b) => {
        const same = slotKey({ namespace: home, selector: a }) === slotKey({ namespace: home, selector: b });
        assert.equal(same, isDeepStrictEqual(new Map(Object.entries(a)), new Map(Object.entries(b))));
      }),
    );
  });

  it('have a holder that is one of theirs and the same in whatever order policies are listed', () => {
    fc.assert(
      fc.property(shuffled(policies), ([list, other]) => {
        for (const slot of list.map(slotOf)) {
          const holder = holderOf(policiesOf(list), slot);
          assert.equal(holder && slotKey(slotOf(holder)), slotKey(slot));
          assert.equal(holderOf(policiesOf(other), slot), holder);
        }
      }),
    );
  });

  it('order modes from DISABLE to STRICT', () => {
    const weakerPairs: [Mode, Mode][] = [
      ['DISABLE', 'PERMISSIVE'],
      ['PERMISSIVE', 'STRICT'],
      ['DISABLE', 'STRICT'],
    ];
    for (const [a, b] of weakerPairs)
      assert.deepEqual([weaker(a, b), weaker(b, a), weaker(a, a)], [true, false, false]);
  });
});
