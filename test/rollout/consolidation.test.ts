/** At the end one policy replaces those that the rollout made, one by one, never weaker and never without a look. */
import assert from 'node:assert/strict';
import { RETRY_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Mode } from '../../src/istio/objects.ts';
import { weaker } from '../../src/istio/slots.ts';
import { decide } from '../../src/rollout/decide.ts';
import type { Decision } from '../../src/rollout/world.ts';
import { modesOf } from './promises.ts';
import { ROOT, TestMesh } from './mesh.ts';
import { planIn, shape } from './shop.ts';
import { untouched } from './stages.ts';

const NAMES = ['ad', 'cart', 'web'];
const MINUTE = 60_000;

function wholeMesh(spec: Partial<SpecInput> = {}): TestMesh {
  return new TestMesh({ target: { mesh: {} }, strategy: { consolidate: true }, ...spec }, NAMES);
}

/** Two workloads in each of two namespaces. */
function workloads(spec: Partial<SpecInput> = {}): TestMesh {
  const target = { namespaces: { names: ['ad', 'cart'] } };
  const mesh = new TestMesh({ target, strategy: { consolidate: true, unit: 'Workload' }, ...spec }, NAMES);
  for (const namespace of ['ad', 'cart']) for (const name of ['api', 'db']) mesh.addWorkload(namespace, name);
  return mesh;
}

/** Until the first policy is to be removed, or just before it is. */
function begun(mesh: TestMesh): TestMesh {
  mesh.until(({ phase }) => phase === 'Consolidating');
  return mesh;
}

function names(mesh: TestMesh): string[] {
  return [...mesh.policies.keys()].toSorted();
}

function deletes(mesh: TestMesh): string[] {
  return mesh.writes.flatMap(write =>
    write.verb === 'delete' ? [`${write.target.namespace}/${write.target.name}`] : [],
  );
}

function reasons(mesh: TestMesh, wanted: RegExp): string[] {
  return mesh.transitions
    .filter(({ reason }) => wanted.test(reason))
    .map(({ reason, scopes }) => `${reason} ${scopes?.join()}`);
}

describe('consolidation', () => {
  it('has a wave of its own where the policies of namespaces replace those of workloads, and only there', () => {
    const wave = 'consolidate: ad cart';
    assert.deepEqual(shape(planIn(workloads())), ['rest: ad/api ad/db cart/api cart/db', wave]);
    assert.deepEqual(shape(planIn(wholeMesh())), ['rest: ad cart web', 'mesh: (mesh)']);
    const namespaces = { target: { namespaces: { names: NAMES } }, strategy: { consolidate: true } };
    assert.deepEqual(shape(planIn(new TestMesh(namespaces, NAMES))), ['rest: ad cart web']);
  });

  for (const [what, make, left] of [
    ['of a mesh', wholeMesh, [`${ROOT}/mtls-rollout`]],
    ['of namespaces', workloads, ['ad/mtls-rollout', 'cart/mtls-rollout']],
  ] as const)
    it(`${what} leaves one policy, each of the others gone after a look at the one before`, () => {
      const mesh = make();
      const story: string[] = [];
      mesh.judge = (kind, scopes) => {
        if (mesh.status.phase === 'Consolidating') story.push(`${kind} ${scopes.join()} of ${mesh.policies.size}`);
        return 'Healthy';
      };
      const parents = left.length;
      begun(mesh);
      // the first one is gone already
      const all = mesh.policies.size + 1;
      assert.ok(all > parents);
      assert.ok(reasons(mesh, /^StepDone$/).length === mesh.status.step?.of, 'every step, the last one too, is done');
      const began = mesh.now;
      mesh.untilPhase('Completed');
      assert.deepEqual(names(mesh), left);
      const gone = deletes(mesh);
      assert.equal(gone.length, all - parents);
      assert.equal(story.length, gone.length, 'one look each');
      assert.deepEqual(
        story.map(look => look.split(' of ')[1]),
        gone.map((_, index) => String(all - 1 - index)),
      );
      assert.equal(reasons(mesh, /^PolicyConsolidated$/).length, gone.length);
      assert.ok(mesh.now - began <= gone.length * 5_100, `${mesh.now - began} ms`);
      assert.equal(mesh.condition('Ready')?.status, 'True');
      mesh.rests();
    });

  for (const [what, make] of [
    ['of a mesh', wholeMesh],
    ['of namespaces', workloads],
  ] as const)
    for (const lost of ['a decision', 'the writes of a decision'])
      it(`${what} never makes anything weaker, and ends the same when ${lost} is lost, whichever`, () => {
        const whole = make();
        whole.untilPhase('Completed');
        for (let crash = 0; ; crash++) {
          const mesh = begun(make());
          const count = throughout(mesh, (n, decision) => {
            if (n !== crash || lost !== 'a decision') mesh.store(decision);
            if (n !== crash) for (const write of decision.writes) mesh.perform(write);
          });
          assert.deepEqual(names(mesh), names(whole));
          if (crash >= count) break;
        }
      });

  it('is undone by mode Revert, from every point of it, to exactly what was there', () => {
    const users = (mesh: TestMesh) => {
      mesh.putPolicy('cart', 'theirs', { mtls: { mode: 'PERMISSIVE' } }, { labels: { mine: 'yes' } });
      mesh.putPolicy(ROOT, 'default', { mtls: { mode: 'PERMISSIVE' } });
      return mesh;
    };
    for (let point = 0; point < 12; point++) {
      const mesh = users(wholeMesh());
      const before = untouched(mesh.policies.values());
      begun(mesh);
      for (let n = 0; n < point; n++) mesh.now = Math.max(mesh.now + 1, mesh.step() ?? mesh.now);
      mesh.edit({ mode: 'Revert' });
      mesh.untilPhase('Reverted');
      assert.deepEqual(untouched(mesh.policies.values()), before);
    }
  });

  it('leaves adopted policies, policies of users, and what somebody changed', () => {
    const mesh = wholeMesh({ preflight: { accept: ['WeakerPolicy'] } });
    mesh.putPolicy('cart', 'theirs', { mtls: { mode: 'PERMISSIVE' } });
    mesh.putPolicy('web', 'db', { selector: { matchLabels: { app: 'db' } }, mtls: { mode: 'PERMISSIVE' } });
    mesh.until(({ step }) => step?.wave === 'mesh' && step.stage === 'Soaking');
    mesh.tamper('ad', 'mtls-rollout', { spec: { portLevelMtls: null, selector: null, future: 1 } });
    mesh.untilPhase('Completed');
    assert.deepEqual(names(mesh), [`${ROOT}/mtls-rollout`, 'ad/mtls-rollout', 'cart/theirs', 'web/db'].toSorted());
    assert.equal(mesh.mode('web', { app: 'db' }), 'PERMISSIVE');
    assert.equal(mesh.mode('web'), 'STRICT');
    mesh.rests();
  });

  it('leaves a policy without which another one would make something of its scope weaker', () => {
    const mesh = workloads({ preflight: { accept: ['OverlappingPolicy', 'WeakerPolicy'] } });
    // younger than that of the rollout, which therefore counts
    mesh.until(({ phase }) => phase === 'Soaking');
    mesh.putPolicy('ad', 'young', {
      selector: { matchLabels: { app: 'api', tier: 'x' } },
      mtls: { mode: 'PERMISSIVE' },
    });
    mesh.untilPhase('Completed');
    assert.deepEqual(
      names(mesh),
      ['ad/mtls-rollout', 'ad/mtls-rollout-api', 'ad/young', 'cart/mtls-rollout'].toSorted(),
    );
    mesh.dropPolicy('ad', 'young');
    mesh.until(({ phase }) => phase === 'Completed' && mesh.policies.size === 2);
  });

  it('leaves the policy of a namespace that hides a younger and weaker one', () => {
    const mesh = wholeMesh();
    mesh.until(({ step }) => step?.wave === 'mesh');
    mesh.putPolicy('cart', 'young', { mtls: { mode: 'PERMISSIVE' } });
    mesh.untilPhase('Completed');
    assert.equal(mesh.mode('cart'), 'STRICT');
    assert.deepEqual(names(mesh), ['cart/mtls-rollout', 'cart/young', `${ROOT}/mtls-rollout`]);
  });

  it('puts away what a workload that is gone has left behind', () => {
    const mesh = workloads();
    mesh.until(({ step }) => step?.wave === 'consolidate');
    mesh.workloads.splice(0, 1);
    mesh.untilPhase('Completed');
    assert.deepEqual(names(mesh), ['ad/mtls-rollout', 'cart/mtls-rollout']);
    assert.equal(reasons(mesh, /^PolicyConsolidated$/).length, 4);
  });

  for (const [how, edit, phase] of [
    ['suspended', { suspend: true }, 'Suspended'],
    ['in mode Plan', { mode: 'Plan' }, 'Planned'],
  ] as const)
    it(`is held while ${how}`, () => {
      const mesh = wholeMesh();
      mesh.until(() => deletes(mesh).length === 1);
      mesh.edit(edit);
      mesh.judge = () => assert.fail('nobody looks');
      mesh.step();
      assert.equal(mesh.status.phase, phase);
      mesh.rests();
      assert.match(mesh.status.message ?? '', /is held in Consolidating by spec/);
      mesh.judge = () => 'Healthy';
      mesh.edit({ suspend: false, mode: 'Enforce' });
      mesh.untilPhase('Completed');
      assert.deepEqual(names(mesh), [`${ROOT}/mtls-rollout`]);
    });

  it('ends where the author no longer wants it, and goes on when they do', () => {
    const mesh = wholeMesh();
    mesh.until(() => deletes(mesh).length === 1);
    mesh.edit({ strategy: { consolidate: false } });
    mesh.untilPhase('Completed');
    assert.equal(mesh.policies.size, 3);
    mesh.edit({ strategy: { consolidate: true } });
    mesh.untilPhase('Completed');
    assert.equal(mesh.policies.size, 1);
  });

  it('goes on without a look where the author has no probe that could', () => {
    const mesh = wholeMesh({
      probes: [{ name: 'ready', workloadReadiness: {} }],
      preflight: { accept: ['NoEntryEvidence'] },
    });
    mesh.untilPhase('Completed');
    assert.deepEqual(names(mesh), [`${ROOT}/mtls-rollout`]);
  });
});

describe('a namespace whose workloads are still to move', () => {
  it('has no hazard in the policies that they have on the way', () => {
    const mesh = workloads();
    mesh.until(({ phase }) => phase === 'Observing');
    assert.equal(mesh.policy('ad', 'mtls-rollout-api')?.spec.mtls?.mode, 'PERMISSIVE');
    assert.deepEqual(mesh.status.hazards ?? [], []);
    mesh.putPolicy('ad', 'theirs', { selector: { matchLabels: { app: 'x' } }, mtls: { mode: 'PERMISSIVE' } });
    mesh.step();
    assert.deepEqual(
      mesh.status.hazards?.map(({ code, object }) => [code, object]),
      [['WeakerPolicy', 'PeerAuthentication ad/theirs']],
    );
  });
});

describe('consolidation stops', () => {
  for (const verdict of ['Unhealthy', 'NoData', 'Error'] as const)
    it(`while a look is ${verdict}, for good at the deadline, and goes on when it is asked to`, () => {
      const mesh = wholeMesh({ analysis: { progressDeadline: '10m' } });
      begun(mesh);
      mesh.judge = () => verdict;
      const began = mesh.now;
      mesh.untilPhase('Paused');
      assert.ok(mesh.now - began >= 10 * MINUTE && mesh.now - began < 11 * MINUTE);
      assert.deepEqual(deletes(mesh), ['ad/mtls-rollout']);
      assert.equal(mesh.condition('Stalled')?.reason, 'ConsolidationStopped');
      assert.match(
        mesh.status.message ?? '',
        new RegExp(`ad was removed, and it was not seen STRICT .* says ${verdict}`),
      );
      mesh.judge = () => 'Healthy';
      mesh.addNamespace('late');
      mesh.rests();
      assert.equal(mesh.status.phase, 'Paused');
      mesh.annotate(RETRY_ANNOTATION, '1');
      mesh.untilPhase('Completed');
      assert.deepEqual(names(mesh), [`${ROOT}/mtls-rollout`]);
    });

  for (const [how, act] of [
    ['is deleted', (mesh: TestMesh) => mesh.dropPolicy(ROOT)],
    ['is weakened', (mesh: TestMesh) => mesh.tamper(ROOT, 'mtls-rollout', { spec: { mtls: { mode: 'PERMISSIVE' } } })],
  ] as const) {
    it(`when the policy of the mesh ${how}: nothing else goes, and nothing moves again until somebody asks`, () => {
      const mesh = wholeMesh();
      mesh.until(() => deletes(mesh).length === 1);
      act(mesh);
      mesh.untilPhase('Paused');
      assert.ok(reasons(mesh, /^ConsolidationStopped$/).length === 1);
      assert.equal(mesh.condition('Stalled')?.reason, 'Drifted');
      mesh.rests();
      assert.equal(mesh.mode('ad'), 'PERMISSIVE');
      mesh.annotate(RETRY_ANNOTATION, '1');
      mesh.untilPhase('Completed');
      assert.deepEqual(names(mesh), [`${ROOT}/mtls-rollout`]);
    });

    it(`when the policy of the mesh ${how}: with drift Correct what is not STRICT any more moves again`, () => {
      const mesh = wholeMesh({ drift: 'Correct' });
      mesh.until(() => deletes(mesh).length === 1);
      act(mesh);
      mesh.until(({ step }) => step?.stage === 'Preparing');
      assert.deepEqual(mesh.status.step?.scopes, ['ad']);
      mesh.until(({ step }) => step?.wave === 'mesh');
      assert.equal(mesh.mode('ad'), 'STRICT');
      assert.equal(deletes(mesh).length, 1);
      mesh.untilPhase('Completed');
      assert.deepEqual(names(mesh), [`${ROOT}/mtls-rollout`]);
    });
  }

  it('for a namespace that comes meanwhile and is not STRICT', () => {
    const target = { namespaces: { selector: {} } };
    const mesh = workloads({ target });
    begun(mesh);
    mesh.addNamespace('late');
    mesh.addWorkload('late', 'db');
    const before = deletes(mesh).length;
    mesh.until(({ step }) => step?.scopes[0] === 'late/db');
    assert.ok(deletes(mesh).length - before <= 1, 'the look that was due is made first');
    mesh.untilPhase('Completed');
    assert.deepEqual(
      names(mesh),
      ['ad', 'cart', 'late', 'web'].map(name => `${name}/mtls-rollout`),
    );
  });

  it('and a policy that somebody changes at the last moment stays', () => {
    const mesh = wholeMesh();
    mesh.until(({ step }) => step?.wave === 'mesh' && step.stage === 'Soaking');
    for (;;) {
      const decision = decide(mesh.input());
      mesh.store(decision);
      if (mesh.status.phase === 'Consolidating') break;
      mesh.now = decision.nextLookAt ?? mesh.now + 1;
    }
    mesh.tamper('ad', 'mtls-rollout', { spec: { selector: { matchLabels: { app: 'x' } } } });
    mesh.untilPhase('Completed');
    assert.deepEqual(names(mesh), ['ad/mtls-rollout', `${ROOT}/mtls-rollout`]);
  });
});

describe('consolidation of a thousand namespaces', () => {
  it('takes one delete and one look each', () => {
    const all = Array.from({ length: 1000 }, (_, n) => `n${n}`);
    const strategy: SpecInput['strategy'] = {
      consolidate: true,
      waves: [{ name: 'all', selector: {}, maxConcurrent: 500, soak: '0s' }],
    };
    const mesh = new TestMesh({ target: { mesh: {} }, strategy }, all);
    let looks = 0;
    mesh.judge = kind => {
      if (kind === 'Enforcement' && mesh.status.phase === 'Consolidating') looks++;
      return 'Healthy';
    };
    begun(mesh);
    const from = mesh.now;
    mesh.until(() => deletes(mesh).length === 21);
    assert.equal(looks, 20);
    assert.ok(mesh.now - from <= 21 * 5_100);
  }).timeout(60_000);
});

/** Decides until the end, and carries out as it is told. Returns the number of decisions. */
function throughout(mesh: TestMesh, carryOut: (n: number, decision: Decision) => void): number {
  const floor = modesOf(mesh.policies.values());
  let n = 0;
  for (; mesh.status.phase !== 'Completed'; n++) {
    assert.ok(n < 100, 'ends');
    const decision = decide(mesh.input());
    carryOut(n, decision);
    assertNotWeaker(mesh, floor);
    mesh.now = Math.max(mesh.now + 1, decision.writes.length > 0 ? 0 : (decision.nextLookAt ?? 0));
  }
  return n;
}

function assertNotWeaker(mesh: TestMesh, floor: Map<string, Mode>): void {
  for (const [port, mode] of modesOf(mesh.policies.values()))
    assert.ok(!weaker(mode, floor.get(port)!), `${port} is ${mode}`);
}
