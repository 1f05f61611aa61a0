import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { eachOf } from '../../src/probes/eachOf.ts';
import { clip, countOf, firstFew, observe, worst } from '../../src/probes/observation.ts';
import { isGateway, workloadOf, workloadOfPodName } from '../../src/probes/workloadNames.ts';
import { look, pod } from './scene.ts';

describe('observations', () => {
  it('are cut to one line of well-formed text, whatever went in', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 2, max: 40 }), (text, max) => {
        const cut = clip(text, max);
        assert.ok(cut.length <= max && cut.isWellFormed() && !/[\p{Cc}\u2028]/u.test(cut));
      }),
    );
    assert.equal(clip('abc😀def', 5), 'abc…');
    assert.equal(clip('a\uD800b', 9), 'a b');
  });

  it('take the worst verdict', () => {
    assert.equal(worst(['Healthy', 'NoData', 'Error', 'Unhealthy']), 'Unhealthy');
    assert.equal(worst(['Healthy', 'NoData', 'Error']), 'Error');
    assert.equal(worst(['Healthy', 'NoData']), 'NoData');
    assert.equal(worst([]), 'NoData');
  });

  it('count in words', () => {
    assert.deepEqual(
      [0.4, 0.5, 1.4, 2.6].map(n => countOf(n, 'pod')),
      ['0 pods', '1 pod', '1 pod', '3 pods'],
    );
    assert.equal(firstFew(['a', 'b', 'c', 'd', 'e']), 'a; b; c; and 2 more');
    assert.equal(firstFew(['a']), 'a');
  });

  it('say so when the look was cut short', async () => {
    const cut = look([], { signal: AbortSignal.abort() });
    const seen = await observe('x', cut, () => Promise.reject(new Error('This operation was aborted')));
    assert.deepEqual([seen.verdict, seen.message], ['Error', 'the look was cut short; the next round looks again']);
  });
});

describe('workload names', () => {
  it('are those that Istio reports', () => {
    const cases = [
      ['cartservice-6f7c8d9b5-x2x4z', 'cartservice'],
      ['redis-cart-0', 'redis-cart'],
      ['node-agent-x2x4z', 'node-agent'],
      ['standalone', 'standalone'],
      ['cart-redis', 'cart-redis'],
    ] as const;
    for (const [name, workload] of cases) assert.equal(workloadOfPodName(name), workload);
    assert.equal(workloadOf(pod({ name: 'a-b-5-c', labels: { 'pod-template-hash': '5' } })), 'a-b');
    assert.equal(workloadOf(pod({ name: 'x-0', labels: { 'service.istio.io/workload-name': 'given' } })), 'given');
  });

  it('know gateways and waypoints', () => {
    assert.ok(isGateway(pod({ labels: { istio: 'ingressgateway' } })));
    assert.ok(isGateway(pod({ labels: { 'gateway.istio.io/managed': 'istio.io-mesh-controller' } })));
    assert.ok(isGateway(pod({ labels: { app: 'istio-ingress', istio: 'ingress' }, gateway: true })));
    assert.ok(!isGateway(pod({ labels: { app: 'gateway', istio: 'pilot' } })));
  });
});

describe('eachOf', () => {
  it('works on everything, never on more than asked for at a time', async () => {
    let busy = 0;
    let most = 0;
    const done: number[] = [];
    const items = Array.from({ length: 50 }, (_, i) => i);
    await eachOf(items, 4, async item => {
      most = Math.max(most, ++busy);
      await new Promise(setImmediate);
      busy -= 1;
      done.push(item);
    });
    assert.deepEqual([most, done.sort((a, b) => a - b)], [4, items]);
  });

  it('stops beginning work after a failure, and fails with it', async () => {
    let begun = 0;
    const run = eachOf([1, 2, 3, 4, 5, 6, 7, 8], 2, async () => {
      begun += 1;
      await new Promise(setImmediate);
      throw new Error('broken');
    });
    await assert.rejects(run, /broken/);
    await new Promise(setImmediate);
    assert.equal(begun, 2);
  });
});
