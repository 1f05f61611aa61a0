import assert from 'node:assert/strict';
import { ambientDenials } from '../../src/probes/ambientDenials.ts';
import type { Look } from '../../src/probes/probe.ts';
import { ambient, mesh, type Mesh, redis, soak } from './refusalScene.ts';
import { edge, look, NOW, pod, SECOND } from './scene.ts';

const OPTIONS = { window: '2m', maxConnections: 0 };
const probe = (given: Mesh, options: object = {}) => {
  const sight = mesh(given);
  return { sight, observe: (at: Look) => ambientDenials('denied', { ...OPTIONS, ...options }, sight).observe(at) };
};
const heard = { opened: [edge('shop/frontend', 'cart/redis', 1)] };

describe('ambientDenials', () => {
  it('passes where nothing is ambient, and asks nobody', async () => {
    for (const pods of [[], [pod()], [pod({ mesh: 'None' })], [pod({ mesh: 'Ambient', finished: true })]]) {
      const { sight, observe } = probe({ sidecars: { 'cart/cartservice-0': 9 } });
      const seen = await observe(soak(pods));
      assert.deepEqual([seen.verdict, seen.value, sight.asked], ['Healthy', 'no pods', []]);
    }
  });

  it('names who was denied, by source and target', async () => {
    const { verdict, value, message } = await probe({ failed: [edge('legacy/report', 'cart/redis', 3)] }).observe(
      soak([ambient]),
    );
    assert.deepEqual([verdict, value], ['Unhealthy', '3 refused, 1/1 pods count']);
    assert.match(message, /^refused in the last 2m: 3 plaintext connections from legacy\/report to cart\/redis; /);
  });

  it('needs no counter of the sidecars beside them', async () => {
    const seen = await probe(heard).observe(soak([pod(), { ...redis, ...ambient }]));
    assert.deepEqual([seen.verdict, seen.value], ['Healthy', '0 refused, 1/1 pods count']);
  });

  it('has NoData where no ztunnel is heard, and right after the change', async () => {
    assert.match(
      (await probe({}).observe(soak([ambient]))).message,
      /^no ztunnel is heard counting connections of cart/,
    );
    const early = await probe(heard).observe(look([ambient], { changedAt: NOW - 10 * SECOND }));
    assert.match(early.message, /^too soon/);
  });

  it('allows as many as the author does', async () => {
    const failed = [edge('legacy/report', 'cart/redis', 3)];
    assert.equal((await probe({ failed }, { maxConnections: 3 }).observe(soak([ambient]))).verdict, 'Healthy');
  });
});
