/**
 * Whatever the cluster says, and however often it changes its mind: nothing tightens while a gate of the cluster is
 * closed, a rollback is never held, and once everything stays open the rollout completes.
 */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Outside } from '../../src/rollout/gates/outside.ts';
import type { Write } from '../../src/rollout/writes.ts';
import { decide } from '../../src/rollout/decide.ts';
import { START, type TestMesh } from './mesh.ts';
import { SHOP, shopMesh } from './stages.ts';

/** What the cluster says for some seconds. */
interface Spell {
  says: 'Open' | 'Frozen' | 'FreezeUnseen' | 'Alert' | 'AlertsUnseen' | 'NoRoom' | 'OthersFail';
  seconds: number;
  /** What the probes see meanwhile. */
  healthy: boolean;
}

const spells: fc.Arbitrary<Spell[]> = fc.array(
  fc.record({
    says: fc.constantFrom('Open', 'Frozen', 'FreezeUnseen', 'Alert', 'AlertsUnseen', 'NoRoom', 'OthersFail'),
    seconds: fc.integer({ min: 1, max: 300 }),
    healthy: fc.boolean(),
  }),
  { maxLength: 12 },
);

function outsideOf({ says }: Pick<Spell, 'says'>, at: number): Outside {
  const alert = { name: 'MeshErrors', since: START, labels: {} };
  const other = { name: 'other/other', isOlder: true, moving: 0, isFailing: false, isWaiting: false, wanted: 0 };
  return {
    freeze:
      says === 'FreezeUnseen'
        ? { unseen: 'forbidden' }
        : { freeze: says === 'Frozen' ? { namespace: 'ops', reason: '', since: START } : undefined },
    alerts: says === 'AlertsUnseen' ? { at, unseen: 'down' } : { at, firing: says === 'Alert' ? [alert] : [] },
    budget: {
      limits: { movingScopes: 1, failingRollouts: 1 },
      neighbours: [{ ...other, moving: says === 'NoRoom' ? 1 : 0, isFailing: says === 'OthersFail' }],
    },
  };
}

function tightens(write: Write): boolean {
  const spec = write.verb === 'create' ? write.object.spec : write.verb === 'patch' ? write.patch : undefined;
  return JSON.stringify(spec ?? {}).includes('"STRICT"');
}

/** Lets a spell pass: decides again and again, and checks each decision. */
function pass(mesh: TestMesh, spell: Spell): void {
  const end = mesh.now + spell.seconds * 1000;
  mesh.judge = () => (spell.healthy ? 'Healthy' : 'Unhealthy');
  while (mesh.now < end) {
    mesh.outside = outsideOf(spell, mesh.now);
    const before = mesh.status;
    const decision = decide(mesh.input());
    const begins = before.step?.stage !== 'Preparing' && decision.status.step?.stage === 'Preparing';
    if (spell.says !== 'Open') {
      const isHeldOnlyAtBegin = spell.says === 'NoRoom';
      assert.ok(isHeldOnlyAtBegin || !decision.writes.some(tightens), `${spell.says}: STRICT is written`);
      assert.ok(!begins, `${spell.says}: a step begins`);
    }
    mesh.store(decision);
    for (const write of decision.writes) mesh.perform(write);
    const { step, rollback } = mesh.status;
    // what is restored has still to be seen on the pods
    if (step?.stage === 'RollingBack' && rollback?.restored !== rollback?.total)
      assert.ok(decision.writes.length > 0, 'a rollback that has begun goes on');
    const next = decision.writes.length > 0 ? mesh.now : (decision.nextLookAt ?? end);
    mesh.now = Math.max(mesh.now + 1000, Math.min(next, end));
  }
}

describe('a cluster that opens and closes its gates', () => {
  it('sees no tightening while one is closed, and the rollout completed once all stay open', () => {
    fc.assert(
      fc.property(spells, changes => {
        const mesh = shopMesh({ rollback: { retries: 100, retryAfter: '1m' } });
        for (const spell of changes) pass(mesh, spell);
        mesh.judge = () => 'Healthy';
        for (let spell = 0; spell < 200 && mesh.status.phase !== 'Completed'; spell++)
          pass(mesh, { says: 'Open', seconds: 300, healthy: true });
        assert.equal(mesh.status.phase, 'Completed', mesh.status.message);
        for (const name of SHOP) assert.equal(mesh.mode(name), 'STRICT');
      }),
      { numRuns: 60 },
    );
  });
});
