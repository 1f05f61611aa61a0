/** Somebody else weakens what a rollout had set, once or each time: what is in the cluster then, and what is written. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { KubeObject } from '../../src/sim/server/value.ts';
import { Bench } from './harness.ts';
import { POLICY_API, ROLLOUT_API, ROOT, rollout, scene, SMALL_SHOP, waves } from './scene.ts';

const MINUTES = 60_000;
const HOUR = 3_600_000;
const GITOPS = 'argocd-controller';

async function completed(spec: Partial<SpecInput> = {}): Promise<Bench> {
  const bench = new Bench([...scene(SMALL_SHOP), rollout({ ...waves(SMALL_SHOP), ...spec })]);
  await bench.start();
  await bench.untilPhase('Completed');
  return bench;
}

function setBack(bench: Bench, object: KubeObject): void {
  bench.cluster.put({ ...object, spec: { mtls: { mode: 'PERMISSIVE' } } }, GITOPS);
}

/** A tool that has PERMISSIVE in Git for this policy, and writes it whenever it sees anything else. */
function fightFor(bench: Bench, namespace: string, name: string): { reverts: number } {
  const tally = { reverts: 0 };
  bench.cluster.subscribe(() => {
    const found = bench.policy(namespace, name);
    if ((found?.['spec'] as { mtls?: { mode?: string } } | undefined)?.mtls?.mode !== 'STRICT') return;
    tally.reverts += 1;
    setBack(bench, found!);
  });
  return tally;
}

const modeOf = (bench: Bench, namespace: string) => bench.sight.mode(namespace);
const condition = (bench: Bench, type: string) => bench.status().conditions?.find(each => each.type === type);

function writesOf(bench: Bench, namespace: string, since: number): string[] {
  return bench
    .writes()
    .filter(({ kind, path, at }) => kind === 'peerauthentications' && path.includes(`/${namespace}/`) && at > since)
    .map(({ method }) => method);
}

function eventsOf(bench: Bench, reason: string): KubeObject[] {
  return bench.cluster.list('events.k8s.io/v1', 'Event').filter(event => event['reason'] === reason);
}

function now(bench: Bench): number {
  return bench.calls.at(-1)?.at ?? 0;
}

describe('drift', () => {
  it('is reported with the name of who did it, and nothing is written', async () => {
    const bench = await completed();
    const since = now(bench);
    setBack(bench, bench.policy('cart', 'default')!);
    await bench.clock.advance(2 * HOUR);
    assert.equal(modeOf(bench, 'cart'), 'PERMISSIVE');
    assert.deepEqual(writesOf(bench, 'cart', since), []);
    assert.equal(condition(bench, 'Drifted')?.status, 'True');
    assert.match(
      condition(bench, 'Drifted')?.message ?? '',
      new RegExp(`cart/default was set to PERMISSIVE by ${GITOPS}`),
    );
    assert.equal(condition(bench, 'Ready')?.status, 'False');
    assert.equal(eventsOf(bench, 'Drifted').length, 1);
    bench.end();
  });

  it('is corrected with new evidence, and what others had set besides stays', async () => {
    const bench = await completed({ drift: 'Correct' });
    const since = now(bench);
    setBack(bench, bench.policy('cart', 'default')!);
    await bench.clock.advance(10 * MINUTES);
    bench.end();
    assert.equal(bench.status().phase, 'Completed');
    assert.equal(modeOf(bench, 'cart'), 'STRICT');
    assert.deepEqual(writesOf(bench, 'cart', since), ['PATCH'], 'one write');
    assert.equal(bench.policy('cart', 'default')?.metadata.labels?.['team'], 'checkout');
  });

  it('of a deleted policy is corrected by a new one', async () => {
    const bench = await completed({ drift: 'Correct' });
    bench.cluster.remove(POLICY_API, 'PeerAuthentication', 'ad', 'mtls-rollout');
    await bench.clock.advance(10 * MINUTES);
    bench.end();
    assert.equal(bench.status().phase, 'Completed');
    assert.equal(modeOf(bench, 'ad'), 'STRICT');
    assert.equal(eventsOf(bench, 'Drifted').length, 1);
  });

  it('is not corrected while plaintext comes through the open door', async () => {
    const bench = await completed({ drift: 'Correct' });
    bench.sight.plaintext = name => (name === 'cart' ? 7 : 0);
    setBack(bench, bench.policy('cart', 'default')!);
    await bench.clock.advance(HOUR);
    assert.equal(modeOf(bench, 'cart'), 'PERMISSIVE');
    assert.match(bench.status().message ?? '', /7 requests from somebody/);
    bench.sight.plaintext = () => 0;
    await bench.clock.advance(10 * MINUTES);
    bench.end();
    assert.equal(modeOf(bench, 'cart'), 'STRICT');
  });

  for (const restarts of [false, true])
    it(`that comes back each time is written three times, then never again${restarts ? ', whoever leads' : ''}`, async () => {
      const bench = await completed({ drift: 'Correct' });
      const since = now(bench);
      fightFor(bench, 'cart', 'default');
      for (let n = 0; n < 12; n++) {
        await bench.clock.advance(2 * MINUTES);
        if (!restarts) continue;
        for (const running of bench.running) running.kill();
        await bench.start(`restart-${n}`);
      }
      await bench.clock.advance(6 * HOUR);
      bench.end();
      const written = writesOf(bench, 'cart', since);
      assert.ok(written.length <= 3, written.join());
      assert.equal(modeOf(bench, 'cart'), 'PERMISSIVE');
      assert.equal(condition(bench, 'Stalled')?.reason, 'DriftFight');
      assert.match(bench.status().message ?? '', new RegExp(`by ${GITOPS}; written 3 times`));
      assert.equal(eventsOf(bench, 'DriftFight').length, 1);
      for (const name of ['ad', 'email', 'payment']) assert.equal(modeOf(bench, name), 'STRICT', name);
    });

  it('that somebody fights for does not keep others from being corrected', async () => {
    const bench = await completed({ drift: 'Correct' });
    fightFor(bench, 'cart', 'default');
    setBack(bench, bench.policy('cart', 'default')!);
    await bench.clock.advance(HOUR);
    assert.equal(condition(bench, 'Stalled')?.reason, 'DriftFight');
    setBack(bench, bench.policy('email', 'default')!);
    await bench.clock.advance(10 * MINUTES);
    bench.end();
    assert.equal(modeOf(bench, 'email'), 'STRICT');
    assert.equal(condition(bench, 'Stalled')?.reason, 'DriftFight');
  });

  it('waits while the rollout is suspended', async () => {
    const bench = await completed({ drift: 'Correct' });
    const since = now(bench);
    bench.cluster.put(rollout({ ...waves(SMALL_SHOP), drift: 'Correct', suspend: true }));
    setBack(bench, bench.policy('cart', 'default')!);
    await bench.clock.advance(HOUR);
    bench.end();
    assert.equal(bench.cluster.get(ROLLOUT_API, 'MtlsRollout', ROOT, 'shop')?.metadata.name, 'shop');
    assert.deepEqual(writesOf(bench, 'cart', since), []);
    assert.equal(bench.status().phase, 'Suspended');
    assert.equal(condition(bench, 'Drifted')?.status, 'True');
  });
});

describe('the guard', () => {
  it('says that a port is not STRICT although its policy is, and rolls nothing back', async () => {
    const bench = await completed();
    const since = now(bench);
    const { sight } = bench;
    const hello = sight.hello.bind(sight);
    const cart = SMALL_SHOP.indexOf('cart') + 1;
    sight.hello = (address, port) =>
      address === `10.0.0.${cart}` ? Promise.resolve({ kind: 'Plaintext' }) : hello(address, port);
    await bench.clock.advance(11 * MINUTES);
    assert.equal(bench.status().phase, 'Completed');
    assert.equal(condition(bench, 'Stalled')?.reason, 'GuardUnhealthy');
    assert.match(bench.status().message ?? '', /4 scopes STRICT; probe enforced objects since .*cart/);
    assert.equal(bench.status().summary?.waitingOn, 'probe enforced');
    await bench.clock.advance(2 * HOUR);
    assert.equal(eventsOf(bench, 'GuardUnhealthy').length, 1);
    assert.equal(bench.writes().filter(({ kind, at }) => kind === 'peerauthentications' && at > since).length, 0);
    sight.hello = hello;
    await bench.clock.advance(11 * MINUTES);
    bench.end();
    assert.equal(condition(bench, 'Ready')?.status, 'True');
  });

  it('says once that something without a proxy has come, and when it is gone', async () => {
    const bench = await completed();
    assert.equal(condition(bench, 'Unmeshed')?.status, 'False');
    const spec = { containers: [{ name: 'app', image: 'batch' }] };
    const metadata = { name: 'batch', namespace: 'cart', labels: { 'sidecar.istio.io/inject': 'false' } };
    bench.cluster.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec,
      status: { phase: 'Running', podIP: '10.0.9.9' },
    });
    await bench.clock.advance(25 * MINUTES);
    assert.equal(condition(bench, 'Unmeshed')?.status, 'True');
    assert.equal(condition(bench, 'Unmeshed')?.reason, 'UnmeshedWorkload');
    assert.match(
      condition(bench, 'Unmeshed')?.message ?? '',
      /no effect on 1 workload in what is done: Pod cart\/batch/,
    );
    assert.equal(condition(bench, 'Ready')?.status, 'True', 'what is in the mesh is STRICT all the same');
    assert.equal(eventsOf(bench, 'UnmeshedWorkload').length, 1);
    bench.cluster.remove('v1', 'Pod', 'cart', 'batch');
    await bench.clock.advance(11 * MINUTES);
    bench.end();
    assert.equal(condition(bench, 'Unmeshed')?.status, 'False');
  });
});
