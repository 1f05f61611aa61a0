import assert from 'node:assert/strict';
import { isClean, knowsMetrics, type PlannedWrite, type PlanReport, planReport } from '../../src/cli/planReport.ts';
import { planLines } from '../../src/cli/planView.ts';
import { nameOf } from '../../src/rollout/text.ts';
import type { Write } from '../../src/rollout/writes.ts';
import { TestMesh } from '../rollout/mesh.ts';

function planned(mesh: TestMesh): PlanReport {
  const { rollout, world, now, epoch, metrics, obstacle } = mesh;
  return planReport({ rollout, world, now, epoch, metrics, ...(obstacle ? { obstacle } : {}) }, undefined, []);
}

/** What the mesh saw, in the words of a plan; a restoration has no mode. */
function performed(write: Write, restoring = false): PlannedWrite {
  const target = write.verb === 'create' ? write.object : { kind: write.target.kind, metadata: write.target };
  const { spec } = (write.verb === 'create' ? write.object : write.verb === 'patch' ? write.patch : {}) as {
    spec?: { mtls?: { mode: 'STRICT' }; portLevelMtls?: Record<string, { mode: 'STRICT' }> };
  };
  const mode = spec?.mtls?.mode ?? Object.values(spec?.portLevelMtls ?? {})[0]?.mode;
  return { verb: write.verb, object: nameOf(target), ...(mode && !restoring ? { mode } : {}) };
}

function stepsIn({ waves }: PlanReport): PlannedWrite[][] {
  const steps = new Map<number, PlannedWrite[]>();
  for (const { step, writes } of waves.flatMap(({ scopes }) => scopes))
    if (step !== undefined) steps.set(step, [...(steps.get(step) ?? []), ...writes]);
  return [...steps].toSorted(([a], [b]) => a - b).map(([, writes]) => writes);
}

const byObject = (a: PlannedWrite, b: PlannedWrite) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** Four namespaces in two waves; each begins somewhere else. */
function shop(): TestMesh {
  const waves = [{ name: 'leaf', names: ['ad', 'email', 'quote'], maxConcurrent: 2, soak: '1m' }];
  const mesh = new TestMesh(
    { target: { namespaces: { names: ['ad', 'cart', 'checkout', 'email', 'quote'] } }, strategy: { waves } },
    ['ad', 'cart', 'checkout', 'email', 'quote'],
  );
  mesh.putPolicy('ad', 'default', { mtls: { mode: 'STRICT' } });
  mesh.putPolicy('cart', 'default', { mtls: { mode: 'PERMISSIVE' } });
  mesh.putPolicy('checkout', 'mtls-rollout', { selector: { matchLabels: { app: 'x' } }, mtls: { mode: 'STRICT' } });
  return mesh;
}

describe('plan', () => {
  it('says what the operator then does, step by step, and how it is undone', () => {
    const mesh = shop();
    const before = planned(mesh);
    assert.ok(isClean(before));
    mesh.untilPhase('Completed');
    assert.equal(mesh.status.plan, before.plan);
    const left = mesh.writes.map(write => performed(write));
    for (const writes of stepsIn(before))
      assert.deepEqual(left.splice(0, writes.length).sort(byObject), writes.toSorted(byObject));
    assert.deepEqual(left, []);

    const after = planned(mesh);
    assert.deepEqual(stepsIn(after), []);
    assert.deepEqual(after.strict, { done: 5, total: 5 });

    mesh.edit({ mode: 'Revert' });
    const { restores } = planned(mesh);
    const count = mesh.writes.length;
    mesh.untilPhase('Reverted');
    assert.deepEqual(
      mesh.writes.slice(count).map(write => performed(write, true)),
      restores?.map(restored => {
        const { change: _, ...write } = restored;
        return write;
      }),
    );
    assert.deepEqual(planned(mesh).restores, []);
  });

  it('shows what each step leaves, and that is what the operator then leaves', () => {
    const mesh = shop();
    const [scopes] = [planned(mesh).waves.flatMap(({ scopes: each }) => each)];
    const changes = scopes.flatMap(({ changes: each }) => each);
    assert.deepEqual(
      changes.map(({ before, after }) => [before?.spec, after?.spec]),
      [
        [undefined, { mtls: { mode: 'STRICT' } }],
        [undefined, { mtls: { mode: 'STRICT' } }],
        [{ mtls: { mode: 'PERMISSIVE' } }, { mtls: { mode: 'STRICT' } }],
        [undefined, { mtls: { mode: 'STRICT' } }],
      ],
    );
    mesh.untilPhase('Completed');
    for (const { after } of changes) {
      const { namespace, name, annotations } = after!.metadata;
      assert.deepEqual(mesh.policy(namespace, name)?.spec, after!.spec);
      assert.deepEqual(mesh.policy(namespace, name)?.metadata.annotations, annotations);
    }
    mesh.edit({ mode: 'Revert' });
    const undone = planned(mesh).restores?.map(({ change }) => [change.object, change.after?.spec]);
    assert.deepEqual(
      new Map(undone as [string, unknown][]),
      new Map(changes.map(({ object, before }) => [object, before?.spec])),
    );
  });

  it('goes on in the middle where the operator is', () => {
    const mesh = shop();
    mesh.until(({ phase, step }) => phase === 'Preparing' && step?.wave === 'rest');
    const [next] = stepsIn(planned(mesh));
    const count = mesh.writes.length;
    mesh.untilPhase('Completed');
    assert.deepEqual(
      mesh.writes.slice(count, count + next!.length).map(write => performed(write)),
      next,
    );
  });

  it('as text names every scope, who decides, and the writes', () => {
    assert.equal(
      planLines(planned(shop()), false, undefined).join('\n'),
      `MtlsRollout istio-system/shop

Mode       Enforce
Plan       ${planned(shop()).plan}: 5 scopes in 2 waves and 4 steps
Strict     1 of 5 scopes
Mesh root  istio-system

Wave leaf: 3 scopes, 2 at a time, soak 1m, plan ${planned(shop()).waves[0]?.plan}
STEP  SCOPE  NOW         DECIDED BY       WRITES
done  ad     STRICT      ad/default       -
1     email  PERMISSIVE  Istio's default  create mtls-rollout as PERMISSIVE, then patch to STRICT
1     quote  PERMISSIVE  Istio's default  create mtls-rollout as PERMISSIVE, then patch to STRICT

Wave rest: 2 scopes, 1 at a time, soak 10m, plan ${planned(shop()).waves[1]?.plan}
STEP  SCOPE     NOW         DECIDED BY       WRITES
3     cart      PERMISSIVE  cart/default     patch default to STRICT
4     checkout  PERMISSIVE  Istio's default  create mtls-rollout-${hashOfCheckout()} as PERMISSIVE, then patch to STRICT

Hazards: none

Note: the operator has not looked at this rollout yet, so whether it knows a Prometheus cannot be told`,
    );
  });

  it('lists more hazards than status has room for', () => {
    const names = Array.from({ length: 30 }, (_, index) => `n${index}`);
    const mesh = new TestMesh({ target: { namespaces: { names } }, destinationRules: 'Never' }, names);
    for (const name of names) mesh.putPolicy(name, 'default', { mtls: { mode: 'DISABLE' } });
    mesh.step();
    const report = planned(mesh);
    assert.equal(mesh.status.hazards?.length, 20);
    assert.equal(report.hazards.length, 30);
    assert.equal(report.blocking, 30);
    assert.ok(!isClean(report));
    const text = planLines(report, false, undefined);
    assert.ok(text.includes('Hazards: 30 blocking'));
    for (const name of names) assert.ok(text.includes(`  blocking: LeavesDisable, ${name}`), name);
  });

  it('shows accepted hazards and what is done about them', () => {
    const mesh = new TestMesh(
      { target: { namespaces: { names: ['a'] } }, destinationRules: 'Never', preflight: { accept: ['LeavesDisable'] } },
      ['a'],
    );
    mesh.putPolicy('a', 'default', { mtls: { mode: 'DISABLE' } });
    const report = planned(mesh);
    assert.ok(isClean(report));
    const text = planLines(report, false, undefined).join('\n');
    assert.match(text, /\n1 +a +DISABLE +a\/default +patch default to PERMISSIVE, then patch to STRICT\n/);
    assert.match(text, /\nHazards: 1 accepted\n {2}accepted: LeavesDisable, a\n/);
  });

  it('says that what the rollout had set was weakened by somebody else', () => {
    const mesh = shop();
    mesh.untilPhase('Completed');
    mesh.tamper('email', 'mtls-rollout', { spec: { mtls: { mode: 'PERMISSIVE' } } });
    assert.match(planLines(planned(mesh), false, undefined).join('\n'), /\n2 +email +PERMISSIVE \(drifted\) /);
  });

  it('plans nothing for a rollout that is refused', () => {
    const mesh = shop();
    mesh.obstacle = { reason: 'Conflicted', message: 'MtlsRollout shop/other is older', lasting: true };
    const report = planned(mesh);
    assert.ok(!isClean(report));
    assert.deepEqual(planLines(report, false, undefined), [
      'MtlsRollout istio-system/shop',
      '',
      'Refused  Conflicted: MtlsRollout shop/other is older',
      '',
      'Nothing is planned until this is resolved.',
    ]);
  });

  it('notes what holds everything, and that the last look of the operator is another one', () => {
    const mesh = shop();
    mesh.edit({ mode: 'Plan', suspend: true });
    mesh.step();
    mesh.addNamespace('late');
    mesh.edit({ target: { namespaces: { names: ['late'] } } });
    const { notes } = planned(mesh);
    assert.equal(notes.length, 3);
    assert.match(notes.join('\n'), /spec\.suspend.*\n.*spec\.mode is Plan.*\n.*last look gave plan [0-9a-f]{8}:/);
  });

  it('learns from status whether there are metrics', () => {
    const mesh = shop();
    mesh.metrics = false;
    mesh.step();
    assert.equal(knowsMetrics(mesh.status), false);
    assert.equal(knowsMetrics(undefined), true);
    mesh.metrics = true;
    mesh.step();
    assert.equal(knowsMetrics(mesh.status), true);
  });

  function hashOfCheckout(): string {
    const { writes } = planned(shop()).waves[1]!.scopes[1]!;
    return writes[0]!.object.replace('PeerAuthentication checkout/mtls-rollout-', '');
  }
});
