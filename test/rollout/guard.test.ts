import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { RETRY_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import { decide, roundDue } from '../../src/rollout/decide.ts';
import { TestMesh } from './mesh.ts';
import { shopMesh } from './stages.ts';

const MINUTE = 60_000;

/** A rollout that is done, of namespaces that were STRICT before it came. */
function done(count: number, spec: Partial<SpecInput> = {}): TestMesh {
  const names = Array.from({ length: count }, (_, n) => `ns-${String(n).padStart(4, '0')}`);
  const mesh = new TestMesh({ target: { namespaces: { names } }, ...spec }, names);
  for (const name of names) mesh.putPolicy(name, 'theirs', { mtls: { mode: 'STRICT' } });
  mesh.step();
  assert.equal(mesh.status.phase, 'Completed');
  return mesh;
}

interface LookMade {
  at: number;
  names: string[] | undefined;
  scopes: string[];
}

/** The looks of the next minutes. */
function looks(mesh: TestMesh, minutes: number): LookMade[] {
  const made: LookMade[] = [];
  const end = mesh.now + minutes * MINUTE;
  for (;;) {
    const due = roundDue({ ...mesh.input(), now: mesh.now });
    if (due) {
      assert.equal(due.kind, 'Guard');
      made.push({ at: mesh.now, names: due.names && [...due.names], scopes: due.step.scopes });
    }
    const next = mesh.step();
    if (next === undefined || next > end) break;
    assert.ok(made.filter(({ at }) => at === mesh.now).length <= 4, 'time passes');
    mesh.now = next;
  }
  mesh.now = end;
  return made;
}

describe('the guard', () => {
  it('looks every ten minutes at everything, and writes nothing but its status', () => {
    const mesh = done(3);
    const made = looks(mesh, 61);
    assert.deepEqual(
      made.map(({ scopes }) => scopes.length),
      [3, 3, 3, 3, 3, 3],
    );
    assert.deepEqual(mesh.writes, []);
    assert.equal(mesh.status.phase, 'Completed');
    assert.equal(mesh.condition('Ready')?.status, 'True');
  });

  it('looks at no more than twenty of a thousand namespaces at once, and comes to each of them', () => {
    const mesh = done(1000);
    const made = looks(mesh, 501);
    assert.equal(made.length, 50);
    assert.ok(made.every(({ scopes }) => scopes.length <= 20));
    assert.equal(new Set(made.flatMap(({ scopes }) => scopes)).size, 1000);
    assert.ok(JSON.stringify(mesh.status.guard).length < 1000);
  }).timeout(30_000);

  it('comes to every scope with every probe, whatever intervals they have', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
        (count, every) => {
          const probes = every.map((minutes, n) => ({
            name: `p${n}`,
            workloadReadiness: {},
            when: 'Guard' as const,
            interval: `${minutes}m`,
          }));
          const mesh = done(count, { probes: [...probes, { name: 'e', plaintextTraffic: {} }] });
          const made = looks(mesh, 31 * Math.ceil(count / 20));
          for (const { name } of [...probes, { name: 'e' }]) {
            const seen = made.filter(({ names }) => names?.includes(name)).flatMap(({ scopes }) => scopes);
            assert.equal(new Set(seen).size, count, name);
          }
        },
      ),
      { numRuns: 30 },
    );
  }).timeout(60_000);

  it('is made of what looks for plaintext and enforcement, and of what its author wants', () => {
    const mesh = done(1, {
      probes: [
        { name: 'plain', plaintextTraffic: {} },
        { name: 'enforced', enforcement: {} },
        { name: 'soaked', enforcement: {}, when: 'Soak' },
        { name: 'ready', workloadReadiness: {} },
        { name: 'traffic', trafficDrop: {}, when: 'Guard', interval: '1h' },
      ],
    });
    const made = looks(mesh, 61);
    assert.deepEqual(made[0]?.names, ['plain', 'enforced']);
    assert.equal(made.filter(({ names }) => names?.includes('traffic')).length, 1);
    assert.ok(!made.some(({ names }) => names?.includes('soaked') || names?.includes('ready')));
  });

  it('does not look where none of the probes guards, nor while the rollout is suspended', () => {
    assert.deepEqual(looks(done(1, { probes: [{ name: 'p', plaintextTraffic: {}, when: 'Both' }] }), 600), []);
    const mesh = done(1);
    mesh.edit({ suspend: true });
    assert.deepEqual(looks(mesh, 600), []);
  });

  it('says what it found until a look at the same scopes is healthy, and never rolls back', () => {
    const mesh = shopMesh();
    mesh.untilPhase('Completed');
    const { length } = mesh.writes;
    mesh.judge = kind => (kind === 'Guard' ? 'Unhealthy' : 'Healthy');
    looks(mesh, 21);
    assert.equal(mesh.status.phase, 'Completed');
    assert.equal(mesh.condition('Ready')?.status, 'False');
    assert.equal(mesh.condition('Stalled')?.reason, 'GuardUnhealthy');
    assert.match(mesh.status.message ?? '', /^3 scopes STRICT; probe guard objects since .*: Guard is Unhealthy/);
    assert.equal(mesh.status.summary?.waitingOn, 'probe guard');
    assert.equal(mesh.transitions.filter(({ reason }) => reason === 'GuardUnhealthy').length, 1, 'once');
    mesh.judge = kind => (kind === 'Guard' ? 'Error' : 'Healthy');
    looks(mesh, 21);
    assert.equal(mesh.condition('Ready')?.status, 'False', 'what could not be looked at again is not known to be well');
    mesh.judge = () => 'Healthy';
    looks(mesh, 11);
    assert.equal(mesh.condition('Ready')?.status, 'True');
    assert.equal(mesh.condition('Stalled')?.status, 'False');
    assert.equal(mesh.writes.length, length);
  });

  it('keeps what it found in one part of the mesh while it looks at the others', () => {
    const mesh = done(50);
    mesh.judge = (_, scopes) => (scopes.includes('ns-0003') ? 'Unhealthy' : 'Healthy');
    looks(mesh, 29);
    assert.equal(mesh.status.guard?.findings.length, 1);
    mesh.judge = () => 'Healthy';
    looks(mesh, 12);
    assert.equal(mesh.condition('Ready')?.status, 'True', 'the lap has come by again');
  });

  it('starts anew with what it found when somebody asks', () => {
    const mesh = done(50);
    mesh.judge = (_, scopes) => (scopes.includes('ns-0003') ? 'Unhealthy' : 'Healthy');
    looks(mesh, 11);
    assert.equal(mesh.condition('Ready')?.status, 'False');
    mesh.annotate(RETRY_ANNOTATION, 'seen');
    mesh.step();
    assert.equal(mesh.condition('Ready')?.status, 'True');
  });

  it('goes on where it was after a restart, and gives way to scopes that join', () => {
    const mesh = shopMesh();
    mesh.untilPhase('Completed');
    looks(mesh, 11);
    const before = mesh.status.guard;
    assert.deepEqual(decide(mesh.input()).status.guard, before);
    mesh.addNamespace('late', { team: 'shop' });
    mesh.step();
    assert.equal(mesh.condition('Reconciling')?.status, 'True');
    assert.equal(mesh.condition('Ready')?.status, 'False');
    mesh.untilPhase('Completed');
    assert.equal(mesh.condition('Ready')?.status, 'True');
    const [first] = looks(mesh, 11);
    assert.deepEqual(first?.scopes, ['ad', 'cart', 'late', 'web']);
  });
});
