/** What policies in dry run count, and what of it is evidence: by port, from every pod, for the whole window. */
import assert from 'node:assert/strict';
import type { PlaintextOptions } from '../../src/probes/plaintextTraffic.ts';
import type { Look, Series } from '../../src/probes/probe.ts';
import { shadowTraffic } from '../../src/probes/shadowTraffic.ts';
import { cart, look, metrics, MINUTE, NOW, pod, SECOND } from './scene.ts';

const OPTIONS: PlaintextOptions = { window: '10m', minRequests: 20, source: 'Shadow' };
const SINCE_LONG = new Map([['cart', NOW - 20 * MINUTE]]);

/** What one pod counted: requests of HTTP at a port, or connections of TCP. */
interface Count {
  name?: string;
  /** 0: of TCP. */
  port: number;
  all: number;
  plaintext: number;
}

function answers(counts: readonly Count[]) {
  return metrics(query => {
    const isTcp = query.includes('envoy_tcp');
    const isPlaintext = query.includes('authz_dry_run_result="denied"');
    return counts
      .filter(({ port }) => (port === 0) === isTcp)
      .map(
        ({ name = 'cartservice-0', port, all, plaintext }): Series => ({
          labels: {
            namespace: 'cart',
            pod: name,
            ...(isTcp ? {} : { http_conn_manager_prefix: `inbound_0.0.0.0_${port}` }),
          },
          value: isPlaintext ? plaintext : all,
        }),
      );
  });
}

const seen = (counts: readonly Count[], given: Partial<Look> = {}, options: Partial<PlaintextOptions> = {}) =>
  shadowTraffic('counted', { ...OPTIONS, ...options }, answers(counts)).observe(
    look([pod()], { countedSince: SINCE_LONG, ...given }),
  );

describe('plaintextTraffic by shadows', () => {
  it('is Healthy where all came with mutual TLS, in the whole window, and it was enough', async () => {
    const { verdict, value, samples } = await seen([
      { port: 8080, all: 15, plaintext: 0 },
      { port: 0, all: 5, plaintext: 0 },
    ]);
    assert.deepEqual([verdict, value, samples], ['Healthy', '0 plaintext of 20', 20]);
  });

  it('names workload and port of what came without, busiest first', async () => {
    const { verdict, value, message } = await seen([
      { port: 8080, all: 15, plaintext: 2 },
      { port: 9090, all: 10, plaintext: 1 },
      { port: 0, all: 9, plaintext: 7 },
    ]);
    assert.deepEqual([verdict, value], ['Unhealthy', '10 plaintext of 34']);
    assert.match(
      message,
      /^7 connections to TCP ports of cart\/cartservice; 2 requests to port 8080 of cart\/cartservice; 1 request to port 9090/,
    );
  });

  it('adds up the pods of a workload', async () => {
    const pods = [pod(), pod({ name: 'cartservice-1' })];
    const { message } = await seen(
      [
        { port: 8080, all: 15, plaintext: 2 },
        { name: 'cartservice-1', port: 8080, all: 15, plaintext: 3 },
      ],
      { pods: () => Promise.resolve(pods) },
    );
    assert.match(message, /^5 requests to port 8080 of cart\/cartservice without/);
  });

  it('waits until the window is over, and says so at once when plaintext comes before', async () => {
    const countedSince = new Map([['cart', NOW - 3 * MINUTE]]);
    const { verdict, message } = await seen([{ port: 8080, all: 500, plaintext: 0 }], { countedSince });
    assert.equal(verdict, 'NoData');
    assert.match(message, /counted for 3m of 10m \(window\)/);
    assert.equal((await seen([{ port: 8080, all: 500, plaintext: 1 }], { countedSince })).verdict, 'Unhealthy');
  });

  it('never looks back to when what was open before was not counted', async () => {
    const sight = answers([{ port: 8080, all: 500, plaintext: 0 }]);
    const countedSince = new Map([['cart', NOW - 3 * MINUTE]]);
    await shadowTraffic('counted', OPTIONS, sight).observe(look([pod()], { countedSince }));
    assert.ok(sight.asked.length > 0);
    for (const { query } of sight.asked.filter(({ query: text }) => text.includes('increase')))
      assert.match(query, /\[180s\]/);
  });

  it('asks for traffic of each scope', async () => {
    const { verdict, message } = await seen([{ port: 8080, all: 19, plaintext: 0 }]);
    assert.equal(verdict, 'NoData');
    assert.match(message, /too few .*19 to cart; 20 each are needed/);
    assert.equal((await seen([{ port: 8080, all: 0, plaintext: 0 }], {}, { minRequests: 0 })).verdict, 'Healthy');
  });

  it('is no evidence where a ready pod does not export the counters', async () => {
    const pods = [pod(), pod({ name: 'cartservice-1' }), pod({ name: 'cartservice-2', ready: false })];
    const { verdict, message } = await seen([{ port: 8080, all: 500, plaintext: 0 }], {
      pods: () => Promise.resolve(pods),
    });
    assert.equal(verdict, 'NoData');
    assert.match(message, /the sidecars of 1 of 2 pods \(cart\/cartservice-1\) do not export envoy_http_rbac/);
  });

  it('leaves out what comes to ports that stay open, by port where the port is known', async () => {
    const exempt = () => [8080];
    const http = await seen(
      [
        { port: 8080, all: 50, plaintext: 9 },
        { port: 9090, all: 50, plaintext: 0 },
      ],
      { exempt },
    );
    assert.equal(http.verdict, 'Healthy');
    assert.match(http.message, /ports that stay open is not judged \(9\)/);
    assert.equal((await seen([{ port: 9090, all: 50, plaintext: 1 }], { exempt })).verdict, 'Unhealthy');
    assert.equal((await seen([{ port: 0, all: 50, plaintext: 4 }], { exempt })).verdict, 'Healthy');
  });

  it('is NoData where nobody counts, as for the policy of the mesh', async () => {
    const mesh = { kind: 'Mesh' as const, namespace: 'istio-system' };
    for (const scope of [cart, mesh]) {
      const { verdict, message } = await seen([], { scopes: [scope], countedSince: new Map() });
      assert.equal(verdict, 'NoData');
      assert.match(message, /^nobody counts plaintext to /);
    }
    const countedSince = new Map([['cart', NOW - 5 * SECOND]]);
    assert.match((await seen([], { countedSince })).message, /counted since a moment ago/);
  });

  it('passes a scope without pods in the mesh', async () => {
    const { verdict } = await seen([], {
      pods: () => Promise.resolve([pod({ mesh: 'None' })]),
      countedSince: new Map(),
    });
    assert.equal(verdict, 'Healthy');
  });
});
