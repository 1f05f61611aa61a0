/** A rollout that is edited while it runs: what each edit does to the step in each of its stages. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Stage } from '../../src/api/status.ts';
import type { RoundKind } from '../../src/rollout/world.ts';
import { TestMesh } from './mesh.ts';
import { RUNNING } from './stages.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const STAGES = [...RUNNING, 'RollingBack'] as const;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const BEFORE_STRICT: readonly Stage[] = ['Preparing', 'Observing'];

const ONE = { name: 'one', names: ['a', 'b'] };
const TWO = { name: 'two', names: ['c'] };
const THREE = { name: 'three', names: ['d'] };

/** Wave one has moved `a`, and its second step, `b`, is in this stage; e is not in the target. */
function running(stage: Stage, spec: Partial<SpecInput> = {}): TestMesh {
  const target = { namespaces: { names: ['a', 'b', 'c', 'd'] } };
  const mesh = new TestMesh({ target, strategy: { waves: [ONE, TWO, THREE] }, ...spec }, NAMES);
  if (stage === 'RollingBack') mesh.judge = kind => (kind === 'Soak' && has(mesh, 'b') ? 'Unhealthy' : 'Healthy');
  mesh.until(({ step }) => step?.stage === stage && step.scopes[0] === 'b');
  if (stage !== 'RollingBack') assert.equal(mesh.mode('a'), 'STRICT');
  return mesh;
}

function has({ status: { step } }: TestMesh, scope: string): boolean {
  return step?.scopes.includes(scope) ?? false;
}

/** Where the stage is a rollback: its end. The edit then begins the next try. */
function again(mesh: TestMesh, stage: Stage): void {
  if (stage !== 'RollingBack') return;
  mesh.until(() => reasons(mesh).includes('RolledBack'));
  mesh.judge = () => 'Healthy';
}

const reasons = (mesh: TestMesh) => mesh.transitions.map(({ reason }) => reason);
const begun = (mesh: TestMesh) =>
  mesh.transitions.filter(({ reason }) => reason === 'StepStarted').map(({ scopes = [] }) => scopes.join());

/** Rounds of this kind about the running scope until the condition holds. */
function rounds(mesh: TestMesh, kind: RoundKind, condition: () => boolean): number {
  const seen = new Set<number>();
  mesh.judge = (what, scopes, now) => {
    if (what === kind && scopes.includes('b')) seen.add(now);
    return 'Healthy';
  };
  mesh.until(condition);
  return seen.size;
}

/** What of `one` is STRICT: a rollback of the wave takes both. */
const strictOf = (mesh: TestMesh) => NAMES.filter(name => mesh.mode(name) === 'STRICT');

describe('an edit while a step runs', () => {
  for (const stage of STAGES)
    describe(`in ${stage}`, () => {
      it('of probes: the new one counts from the next look on, with a row of its own', () => {
        const mesh = running(stage);
        const plain: SpecInput['probes'] = [
          { name: 'enforced', enforcement: {} },
          { name: 'plain', plaintextTraffic: {} },
        ];
        mesh.judge = (kind, _, __, probe) => (probe === 'plain' && kind !== 'Guard' ? 'Unhealthy' : 'Healthy');
        mesh.edit({ probes: plain });
        if (BEFORE_STRICT.includes(stage)) {
          mesh.now += 2 * HOUR;
          mesh.until(({ step }) => step?.stage === 'Observing');
          for (let n = 0; n < 20; n++, mesh.now += MINUTE) mesh.step();
          assert.equal(mesh.mode('b'), 'PERMISSIVE');
          assert.match(mesh.status.message ?? '', /0 of 3 healthy rounds .*probe plain says Unhealthy/);
          assert.equal(
            rounds(mesh, 'Entry', () => mesh.status.step?.stage === 'Enforcing'),
            3,
          );
        } else if (stage === 'RollingBack') {
          mesh.until(({ phase }) => phase === 'Observing');
          mesh.now += MINUTE;
          mesh.step();
          assert.match(mesh.status.message ?? '', /0 of 3 healthy rounds .*probe plain says Unhealthy/);
          assert.deepEqual(strictOf(mesh), []);
        } else {
          mesh.untilPhase('RolledBack');
          assert.match(mesh.status.rollback?.reason ?? '', /probe plain: Soak is Unhealthy/);
          assert.deepEqual(strictOf(mesh), []);
        }
      });

      it('of the soak: it counts for this step too', () => {
        const mesh = running(stage);
        again(mesh, stage);
        mesh.edit({ strategy: { waves: [{ ...ONE, soak: '5h' }, TWO, THREE] } });
        mesh.until(({ step }) => step?.stage === 'Soaking' && has(mesh, 'b'));
        const since = Date.parse(mesh.status.step!.since);
        mesh.until(() => !has(mesh, 'b'));
        assert.ok(mesh.now - since >= 5 * HOUR && mesh.now - since < 5.1 * HOUR, `${(mesh.now - since) / HOUR} h`);
        assert.ok(reasons(mesh).includes('StepDone'));
      });

      it('of analysis.successes: what is not proven yet needs as many', () => {
        const mesh = running(stage);
        again(mesh, stage);
        mesh.edit({ analysis: { successes: 5 } });
        const kind = stage === 'Enforcing' || stage === 'Soaking' ? 'Soak' : 'Entry';
        const proven = kind === 'Entry' ? 'Enforcing' : undefined;
        const seen = rounds(mesh, kind, () =>
          proven ? has(mesh, 'b') && mesh.status.step?.stage === proven : !has(mesh, 'b'),
        );
        // the first round in Observing was made before
        assert.ok(seen >= (stage === 'Observing' ? 4 : 5), `${seen} rounds`);
        mesh.untilPhase('Completed');
      });

      it('of rollback: it counts as it is when the step fails, and not for one that has begun', () => {
        const mesh = running(stage);
        mesh.edit({ rollback: { extent: 'Step', onFailure: 'Rollback' } });
        mesh.judge = kind => (kind === 'Soak' && has(mesh, 'b') ? 'Unhealthy' : 'Healthy');
        mesh.until(() => reasons(mesh).includes('RolledBack'));
        assert.deepEqual(strictOf(mesh), stage === 'RollingBack' ? [] : ['a']);
      });

      it('of the waves behind it: they run in their new order, and the step as if nothing were', () => {
        const mesh = running(stage);
        const { startedAt } = mesh.status.step!;
        mesh.edit({ strategy: { waves: [ONE, { name: 'new', names: ['c'] }, THREE] } });
        mesh.edit({ strategy: { waves: [ONE, THREE, TWO] } });
        mesh.step();
        assert.equal(mesh.status.step?.startedAt, startedAt);
        again(mesh, stage);
        mesh.untilPhase('Completed');
        assert.deepEqual(begun(mesh).slice(-3), ['b', 'd', 'c']);
      });

      it('that widens the target: what joins has a step of its own, with its own evidence', () => {
        const mesh = running(stage);
        mesh.edit({ strategy: { waves: [{ ...ONE, names: ['a', 'b', 'e'], maxConcurrent: 3 }, TWO, THREE] } });
        mesh.edit({ target: { namespaces: { names: NAMES } } });
        mesh.step();
        assert.deepEqual(mesh.status.step?.scopes, ['b']);
        again(mesh, stage);
        const looked = new Set<string>();
        mesh.judge = (kind, scopes) => {
          if (kind === 'Entry') looked.add(scopes.join());
          return 'Healthy';
        };
        mesh.untilPhase('Completed');
        assert.deepEqual(strictOf(mesh), NAMES);
        // after a rollback there is one step for all of the wave
        const joined = stage === 'RollingBack' ? 'a,b,e' : 'e';
        assert.ok(begun(mesh).includes(joined), begun(mesh).join(' '));
        assert.ok(looked.has(joined));
      });

      it('that takes the running scope out: its policy stays as it is, and the rest moves', () => {
        const mesh = running(stage);
        const mode = mesh.mode('b');
        mesh.edit({ target: { namespaces: { names: ['a', 'c', 'd'] } } });
        again(mesh, stage);
        mesh.untilPhase('Completed');
        assert.equal(mesh.mode('b'), stage === 'RollingBack' ? 'PERMISSIVE' : mode);
        assert.deepEqual(
          ['a', 'c', 'd'].map(name => mesh.mode(name)),
          ['STRICT', 'STRICT', 'STRICT'],
        );
        assert.equal(reasons(mesh).includes('StepObsolete'), stage !== 'RollingBack');
        mesh.edit({ mode: 'Revert' });
        mesh.untilPhase('Reverted');
        assert.equal(mesh.policies.size, 0);
      });

      it('that takes a moved scope out: its policy stays STRICT, and a rollback of the wave leaves it alone', () => {
        const mesh = running(stage);
        mesh.edit({ target: { namespaces: { names: ['b', 'c', 'd'] } } });
        mesh.judge = kind => (kind === 'Soak' && has(mesh, 'b') ? 'Unhealthy' : 'Healthy');
        mesh.until(() => reasons(mesh).includes('RolledBack'));
        assert.deepEqual(strictOf(mesh), ['a']);
        mesh.edit({ mode: 'Revert' });
        mesh.untilPhase('Reverted');
        assert.equal(mesh.policies.size, 0);
      });

      for (const [what, held, released, phase] of [
        ['suspend', { suspend: true }, { suspend: false }, 'Suspended'],
        ['mode Plan', { mode: 'Plan' }, { mode: 'Enforce' }, 'Planned'],
      ] as const)
        it(`${what} and back: no time and no look of before counts`, () => {
          const mesh = running(stage);
          mesh.edit(held);
          again(mesh, stage);
          mesh.step();
          if (stage === 'RollingBack') assert.deepEqual(strictOf(mesh), [], 'it is finished first');
          assert.equal(mesh.status.phase, phase);
          mesh.now += 9 * HOUR;
          mesh.edit(released);
          const back = mesh.now;
          if (stage === 'Enforcing' || stage === 'Soaking') {
            if (stage === 'Soaking') {
              mesh.until(() => !has(mesh, 'b'));
              assert.ok(mesh.now - back >= 10 * MINUTE, 'it soaks its whole time');
            }
          } else
            assert.equal(
              rounds(mesh, 'Entry', () => has(mesh, 'b') && mesh.status.step?.stage === 'Enforcing'),
              3,
            );
          mesh.judge = () => 'Healthy';
          mesh.untilPhase('Completed');
          assert.equal(reasons(mesh).includes('RollbackStarted'), stage === 'RollingBack');
        });
    });
});
