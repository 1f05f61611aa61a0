/** Tries after a rollback: each looks anew, is made when its time has come, and is counted. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Verdict } from '../../src/api/status.ts';
import { RETRY_ANNOTATION } from '../../src/api/resource.ts';
import { TestMesh } from './mesh.ts';

const HOUR = 3_600_000;

/** Two scopes in one wave; the soak of `b` fails until somebody says otherwise. Entry rounds are noted. */
function failing(rollback: SpecInput['rollback'], entry: () => Verdict = () => 'Healthy') {
  const strategy = { waves: [{ name: 'one', names: ['a', 'b'] }] };
  const mesh = new TestMesh({ target: { namespaces: { names: ['a', 'b'] } }, strategy, rollback }, ['a', 'b']);
  const looks: { scope: string; at: number }[] = [];
  mesh.judge = (kind, scopes, now) => {
    if (kind === 'Entry') looks.push({ scope: scopes.join(), at: now });
    if (kind === 'Entry') return entry();
    return kind === 'Soak' && scopes.includes('b') ? 'Unhealthy' : 'Healthy';
  };
  return { mesh, looks };
}

function looksUntilSwitch({ mesh, looks }: ReturnType<typeof failing>, scope: string): number {
  const { length } = looks;
  mesh.until(({ step }) => step?.stage === 'Enforcing' && step.scopes.includes(scope));
  return looks.slice(length).filter(look => look.scope === scope).length;
}

describe('a try after a rollback', () => {
  for (const retryAfter of ['1s', '2h'])
    it(`begins ${retryAfter} later, and switches nothing without as many healthy rounds as the first, all made after that`, () => {
      const rig = failing({ retries: 3, retryAfter });
      const { mesh, looks } = rig;
      for (let attempt = 1; attempt <= 3; attempt++) {
        mesh.untilPhase('RolledBack');
        assert.equal(mesh.status.rollback?.attempt, attempt);
        const due = Date.parse(mesh.status.rollback.retryAt!);
        const { length } = looks;
        for (const scope of ['a', 'b']) assert.equal(looksUntilSwitch(rig, scope), 3, `${scope}, try ${attempt}`);
        assert.ok(Math.min(...looks.slice(length).map(({ at }) => at)) >= due, 'nobody looked before');
      }
      mesh.untilPhase('RolledBack');
      assert.equal(mesh.status.rollback?.retryAt, undefined, 'these were all');
      mesh.rests();
    });

  it('waits for plaintext to end like the first one, and does not count that as a try', () => {
    let verdict: Verdict = 'Healthy';
    const rig = failing({ retries: 1, retryAfter: '1h' }, () => verdict);
    const { mesh } = rig;
    mesh.untilPhase('RolledBack');
    verdict = 'Unhealthy';
    const { length } = mesh.writes;
    mesh.until(({ step }) => step?.stage === 'Observing');
    for (let n = 0; n < 100; n++, mesh.now += 60_000) mesh.step();
    assert.equal(mesh.status.step?.healthyRounds, 0);
    assert.equal(mesh.status.rollback?.attempt, 1);
    assert.equal(mesh.writes.slice(length).filter(({ verb }) => verb !== 'create').length, 0);
    verdict = 'Healthy';
    assert.equal(looksUntilSwitch(rig, 'a'), 3);
  });

  it('is not held up by the time that is left when somebody asks for it, and then the count begins anew', () => {
    for (const ask of [
      ({ mesh }: ReturnType<typeof failing>) => mesh.annotate(RETRY_ANNOTATION, 'now'),
      ({ mesh }: ReturnType<typeof failing>) => mesh.edit({ analysis: { successes: 4 } }),
    ]) {
      const rig = failing({ retries: 1, retryAfter: '2h' });
      const { mesh } = rig;
      mesh.untilPhase('RolledBack');
      const { now } = mesh;
      ask(rig);
      assert.ok(looksUntilSwitch(rig, 'a') >= 3);
      assert.ok(mesh.now - now < HOUR);
      assert.ok(!('rollback' in mesh.status));
      const { rollback } = mesh.untilPhase('RolledBack');
      assert.equal(rollback?.attempt, 1);
      assert.ok(rollback.retryAt);
    }
  });

  it('that is due while the rollout is suspended is made when it no longer is, and was not lost', () => {
    const rig = failing({ retries: 1, retryAfter: '2h' });
    const { mesh } = rig;
    mesh.untilPhase('RolledBack');
    mesh.edit({ suspend: true });
    mesh.step();
    mesh.now += 5 * HOUR;
    mesh.step();
    assert.equal(mesh.status.phase, 'Suspended');
    const { length } = mesh.writes;
    mesh.rests();
    assert.equal(mesh.writes.length, length);
    mesh.edit({ suspend: false });
    assert.equal(looksUntilSwitch(rig, 'a'), 3);
  });
});
