import assert from 'node:assert/strict';
import type { Scope } from '../../src/rollout/scope.ts';
import { ambient, mesh, probe, soak, verdictOf, type Mesh } from './refusalScene.ts';
import { cart, edge, pod, shop } from './scene.ts';

describe('refusedConnections behind ztunnel', () => {
  const denied = [edge('legacy/reporting', 'cart/redis', 3), edge(undefined, 'cart/redis', 41.6)];

  it('names sources where ztunnel knows them, and where the others stand', async () => {
    const seen = await probe(mesh({ failed: denied })).observe(soak([ambient]));
    assert.deepEqual([seen.verdict, seen.value], ['Unhealthy', '45 refused, 1/1 pods count']);
    assert.equal(
      seen.message,
      'refused in the last 2m: 42 plaintext connections from unknown sources to cart/redis; 3 plaintext connections ' +
        'from legacy/reporting to cart/redis; the addresses of unknown sources stand in the lines with ' +
        '"policy rejection" in the log of ztunnel',
    );
    const known = await probe(mesh({ failed: [denied[0]!] })).observe(soak([ambient]));
    assert.match(known.message, /; put these clients into the mesh, or keep their targets out of the step$/);
  });

  it('reads closed connections where no failure was counted, and never both', async () => {
    const refused = async (given: Mesh) => (await probe(mesh(given)).observe(soak([ambient]))).value;
    const opened = [edge('a/b', 'cart/redis', 1)];
    assert.equal(await refused({ opened, closed: denied }), '45 refused, 1/1 pods count');
    assert.equal(await refused({ opened, closed: denied, failed: denied }), '45 refused, 1/1 pods count');
    assert.equal(
      await refused({ opened, closed: denied, failed: [edge('a/b', 'cart/redis', 0)] }),
      '0 refused, 1/1 pods count',
    );
  });

  it('chooses between the two for each scope by itself', async () => {
    const pods = [ambient, pod({ namespace: 'shop', name: 'web-0', mesh: 'Ambient' })];
    const failed = [edge('legacy/a', 'cart/redis', 1)];
    const closed = [edge('legacy/a', 'cart/redis', 1), edge('legacy/a', 'shop/web', 4), edge('legacy/a', 'other/x', 9)];
    const sight = mesh({ failed, closed, opened: [edge('a/b', 'shop/web', 1)] });
    const seen = await probe(sight).observe(soak(pods, { scopes: [cart, shop] }));
    assert.equal(seen.value, '5 refused, 2/2 pods count');
    assert.equal(sight.asked.length, 5, 'the number of queries does not grow with the number of scopes');
  });

  it('has NoData for a scope that no ztunnel is heard counting', async () => {
    const pods = [ambient, pod({ namespace: 'shop', name: 'web-0', mesh: 'Ambient' })];
    const seen = await probe(mesh({ opened: [edge('a/b', 'shop/web', 1)] })).observe(
      soak(pods, { scopes: [cart, shop] }),
    );
    assert.deepEqual([seen.verdict, seen.value], ['NoData', '0 refused, 1/2 pods count']);
    assert.match(
      seen.message,
      /^no ztunnel is heard counting connections of cart: check that Prometheus scrapes ztunnel/,
    );
  });

  it('takes the calls of an uncalled scope for proof, but nothing that a sidecar counts', async () => {
    const from = (workload: string) => [
      { labels: { source_workload_namespace: 'cart', source_workload: workload }, value: 1 },
    ];
    const sidecars = { 'cart/cartservice-0': 0 };
    assert.equal(await verdictOf({ sent: from('redis') }, [ambient]), 'Healthy');
    assert.equal(await verdictOf({ sidecars, sent: from('redis') }, [ambient, pod()]), 'Healthy');
    assert.equal(await verdictOf({ sidecars, sent: from('cartservice') }, [ambient, pod()]), 'NoData');
    const opened = [edge('a/b', 'cart/cartservice', 1)];
    assert.equal(await verdictOf({ sidecars, opened }, [ambient, pod()]), 'NoData');
    // a workload on its way from sidecars to ambient has both
    const moving = pod({ name: 'cartservice-1', mesh: 'Ambient' });
    assert.equal(await verdictOf({ sidecars, opened }, [moving, pod()]), 'Healthy');
  });

  it('adds what both kinds of proxies refused', async () => {
    const seen = await probe(mesh({ sidecars: { 'cart/cartservice-0': 2 }, failed: denied })).observe(
      soak([ambient, pod()]),
    );
    assert.equal(seen.value, '47 refused, 2/2 pods count');
    assert.match(
      seen.message,
      /access logs of the receiving proxies and with "policy rejection" in the log of ztunnel$/,
    );
  });

  it('takes of the mesh-wide scope only the namespaces of its own pods', async () => {
    const failed = [edge('legacy/a', 'cart/redis', 1), edge('legacy/a', 'elsewhere/x', 9)];
    const scopes: Scope[] = [{ kind: 'Mesh', namespace: 'istio-system' }];
    const sight = mesh({ failed });
    const seen = await probe(sight).observe(soak([ambient], { scopes }));
    assert.equal(seen.value, '1 refused, 1/1 pods count');
    assert.ok(sight.asked.every(({ query }) => !query.includes('workload_namespace="')));
  });

  it('leaves out waypoints', async () => {
    const waypoint = pod({ name: 'waypoint-0', gateway: true });
    assert.equal(
      await verdictOf({ failed: [edge('a/b', 'cart/waypoint', 7), edge('a/b', 'cart/redis', 0)] }, [ambient, waypoint]),
      'Healthy',
    );
  });

  it('fits into status whatever the names are', async () => {
    const long = 'x'.repeat(5000);
    const failed = [1, 2, 3, 4].map(n => edge(`l${n}/${long}\n`, `cart/${long}\u0000`, n));
    const seen = await probe(mesh({ failed })).observe(soak([ambient]));
    assert.equal(seen.message.length, 1024);
    assert.doesNotMatch(seen.message, /[\n\0]/);
  });
});
