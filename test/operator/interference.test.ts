/**
 * Somebody else is at work on a policy of a way back, or the API server refuses a part of it: what they set stays, what
 * they delete is not made again, everything else is restored, and it ends alone as soon as it can.
 */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { Bench, connectionLost } from './harness.ts';
import { policiesLeft } from './oracles.ts';
import { POLICY_API, rollout, scene, SMALL_SHOP, waves } from './scene.ts';

const OUTAGE_MS = 120_000;

/** What somebody does to the policy of `cart`, and what is left of it in the end. */
const HANDS: Record<string, { act: (bench: Bench) => void; left: object | undefined }> = {
  'sets our field': { act: edit({ spec: { mtls: { mode: 'DISABLE' } } }), left: { mtls: { mode: 'DISABLE' } } },
  'labels it': { act: edit({ metadata: { labels: { hand: 'theirs' } } }), left: { mtls: { mode: 'PERMISSIVE' } } },
  'deletes it': {
    act: ({ cluster }) => void cluster.remove(POLICY_API, 'PeerAuthentication', 'cart', 'default'),
    left: undefined,
  },
};
const WAYS: Record<string, Partial<SpecInput>> = {
  'a rollback': { rollback: { extent: 'All' } },
  'mode Revert': {},
};

describe('a way back on which others are', function () {
  this.timeout(60_000);

  for (const [way, spec] of Object.entries(WAYS))
    for (const [what, { act, left }] of Object.entries(HANDS))
      it(`${way}: somebody ${what}, before each of its writes`, async () => {
        const { points } = await perform(way, spec);
        assert.ok(points >= 4, `${points} writes`);
        for (let point = 1; point <= points; point++) {
          const { bench } = await perform(way, spec, { act, point });
          const cart = bench.policy('cart', 'default');
          // what was restored before may be changed after, and is theirs then too
          assert.deepEqual(cart?.['spec'], left, `write ${point}`);
          if (what === 'labels it') assert.equal(cart?.metadata.labels?.['hand'], 'theirs');
          assert.ok(policiesLeft(bench).every(({ governed }) => !governed));
        }
      });

  for (const [what, refusal] of [
    [
      'a webhook denies it',
      () => Promise.resolve(answer(403, 'Forbidden', 'admission webhook "no" denied the request')),
    ],
    ['the webhook does not answer', () => Promise.resolve(answer(500, 'InternalError', 'failed calling webhook'))],
    ['the API server is gone', () => Promise.reject(connectionLost('connection refused'))],
  ] as const)
    it(`restores the rest while ${what}, says so once, tightens nothing, and ends alone`, async () => {
      const bench = stage('mode Revert', {});
      await bench.start();
      await bench.untilPhase('Completed');
      let from = Infinity;
      bench.meddle = async ({ kind, method, path }, proceed) => {
        const isMeant = kind === 'peerauthentications' && method !== 'GET' && path.includes('/cart/');
        return isMeant && bench.clock.now() < from + OUTAGE_MS ? await refusal() : await proceed();
      };
      from = bench.clock.now();
      setMode(bench, 'Revert');
      await bench.clock.advance(OUTAGE_MS / 2);
      const governed = policiesLeft(bench).filter(policy => policy.governed);
      assert.deepEqual(
        governed.map(({ policy }) => policy),
        ['cart/default'],
      );
      const { phase, message } = bench.status();
      assert.equal(phase, 'RollingBack');
      assert.match(message!, /^cannot .*; mode Revert, 1 of 4 policies to restore/);
      const told = bench.cluster
        .list('events.k8s.io/v1', 'Event')
        .filter(({ reason }) => String(reason).startsWith('Write'));
      assert.equal(told.length, 1);
      await bench.untilPhase('Reverted');
      assert.ok(policiesLeft(bench).every(policy => !policy.governed));
      bench.end();
    });
});

function stage(way: string, spec: Partial<SpecInput>): Bench {
  const bench = new Bench([...scene(SMALL_SHOP), rollout({ ...waves(SMALL_SHOP), ...spec })]);
  if (way === 'a rollback')
    bench.sight.plaintext = name => (name === 'payment' && bench.sight.mode(name) === 'STRICT' ? 5 : 0);
  return bench;
}

/** The whole way forth and back; `act` comes right before the write of that number on the way back. */
async function perform(way: string, spec: Partial<SpecInput>, hand?: { act: (bench: Bench) => void; point: number }) {
  const bench = stage(way, spec);
  let points = 0;
  bench.meddle = async ({ kind, method }, proceed) => {
    const isBack = bench.status().phase === 'RollingBack';
    if (isBack && kind === 'peerauthentications' && method !== 'GET' && ++points === hand?.point) hand.act(bench);
    return await proceed();
  };
  await bench.start();
  if (way === 'mode Revert') {
    await bench.untilPhase('Completed');
    setMode(bench, 'Revert');
  }
  await bench.untilPhase(way === 'mode Revert' ? 'Reverted' : 'RolledBack');
  await bench.clock.advance(30_000);
  bench.end();
  return { bench, points };
}

function setMode(bench: Bench, mode: SpecInput['mode']): void {
  const there = bench.rollout()!;
  bench.cluster.put({ ...there, spec: { ...(there['spec'] as object), mode } }, 'somebody');
}

function edit({ spec, metadata = {} }: { spec?: object; metadata?: object }) {
  return (bench: Bench): void => {
    const there = bench.policy('cart', 'default')!;
    const changed = { ...there, metadata: { ...there.metadata, ...metadata }, ...(spec ? { spec } : {}) };
    bench.cluster.put(changed, 'kubectl-edit');
  };
}

function answer(status: number, reason: string, message: string) {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code: status };
  return { status, headers: {}, body };
}
