import assert from 'node:assert/strict';
import { OwnWrites } from '../../src/cluster/ownWrites.ts';
import { Store } from '../../src/cluster/store.ts';

const key = (namespace: string, name: string) => ({ namespace, name });
const entry = (value: string, version = 1n, uid = 'u') => ({ uid, version, value });

describe('store', () => {
  it('finds objects by key and by namespace', () => {
    const store = new Store<string>();
    store.put(key('shop', 'a'), entry('1'));
    store.put(key('shop', 'b'), entry('2'));
    store.put(key('', 'shop'), entry('3'));
    assert.equal(store.get(key('shop', 'a')), '1');
    assert.deepEqual(store.in('shop'), ['1', '2']);
    assert.deepEqual(store.in('none'), []);
    assert.deepEqual(store.list(), ['1', '2', '3']);
    assert.equal(store.size, 3);
    store.remove(key('shop', 'a'));
    store.remove(key('shop', 'a'));
    assert.deepEqual([store.size, store.in('shop')], [2, ['2']]);
  });

  it('keeps names apart that look like properties of objects', () => {
    const store = new Store<string>();
    for (const name of ['__proto__', 'constructor', 'toString']) {
      assert.equal(store.get(key(name, name)), undefined);
      store.put(key(name, name), entry(name));
      assert.deepEqual(store.in(name), [name]);
    }
  });

  it('says when a version has been reached', () => {
    const store = new Store<string>();
    assert.equal(store.hasReached('0'), false);
    assert.equal(store.resourceVersion, undefined);
    store.advance(9n);
    store.advance(10n);
    assert.deepEqual([store.hasReached('10'), store.hasReached('11')], [true, false]);
    store.advance(3n);
    assert.equal(store.resourceVersion, '10');
    assert.throws(() => store.hasReached('x'), RangeError);
  });
});

describe('own writes', () => {
  const POLICY = 'PeerAuthentication';

  it('are seen when the cache has reached the newest of the kind', () => {
    const own = new OwnWrites();
    const store = new Store<string>();
    assert.equal(own.seenBy(POLICY, store), true);
    own.wrote(POLICY, '9');
    own.wrote(POLICY, '10');
    own.wrote(POLICY, '8');
    own.wrote('DestinationRule', '50');
    assert.equal(own.newest(POLICY), '10');
    assert.equal(own.newest('MtlsRollout'), undefined);
    store.advance(9n);
    assert.equal(own.seenBy(POLICY, store), false);
    store.advance(10n);
    assert.equal(own.seenBy(POLICY, store), true);
    assert.equal(own.seenBy('DestinationRule', store), false);
  });

  it('that deleted an object are seen when it is gone, or another is in its place', () => {
    for (const after of ['gone', 'replaced']) {
      const own = new OwnWrites();
      const store = new Store<string>();
      own.wrote(POLICY, '7');
      own.deleted(POLICY, key('shop', 'a'), 'u', '7');
      // not seen coming yet is not the same as gone
      store.advance(6n);
      assert.equal(own.seenBy(POLICY, store), false);
      store.put(key('shop', 'a'), entry('x', 7n));
      store.advance(7n);
      assert.equal(own.seenBy(POLICY, store), false);
      if (after === 'gone') store.remove(key('shop', 'a'));
      else store.put(key('shop', 'a'), entry('y', 9n, 'v'));
      store.advance(9n);
      assert.equal(own.seenBy(POLICY, store), true);
    }
  });
});
