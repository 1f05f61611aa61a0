import assert from 'node:assert/strict';
import type { Phase, Status } from '../../src/api/status.ts';
import type { TestMesh } from './mesh.ts';
import { meshIn } from './stages.ts';

type Waiting = NonNullable<Status['waiting']>;

function waitingIn({ status }: TestMesh): Waiting {
  assert.ok(status.waiting, `waits for nothing in ${status.phase}`);
  return status.waiting;
}

describe('status.waiting', () => {
  it('says until when a soak lasts, and keeps its begin while it does', () => {
    const mesh = meshIn('Soaking');
    const first = waitingIn(mesh);
    assert.equal(first.since, mesh.status.step?.since);
    const soak = Date.parse(first.until ?? '') - Date.parse(first.since);
    assert.ok(soak > 0, JSON.stringify(first));
    mesh.now += 30_000;
    mesh.step();
    assert.deepEqual(waitingIn(mesh), first);
  });

  for (const phase of ['Observing', 'Enforcing'] satisfies Phase[])
    it(`gives the deadline of a step in ${phase}`, () => {
      const mesh = meshIn(phase);
      const { until, unblock } = waitingIn(mesh);
      assert.ok(Date.parse(until ?? '') > mesh.now);
      assert.match(unblock, /^nothing to do/);
    });

  it('names who has to act, and no time, where only that helps', () => {
    const mesh = meshIn('Observing');
    mesh.edit({ suspend: true });
    mesh.step();
    const { on, until, unblock } = waitingIn(mesh);
    assert.deepEqual([on, until], ['resume', undefined]);
    assert.match(unblock, /spec\.suspend/);
  });

  it('tells of an obstacle first, and of what was waited for again after it', () => {
    const mesh = meshIn('Soaking');
    mesh.trouble = { reason: 'WriteForbidden', message: 'may not patch', lasting: true };
    mesh.step();
    const { on, unblock } = waitingIn(mesh);
    assert.equal(on, 'WriteForbidden');
    assert.match(unblock, /grant/);
    mesh.trouble = undefined;
    mesh.now += 1000;
    mesh.step();
    assert.match(waitingIn(mesh).on, /^soak/);
  });

  it('is not there once nothing is waited for', () => {
    const mesh = meshIn('Soaking');
    mesh.untilPhase('Completed');
    assert.equal(mesh.status.waiting, undefined);
  });

  it('says when the next try of a rollback is due', () => {
    const mesh = meshIn('Soaking');
    mesh.edit({ rollback: { retries: 1, retryAfter: '1h' } });
    mesh.judge = () => 'Unhealthy';
    mesh.untilPhase('RolledBack');
    assert.equal(waitingIn(mesh).until, mesh.status.rollback?.retryAt);
    assert.match(waitingIn(mesh).unblock, /retry/);
  });
});
