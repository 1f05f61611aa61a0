/** The watch of the policies falls behind, breaks or talks nonsense: nothing is written on what is no longer so. */
import assert from 'node:assert/strict';
import { type Bench, connectionLost, type MeddleStream } from './harness.ts';
import { checkHistory, outcomeOf } from './oracles.ts';
import { stage } from './plays.ts';
import { policy, SMALL_SHOP } from './scene.ts';

const POLICIES = 'peerauthentications.security.istio.io';
/** Shorter than the reflector takes to see that a watch is dead. */
const BEHIND_MS = 200_000;

describe('an operator that does not see what happens', function () {
  this.timeout(60_000);

  it('makes no write on a view that is behind, whenever a user edits a policy', async () => {
    for (const moment of [0, 5_000, 9_000, 11_000, 31_000, 39_000, 50_000]) {
      const { bench, lag } = await begin();
      await bench.clock.advance(moment);
      lag.on = true;
      for (const name of ['email', 'cart']) label(bench, name);
      await bench.clock.advance(BEHIND_MS);
      const tries = bench.writes().filter(({ kind, at }) => kind === 'peerauthentications' && at >= moment);
      assert.ok(tries.length <= BEHIND_MS / 1000, `${tries.length} writes of policies in ${BEHIND_MS / 1000} s`);
      lag.on = false;
      bench.cluster.cutWatches();
      await bench.untilPhase('Completed');
      bench.end();
      checkFresh(bench);
      checkHistory(bench, { others: true });
      for (const name of ['email', 'cart'])
        assert.equal(bench.policy(name, 'default')?.metadata.labels?.['edited'], 'yes', `${name}, edited at ${moment}`);
    }
  });

  it('decides nothing before it sees what it wrote itself', async () => {
    const { bench, lag } = await begin({ on: true });
    await bench.clock.advance(30_000);
    const requests = bench.calls.filter(({ kind, at }) => kind === 'peerauthentications' && at < 30_000);
    // the list at the begin, the look before the create, and the create
    assert.deepEqual(
      requests.map(({ method }) => method),
      ['GET', 'GET', 'POST'],
    );
    assert.equal(bench.status().step?.stage, 'Preparing');
    lag.on = false;
    bench.cluster.cutWatches();
    await bench.untilPhase('Completed');
    bench.end();
    checkHistory(bench);
  });

  it('creates nothing where somebody else has set a policy that it has not seen', async () => {
    const { bench, lag } = await begin();
    await bench.clock.runUntil(() => bench.status().step?.scopes.includes('cart') === true, 100_000);
    lag.on = true;
    bench.cluster.put(policy('payment', 'default', { mtls: { mode: 'STRICT' } }), 'somebody');
    // cart moves on as soon as the view is no longer behind what the operator itself wrote
    await bench.clock.advance(15_000);
    lag.on = false;
    lag.without = 'payment';
    bench.cluster.cutWatches();
    await bench.clock.advance(60_000);
    assert.equal(bench.policy('payment', 'mtls-rollout'), undefined);
    const creates = bench.writes().filter(({ method, kind }) => method === 'POST' && kind === 'peerauthentications');
    assert.deepEqual(
      creates.map(({ path }) => path.split('/').at(-2)),
      ['ad'],
    );
    lag.without = undefined;
    // only a new list brings what a watch has left out
    lag.on = true;
    label(bench, 'cart');
    await bench.clock.advance(1_000);
    bench.cluster.compact();
    bench.cluster.cutWatches();
    lag.on = false;
    await bench.untilPhase('Completed');
    bench.end();
    assert.deepEqual(bench.policy('payment', 'default')?.['spec'], { mtls: { mode: 'STRICT' } });
  });

  it('ends in the same place when watches break again and again', async () => {
    const whole = await begin();
    await whole.bench.untilPhase('Completed');
    whole.bench.end();
    const broken: Record<string, (bench: Bench) => void> = {
      'cut in order': bench => bench.cluster.cutWatches(),
      'connection lost': bench => bench.cluster.cutWatches(connectionLost('reset')),
      'history compacted': bench => {
        bench.cluster.compact();
        bench.cluster.cutWatches();
      },
    };
    for (const [what, doIt] of Object.entries(broken)) {
      const { bench } = await begin();
      for (let done = false; !done; done = bench.status().phase === 'Completed') {
        await bench.clock.advance(7_000);
        doIt(bench);
      }
      bench.end();
      assert.deepEqual(outcomeOf(bench), outcomeOf(whole.bench), what);
      checkHistory(bench);
    }
  });

  it('lists again after a damaged line and a watch that is refused', async () => {
    const { bench, lag } = await begin();
    lag.damage = true;
    bench.cluster.cutWatches();
    await bench.clock.advance(20_000);
    lag.damage = false;
    await bench.untilPhase('Completed');
    bench.end();
    checkHistory(bench);
    checkFresh(bench);
  });
});

interface Lag {
  /** Events stay away. */
  on: boolean;
  /** Events and list items of this namespace stay away. */
  without: string | undefined;
  /** Every other watch ends in half a line, the rest is refused. */
  damage: boolean;
}

/** A rollout with a watch of policies that can be made to fall behind. */
async function begin({ on = false } = {}): Promise<{ bench: Bench; lag: Lag }> {
  const bench = stage({ namespaces: SMALL_SHOP });
  const lag: Lag = { on, without: undefined, damage: false };
  let watches = 0;
  const meddle: MeddleStream = async (request, proceed) => {
    if (!request.path.endsWith('/peerauthentications')) return await proceed();
    watches++;
    if (lag.damage && watches % 2 === 0) throw connectionLost('refused');
    const stream = await proceed();
    return { ...stream, lines: through(stream.lines, lag) };
  };
  bench.meddleStream = meddle;
  bench.meddle = async ({ path, method }, proceed) => {
    const answer = await proceed();
    if (lag.without === undefined || method !== 'GET' || !path.endsWith('v1beta1/peerauthentications')) return answer;
    const body = answer.body as { items: { metadata: { namespace: string } }[] };
    return { ...answer, body: { ...body, items: body.items.filter(item => item.metadata.namespace !== lag.without) } };
  };
  await bench.start();
  return { bench, lag };
}

async function* through(lines: AsyncIterable<string>, lag: Lag): AsyncGenerator<string> {
  if (lag.damage) yield '{"type":"MODIFIED","object":{"metad';
  for await (const line of lines) {
    if (lag.on || (lag.without && line.includes(`"namespace":"${lag.without}"`))) continue;
    yield line;
  }
}

/** Each accepted write of a policy replaced the very version that it named, and none was created beside another. */
function checkFresh(bench: Bench): void {
  const versions = new Map<string, string>();
  const accepted = bench.writes().filter(({ kind, status = 500 }) => kind === 'peerauthentications' && status < 300);
  for (const { table, verb, object, previous } of bench.history) {
    if (table === POLICIES && verb === 'update') {
      const { namespace, name, resourceVersion } = object.metadata;
      versions.set(`${namespace}/${name}@${previous?.metadata.resourceVersion}`, resourceVersion);
    }
  }
  for (const { method, path, request } of accepted.filter(({ method: verb }) => verb === 'PATCH')) {
    const { resourceVersion } = (request.body as { metadata: { resourceVersion: string } }).metadata;
    const [, namespace, name] = /namespaces\/([^/]+)\/peerauthentications\/([^/]+)/.exec(path) ?? [];
    const version = versions.get(`${namespace}/${name}@${resourceVersion}`);
    assert.ok(version, `${method} ${path} did not replace version ${resourceVersion}`);
  }
}

function label(bench: Bench, namespace: string): void {
  const object = bench.policy(namespace, 'default')!;
  const labels = { ...object.metadata.labels, edited: 'yes' };
  bench.cluster.put({ ...object, metadata: { ...object.metadata, labels } }, 'somebody');
}
