/** Alerts that fire hold every rollout before STRICT; so does not knowing. */
import assert from 'node:assert/strict';
import type { Alert } from '../../src/rollout/gates/alerts.ts';
import { RemoteError } from '../../src/probes/remote.ts';
import { Bench } from './harness.ts';
import { checkHistory } from './oracles.ts';
import { goalOf, stage } from './plays.ts';
import { calm, CALM, rollout, scene, SMALL_SHOP, START, waves } from './scene.ts';

const MINUTES = 60_000;
const ALERT: Alert = { name: 'MeshErrors', since: START - 120_000, labels: { severity: 'critical' } };

interface Watched {
  bench: Bench;
  /** When alerts were asked for, virtual milliseconds since the begin. */
  asked: number[];
  /** What fires from now on, or what goes wrong. */
  now: { firing: Alert[] | Error };
}

function watched(bench = stage({ namespaces: SMALL_SHOP })): Watched {
  const asked: number[] = [];
  const now: Watched['now'] = { firing: [] };
  bench.alerts = async () => {
    asked.push(bench.clock.now() - START);
    if (now.firing instanceof Error) throw now.firing;
    return now.firing;
  };
  return { bench, asked, now };
}

function strict({ sight }: Bench): string[] {
  return SMALL_SHOP.filter(name => sight.mode(name) === 'STRICT');
}

/** Something happens while a step waits for evidence, which is then there; an answer of before is too old by then. */
async function observing(bench: Bench, happens: () => void): Promise<void> {
  bench.sight.plaintext = () => 5;
  await bench.start();
  await bench.clock.runUntil(() => bench.status().step?.stage === 'Observing', 10 * MINUTES);
  happens();
  await bench.clock.advance(16_000);
  bench.sight.plaintext = () => 0;
}

describe('an alert that fires', () => {
  it('before the first step holds it, and lets it begin soon after it is resolved', async () => {
    const { bench, now } = watched();
    now.firing = [ALERT];
    await bench.start();
    await bench.clock.advance(30 * MINUTES);
    const { phase, message, summary, conditions } = bench.status();
    assert.deepEqual([phase, summary?.waitingOn], ['Pending', 'alert MeshErrors']);
    assert.match(
      message!,
      /^wave leaf, step 1\/3: ad and email held since 09:00:00: alert MeshErrors fires since 08:58:00 \(severity critical\); it/,
    );
    assert.equal(conditions?.find(({ type }) => type === 'Stalled')?.status, 'False');
    assert.equal(bench.writes().filter(({ kind }) => kind === 'peerauthentications').length, 0);
    now.firing = [];
    await bench.clock.advance(16_000);
    assert.notEqual(bench.status().step?.stage, 'Pending');
    await bench.untilPhase('Completed');
    bench.end();
    checkHistory(bench);
  });

  it('while a step collects evidence keeps it from STRICT', async () => {
    const { bench, now } = watched();
    await observing(bench, () => (now.firing = [ALERT]));
    await bench.clock.advance(60 * MINUTES);
    assert.deepEqual(strict(bench), []);
    assert.equal(bench.status().phase, 'Observing');
    now.firing = [];
    await bench.untilPhase('Completed');
    bench.end();
    checkHistory(bench);
  });

  it('never holds a rollback', async () => {
    const play = { namespaces: SMALL_SHOP, extent: 'All' } as const;
    const { bench, now } = watched(stage(play));
    await bench.start();
    await bench.clock.runUntil(() => strict(bench).length === SMALL_SHOP.length, 20 * MINUTES);
    now.firing = [ALERT];
    await bench.untilPhase(goalOf(play));
    assert.deepEqual(strict(bench), []);
    bench.end();
    checkHistory(bench);
  });

  it('is asked for at most once in 15 s for all rollouts, and never once all are at rest', async () => {
    const { bench, asked, now } = watched(new Bench([...scene(SMALL_SHOP), ...calm(), rollout(waves(SMALL_SHOP))]));
    now.firing = [ALERT];
    await bench.start();
    await bench.clock.advance(10 * MINUTES);
    assert.equal(bench.status('calm', CALM).phase, 'Pending');
    assert.ok(asked.length <= 41, `${asked.length} times in ten minutes`);
    now.firing = [];
    await bench.untilPhase('Completed');
    await bench.untilPhase('Completed', 'calm', CALM);
    const gaps = asked.slice(1).map((at, index) => at - asked[index]!);
    assert.ok(Math.min(...gaps) >= 15_000, `asked again after ${Math.min(...gaps)} ms`);
    const { length } = asked;
    await bench.clock.advance(60 * MINUTES);
    assert.equal(asked.length, length);
    bench.end();
  });
});

describe('alerts that nobody can tell', () => {
  for (const fault of ['Unreachable', 'Timeout', 'Refused', 'BadAnswer', 'TooLarge'] as const)
    it(`hold a step before STRICT, and say why: ${fault}`, async () => {
      const { bench, now } = watched();
      await observing(bench, () => (now.firing = new RemoteError(fault, `Alertmanager at alerts:9093 is ${fault}`)));
      await bench.clock.advance(30 * MINUTES);
      assert.deepEqual(strict(bench), []);
      const { message, summary, phase } = bench.status();
      assert.deepEqual([phase, summary?.waitingOn], ['Observing', 'alerts']);
      assert.match(
        message!,
        new RegExp(
          `held since 09:0\\d:\\d\\d: nobody can tell whether alerts fire: Alertmanager at alerts:9093 is ${fault}; asked`,
        ),
      );
      now.firing = [];
      await bench.untilPhase('Completed');
      bench.end();
      checkHistory(bench);
    });
});
