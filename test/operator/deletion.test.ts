/**
 * A rollout is deleted in each of its stages. With Restore its policies go back to what they were and only then it is
 * gone; with Keep, and with its whole namespace, nothing waits for anything.
 */
import assert from 'node:assert/strict';
import { RESTORE_FINALIZER } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Status } from '../../src/api/status.ts';
import { Bench, connectionLost } from './harness.ts';
import { checkHistory, policiesLeft, rulesLeft } from './oracles.ts';
import { disabled, namespace, pod, policy, QUICK, rollout, ROOT, scene, SMALL_SHOP, waves } from './scene.ts';

const HOUR = 3_600_000;
const PATH = '/apis/mtlsrollout.io/v1alpha1/namespaces';

interface Place {
  is: (status: Status) => boolean;
  /** What has to happen on the way. */
  first?: (bench: Bench) => Promise<void>;
}

const soaking =
  (scope: string) =>
  ({ step }: Status): boolean =>
    step?.stage === 'Soaking' && step.scopes.includes(scope);

/** Every place in which a rollout may stand. */
const PLACES: Record<string, Place> = {
  ...Object.fromEntries(
    (['Preparing', 'Observing', 'Enforcing', 'Soaking'] as const).map((stage): [string, Place] => [
      stage,
      { is: ({ step }) => step?.stage === stage },
    ]),
  ),
  'the last step': { is: soaking('payment') },
  Completed: { is: ({ phase }) => phase === 'Completed' },
  RollingBack: { is: ({ phase }) => phase === 'RollingBack', first: async bench => fail(bench) },
  RolledBack: { is: ({ phase }) => phase === 'RolledBack', first: async bench => fail(bench) },
  Paused: {
    is: ({ phase }) => phase === 'Paused',
    first: async bench => {
      await until(bench, soaking('cart'));
      const there = bench.policy('cart', 'default')!;
      bench.cluster.put({ ...there, spec: { mtls: { mode: 'PERMISSIVE' } } }, 'kubectl-edit');
    },
  },
  Suspended: { is: ({ phase }) => phase === 'Suspended', first: edited({ suspend: true }) },
  Planned: { is: ({ phase }) => phase === 'Planned', first: edited({ mode: 'Plan' }) },
  'mode Revert': { is: ({ phase }) => phase === 'RollingBack', first: edited({ mode: 'Revert' }) },
  Reverted: { is: ({ phase }) => phase === 'Reverted', first: edited({ mode: 'Revert' }) },
};

function edited(spec: Partial<SpecInput>) {
  return async (bench: Bench) => {
    await until(bench, soaking('cart'));
    edit(bench, spec);
  };
}

describe('deleting a rollout', function () {
  this.timeout(60_000);

  for (const [name, place] of Object.entries(PLACES))
    describe(`in ${name}`, () => {
      it('with Restore brings back what was there, and then lets it go', async () => {
        const { bench, before } = await begin({ deletionPolicy: 'Restore' });
        await removeIn(bench, place);
        await untilGone(bench);
        assert.deepEqual(policiesLeft(bench), before);
        assert.deepEqual(rulesLeft(bench), []);
        await bench.clock.advance(60_000);
        assert.deepEqual(policiesLeft(bench), before);
        bench.end();
        checkHistory(bench);
      });

      it('with Keep leaves everything as it is just then, and waits for nothing', async () => {
        const { bench } = await begin({});
        await removeIn(bench, place);
        assert.equal(bench.rollout(), undefined);
        // what had been decided just then may be under way
        await bench.clock.advance(1_000);
        const then = policiesLeft(bench);
        await bench.clock.advance(120_000);
        assert.deepEqual(policiesLeft(bench), then);
        bench.end();
      });
    });

  it('with Restore waits for an operator that is down', async () => {
    const { bench, before } = await begin({ deletionPolicy: 'Restore' });
    await until(bench, soaking('ad'));
    bench.end();
    await remove(bench);
    await bench.clock.advance(HOUR);
    assert.ok(bench.rollout(), 'still there');
    await bench.start('second');
    await untilGone(bench);
    assert.deepEqual(policiesLeft(bench), before);
    bench.end();
    checkHistory(bench);
  });

  it('with Restore waits until the pods show it, and no longer than two minutes where they cannot', async () => {
    for (const [answers, most] of [
      [true, 40_000],
      [false, 150_000],
    ] as const) {
      const { bench } = await begin({ deletionPolicy: 'Restore' });
      const slow = bench.sight;
      let from = Infinity;
      bench.otherSight = {
        query: promql => slow.query(promql),
        call: request => slow.call(request),
        // what was written takes half a minute to reach the proxies
        hello: (address, port) => {
          const isOld = bench.clock.now() < from + 30_000 && from < Infinity;
          if (!answers && from < Infinity) return Promise.resolve({ kind: 'Timeout' });
          const spiffe = `spiffe://cluster.local/ns/${SMALL_SHOP[Number(address.split('.')[3]) - 1]}/sa/default`;
          return isOld
            ? Promise.resolve({ kind: 'Certificate', spiffe, validTo: undefined })
            : slow.hello(address, port);
        },
      };
      for (const running of bench.running) running.kill();
      await bench.start('looking');
      await bench.untilPhase('Completed');
      from = bench.clock.now();
      await remove(bench);
      await untilGone(bench);
      const took = bench.clock.now() - from;
      assert.ok(took >= (answers ? 30_000 : 120_000) && took < most, `${took} ms`);
      bench.end();
    }
  });

  it('with Restore goes back to DISABLE too, and leaves no pin', async () => {
    const { bench, before } = await begin({ deletionPolicy: 'Restore' }, ['ad', 'payment'].flatMap(disabled));
    await bench.untilPhase('Completed');
    await remove(bench);
    await untilGone(bench);
    assert.deepEqual(policiesLeft(bench), before);
    assert.deepEqual(rulesLeft(bench), []);
    bench.end();
    checkHistory(bench);
  });

  it('keeps others from its scopes until everything is restored', async () => {
    const { bench } = await begin({ deletionPolicy: 'Restore' });
    await bench.untilPhase('Completed');
    bench.cluster.put(rollout(waves(SMALL_SHOP), 'next'));
    await until(bench, ({ phase }) => phase === 'Refused', 'next');
    await remove(bench);
    await untilGone(bench);
    await bench.untilPhase('Completed', 'next');
    bench.end();
    checkHistory(bench);
  });

  describe('has a finalizer', () => {
    const held = (bench: Bench) => bench.rollout()?.metadata.finalizers ?? [];

    it('before the first policy is written', async () => {
      const { bench } = await begin({ deletionPolicy: 'Restore' });
      let first: string[] | undefined;
      bench.cluster.subscribe(({ table }) => {
        if (table.startsWith('peerauth')) first ??= held(bench);
      });
      await until(bench, ({ step }) => step?.stage === 'Observing');
      assert.deepEqual(first, [RESTORE_FINALIZER]);
      bench.end();
    });

    it('only with Restore, only once something is written, and beside those of others', async () => {
      const { bench } = await begin({ mode: 'Plan', deletionPolicy: 'Restore' });
      await bench.untilPhase('Planned');
      assert.deepEqual(held(bench), []);
      const there = bench.rollout()!;
      bench.cluster.put({ ...there, metadata: { ...there.metadata, finalizers: ['example.com/audit'] } });
      edit(bench, { mode: 'Enforce' });
      await until(bench, ({ step }) => step?.stage === 'Soaking');
      assert.deepEqual(held(bench), ['example.com/audit', RESTORE_FINALIZER]);
      edit(bench, { deletionPolicy: 'Keep' });
      await bench.clock.advance(1_000);
      assert.deepEqual(held(bench), ['example.com/audit']);
      bench.end();
    });

    it('also when Restore comes later, until everything is reverted', async () => {
      const { bench } = await begin({});
      await bench.untilPhase('Completed');
      assert.deepEqual(held(bench), []);
      edit(bench, { deletionPolicy: 'Restore' });
      await bench.clock.advance(1_000);
      assert.deepEqual(held(bench), [RESTORE_FINALIZER]);
      edit(bench, { mode: 'Revert' });
      await bench.untilPhase('Reverted');
      await bench.clock.advance(1_000);
      assert.deepEqual(held(bench), []);
      bench.end();
    });

    it('or writes nothing, and says so', async () => {
      const { bench, before } = await begin({ deletionPolicy: 'Restore' });
      bench.meddle = async ({ kind, method }, proceed) =>
        kind === 'mtlsrollouts' && method === 'PATCH'
          ? { status: 403, headers: {}, body: { kind: 'Status', message: 'no', reason: 'Forbidden', code: 403 } }
          : await proceed();
      await until(bench, ({ conditions = [] }) =>
        conditions.some(({ type, reason }) => type === 'Stalled' && reason === 'WriteForbidden'),
      );
      assert.match(bench.status().message!, /^cannot patch MtlsRollout istio-system\/shop/);
      await bench.clock.advance(120_000);
      assert.deepEqual(policiesLeft(bench), before);
      bench.meddle = undefined;
      await bench.untilPhase('Completed');
      bench.end();
    });
  });

  describe('with its whole namespace', () => {
    const own = (spec: Partial<SpecInput>) => [
      namespace('own'),
      pod('own', '10.0.4.1'),
      policy('own', 'theirs', { mtls: { mode: 'PERMISSIVE' } }),
      rollout({ target: { namespace: {} }, ...QUICK, ...spec }, 'own', 'own'),
    ];

    for (const deletionPolicy of ['Keep', 'Restore'] as const)
      it(`and ${deletionPolicy} does not hold the namespace`, async () => {
        const bench = new Bench([...scene(SMALL_SHOP), ...own({ deletionPolicy })]);
        await bench.start();
        await until(bench, ({ step }) => step?.stage === 'Soaking', 'own', 'own');
        await bench.cluster.call({ method: 'DELETE', path: '/api/v1/namespaces/own' });
        await bench.clock.runUntil(() => bench.cluster.get('v1', 'Namespace', '', 'own') === undefined, 30_000);
        bench.end();
      });
  });

  it('goes on after every failed write', async () => {
    const { bench: calm } = await begin({ deletionPolicy: 'Restore' });
    await calm.untilPhase('Completed');
    const from = calm.writes().length;
    await remove(calm);
    await untilGone(calm);
    const points = calm.writes().length - from;
    calm.end();
    assert.ok(points > 5);
    for (let point = 1; point <= points; point++)
      for (const isLate of [false, true]) {
        const { bench, before } = await begin({ deletionPolicy: 'Restore' });
        await bench.untilPhase('Completed');
        const first = bench.writes().length;
        await remove(bench);
        bench.meddle = async (call, proceed) => {
          if (call.write !== first + point) return await proceed();
          if (isLate) await proceed();
          for (const running of bench.running) running.kill();
          throw connectionLost('socket hang up');
        };
        await bench.clock.runUntil(() => bench.running.size === 0 || bench.rollout() === undefined, HOUR);
        if (bench.running.size === 0) await bench.start('second');
        await untilGone(bench);
        assert.deepEqual(policiesLeft(bench), before);
        bench.end();
        checkHistory(bench);
      }
  });
});

async function begin(spec: Partial<SpecInput>, more: object[] = []) {
  const bench = new Bench([...scene(SMALL_SHOP), ...more, rollout({ ...waves(SMALL_SHOP), ...spec })]);
  const before = policiesLeft(bench);
  await bench.start();
  return { bench, before };
}

function fail(bench: Bench): void {
  bench.sight.plaintext = name => (name === 'payment' && bench.sight.mode(name) === 'STRICT' ? 5 : 0);
}

async function until(bench: Bench, wanted: (status: Status) => boolean, name = 'shop', where = ROOT): Promise<void> {
  await bench.clock.runUntil(() => wanted(bench.status(name, where)), HOUR);
}

function edit(bench: Bench, spec: Partial<SpecInput>): void {
  const there = bench.rollout()!;
  bench.cluster.put({ ...there, spec: { ...(there['spec'] as object), ...spec } }, 'somebody');
}

/** At the moment at which it stands there: some stages last no longer than a write. */
async function removeIn(bench: Bench, { is, first }: Place): Promise<void> {
  let isRemoved = false;
  bench.meddle = async (_, proceed) => {
    const answer = await proceed();
    if (!isRemoved && is(bench.status())) {
      isRemoved = true;
      await remove(bench);
    }
    return answer;
  };
  await first?.(bench);
  await bench.clock.runUntil(() => isRemoved, HOUR);
}

async function remove(bench: Bench): Promise<void> {
  const { status } = await bench.cluster.call({ method: 'DELETE', path: `${PATH}/${ROOT}/mtlsrollouts/shop` });
  assert.equal(status, 200);
}

async function untilGone(bench: Bench): Promise<void> {
  try {
    await bench.clock.runUntil(() => bench.rollout() === undefined, HOUR);
  } catch (error) {
    throw new Error(`still there: ${bench.status().message}`, { cause: error });
  }
}
