/** Each probe has its own pace and its own limits; one that only watches decides nothing. */
import assert from 'node:assert/strict';
import { type SpecInput, specSchema } from '../../src/api/schema.ts';
import type { Verdict } from '../../src/api/status.ts';
import { roundsOf } from '../../src/rollout/probeRounds.ts';
import type { RoundKind } from '../../src/rollout/world.ts';
import { shopMesh } from './stages.ts';
import type { TestMesh } from './mesh.ts';

type Probe = NonNullable<SpecInput['probes']>[number];

const PLAIN: Probe = { name: 'plain', plaintextTraffic: {} };
const READY: Probe = { name: 'ready', workloadReadiness: {} };
const TRAFFIC: Probe = { name: 'traffic', trafficDrop: {} };

/** A mesh with these probes; looks are noted as they are made. */
function meshWith(...probes: Probe[]) {
  const mesh = shopMesh({ probes, strategy: { waves: [{ name: 'w', selector: {}, maxConcurrent: 9, soak: '0s' }] } });
  const looks: { kind: RoundKind; name: string; at: number }[] = [];
  let say: (name: string, nth: number) => Verdict = () => 'Healthy';
  mesh.judge = (kind, _scopes, now, name) => {
    looks.push({ kind, name, at: now });
    return say(name, looks.filter(look => look.kind === kind && look.name === name).length);
  };
  return { mesh, looks, saying: (given: typeof say) => (say = given) };
}

const soaks = (looks: { kind: RoundKind; name: string; at: number }[], name: string) =>
  looks.filter(look => look.kind === 'Soak' && look.name === name);

describe('when a probe looks', () => {
  const cases: [object, readonly RoundKind[]][] = [
    [{ plaintextTraffic: {} }, ['Entry', 'Soak', 'Guard']],
    [{ plaintextTraffic: {}, when: 'Entry' }, ['Entry']],
    [{ plaintextTraffic: {}, when: 'Soak' }, ['Soak']],
    [{ enforcement: {} }, ['Enforcement', 'Soak', 'Restored', 'Guard']],
    [{ workloadReadiness: {} }, ['Soak']],
    [{ workloadReadiness: {}, when: 'Guard' }, ['Guard']],
  ];
  for (const [given, expected] of cases)
    it(`${JSON.stringify(given)} is ${expected.join(' and ') || 'only when all is done'}`, () => {
      const [probe] = specSchema.shape.probes.parse([{ name: 'p', ...given }]);
      assert.deepEqual(roundsOf(probe!), expected);
    });
});

describe('a probe with a pace of its own', () => {
  it('proves what it has to although it seldom looks', () => {
    const { mesh, looks } = meshWith({ ...PLAIN, interval: '1h' });
    mesh.untilPhase('Completed');
    assert.equal(soaks(looks, 'plain').length, 3);
  });

  it('looks at its interval, while others look at theirs', () => {
    const { mesh, looks } = meshWith(PLAIN, { ...READY, interval: '90s', successes: 2 });
    mesh.untilPhase('Completed');
    const gaps = (name: string) =>
      soaks(looks, name)
        .map(({ at }, index, all) => at - (all[index - 1]?.at ?? at))
        .slice(1);
    assert.ok(
      gaps('ready').every(gap => gap === 90_000),
      gaps('ready').join(),
    );
    assert.ok(
      gaps('plain').every(gap => gap === 30_000),
      gaps('plain').join(),
    );
    assert.equal(soaks(looks, 'ready').length, 2);
  });

  it('must have looked, after its delay, before the step goes on', () => {
    const { mesh, looks } = meshWith(PLAIN, { ...READY, initialDelay: '10m' });
    mesh.until(({ step }) => step?.stage === 'Soaking');
    const begun = mesh.now;
    mesh.untilPhase('Completed');
    const [first] = soaks(looks, 'ready');
    assert.ok(first && first.at - begun >= 600_000 && first.at - begun < 660_000);
    assert.equal(soaks(looks, 'ready').length, 3);
  });

  it('asks for as many healthy looks as it says', () => {
    const { mesh, looks } = meshWith(PLAIN, { ...READY, successes: 7 });
    mesh.untilPhase('Completed');
    assert.equal(soaks(looks, 'ready').length, 7);
  });
});

describe('the limits of a probe', () => {
  const run = (probe: Partial<Probe>, verdicts: string) => {
    const words: Record<string, Verdict> = { H: 'Healthy', U: 'Unhealthy', N: 'NoData', E: 'Error' };
    const { mesh, saying } = meshWith(PLAIN, { ...READY, ...probe });
    saying((name, nth) => (name === 'ready' ? (words[verdicts[nth - 1] ?? 'H'] ?? 'Healthy') : 'Healthy'));
    mesh.until(({ phase }) => phase === 'Completed' || phase === 'RolledBack');
    return mesh;
  };
  const rows: [Partial<Probe>, string, 'Completed' | 'RolledBack'][] = [
    [{}, 'U', 'RolledBack'],
    [{ failureLimit: 1 }, 'U', 'Completed'],
    [{ failureLimit: 1 }, 'UU', 'RolledBack'],
    [{ failureLimit: 1 }, 'UHU', 'RolledBack'],
    [{}, 'NNNNNNNN', 'Completed'],
    [{ noDataLimit: 2 }, 'NNHNN', 'Completed'],
    [{ noDataLimit: 2 }, 'NNN', 'RolledBack'],
    [{ errorLimit: 0 }, 'E', 'RolledBack'],
    [{ errorLimit: 1 }, 'EHE', 'Completed'],
    [{ dryRun: true }, 'UUUUU', 'Completed'],
  ];
  for (const [probe, verdicts, end] of rows)
    it(`${JSON.stringify(probe)} with ${verdicts} ends ${end}`, () => {
      const mesh = run(probe, verdicts);
      assert.equal(mesh.status.phase, end);
      if (end === 'RolledBack') assert.match(mesh.status.rollback?.reason ?? '', /^probe ready: /);
    });

  it('pause instead, where the author wants to decide, and go on when asked', () => {
    const { mesh, saying } = meshWith(PLAIN, { ...READY, errorLimit: 0 });
    mesh.edit({ rollback: { onFailure: 'Pause' } });
    saying((name, nth) => (name === 'ready' && nth === 1 ? 'Error' : 'Healthy'));
    mesh.untilPhase('Paused');
    mesh.annotate('mtlsrollout.io/retry', '1');
    mesh.untilPhase('Completed');
  });
});

describe('a probe in a dry run', () => {
  it('is shown, holds nothing, and makes no event', () => {
    const { mesh, saying } = meshWith(PLAIN, READY, { ...TRAFFIC, dryRun: true });
    saying(name => (name === 'traffic' ? 'Unhealthy' : 'Healthy'));
    mesh.untilPhase('Completed');
    const seen = dryRunOf(mesh);
    assert.deepEqual([seen?.verdict, seen?.dryRun], ['Unhealthy', true]);
    assert.deepEqual(
      mesh.transitions.filter(({ reason }) => reason.startsWith('Probe')),
      [],
    );
  });
});

function dryRunOf({ status }: TestMesh) {
  return status.probes?.find(({ name }) => name === 'traffic');
}
