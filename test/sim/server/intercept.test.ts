import assert from 'node:assert/strict';
import type { Intercept, InterceptStream } from '../../../src/sim/server/server.ts';
import { bench, MERGE, watch, WIDGETS, widget } from './cluster.ts';

describe('embedded server: interceptors', () => {
  /** A cluster whose next call goes through the given hands. */
  function intercepted() {
    let next: Intercept | undefined;
    const given = bench({
      intercept: (request, proceed) => {
        const [now] = [next];
        next = undefined;
        return now ? now(request, proceed) : proceed();
      },
    });
    return { ...given, once: (intercept: Intercept) => (next = intercept) };
  }

  it('a request that never arrives writes nothing', async () => {
    const { cluster, ask, once } = intercepted();
    const before = cluster.revision;
    once(() => Promise.reject(new Error('ECONNREFUSED')));
    await assert.rejects(ask('POST', WIDGETS, widget('a')), /ECONNREFUSED/);
    assert.equal(cluster.revision, before);
  });

  it('an answer that is lost was written all the same', async () => {
    const { cluster, ask, once } = intercepted();
    once(async (_request, proceed) => {
      await proceed();
      throw new Error('ECONNRESET');
    });
    await assert.rejects(ask('POST', WIDGETS, widget('a')), /ECONNRESET/);
    assert.equal(cluster.get('example.com/v1', 'Widget', 'shop', 'a')?.metadata.generation, 1);
  });

  it('an answer can be late, and another one', async () => {
    const { clock, ask, once } = intercepted();
    once(async (_request, proceed) => {
      await clock.wait(3000);
      return { ...(await proceed()), status: 299 };
    });
    const asked = ask('POST', WIDGETS, widget('a'));
    await clock.advance(2999);
    assert.equal((await ask('GET', `${WIDGETS}/a`)).status, 404);
    await clock.advance(1);
    assert.equal((await asked).status, 299);
  });

  it('sees the request as it was sent, and can let another writer in before it', async () => {
    const { cluster, ask, once } = intercepted();
    const { body } = await ask('POST', WIDGETS, widget('a', { size: 1 }));
    once(async ({ method, path }, proceed) => {
      assert.deepEqual([method, path], ['PATCH', `${WIDGETS}/a`]);
      cluster.put(widget('a', { size: 5 }, { namespace: 'shop' }));
      return proceed();
    });
    const patch = { metadata: { resourceVersion: body.metadata.resourceVersion }, spec: { size: 2 } };
    const { status } = await ask('PATCH', `${WIDGETS}/a`, patch, { contentType: MERGE });
    assert.equal(status, 409);
    assert.deepEqual(cluster.get('example.com/v1', 'Widget', 'shop', 'a')?.spec, { size: 5 });
  });

  it('a watch can bring damaged lines', async () => {
    const damage: InterceptStream = async (_request, proceed) => {
      const stream = await proceed();
      return {
        ...stream,
        lines: (async function* () {
          for await (const line of stream.lines) yield line.slice(0, 20);
        })(),
      };
    };
    const { cluster, transport, ask } = bench({ interceptStream: damage });
    const { ended } = await watch(transport, WIDGETS);
    await ask('POST', WIDGETS, widget('a'));
    await assert.rejects(ended, SyntaxError);
    assert.equal(cluster.watching, 0, 'a reader that gives up is gone');
  });
});
