import assert from 'node:assert/strict';
import { RETRY_ANNOTATION } from '../../src/api/resource.ts';
import { type Phase, type Status, statusSchema } from '../../src/api/status.ts';
import { decide } from '../../src/rollout/decide.ts';
import { unable as unableTo } from '../../src/rollout/unable.ts';
import { TestMesh } from './mesh.ts';
import { meshIn, RUNNING, shopMesh } from './stages.ts';

describe('status', () => {
  it('tells the whole way in phases, each with what it waits for', () => {
    const mesh = shopMesh({ target: { namespaces: { names: ['ad'] } } });
    const told: [Phase, string, string][] = [];
    mesh.until(({ phase, message, summary }) => {
      if (phase !== told.at(-1)?.[0]) told.push([phase!, summary?.waitingOn ?? '', message!]);
      return phase === 'Completed';
    });
    assert.deepEqual(told, [
      [
        'Preparing',
        'writes',
        'wave rest, step 1/1: preparing ad since 09:00:00; 1 policy to write; overdue after 15:00:00',
      ],
      [
        'Observing',
        'evidence',
        'wave rest, step 1/1: 0 of 3 healthy rounds since 09:00:00 before ad may switch; overdue after 15:00:00',
      ],
      [
        'Enforcing',
        'writes',
        'wave rest, step 1/1: switching ad to STRICT since 09:01:00; 1 policy left to write, until 15:01:00',
      ],
      [
        'Soaking',
        'soak 09:11:00',
        'wave rest, step 1/1: soaking ad, until 09:11:00; 0 of 3 healthy rounds since 09:01:00',
      ],
      ['Completed', '', '1 scope STRICT'],
    ]);
  });

  it('says in mode Plan what would be done, and does nothing', () => {
    const mesh = shopMesh({ mode: 'Plan', destinationRules: 'Never' });
    mesh.putPolicy('web', 'default', { mtls: { mode: 'DISABLE' } });
    mesh.step();
    assert.equal(
      mesh.status.message,
      'planned: 3 scopes in 1 wave and 3 steps, 1 blocking hazard; nothing is written until spec.mode is Enforce',
    );
    assert.deepEqual(
      mesh.status.waves?.map(({ name, phase, total }) => [name, phase, total]),
      [['rest', 'Pending', 3]],
    );
    mesh.rests();
  });

  for (const stage of RUNNING)
    it(`says in ${stage} what went wrong with the writes, beside what it waits for`, () => {
      for (const [lasting, stalled] of [
        [true, 'True'],
        [false, 'False'],
      ] as const) {
        const mesh = meshIn(stage);
        mesh.trouble = {
          reason: 'WriteForbidden',
          message: 'cannot patch PeerAuthentication ad/x: forbidden',
          lasting,
        };
        mesh.step();
        assert.match(
          mesh.status.message ?? '',
          /^cannot patch PeerAuthentication ad\/x: forbidden; wave rest, step 1\/3/,
        );
        assert.equal(mesh.status.summary?.waitingOn, 'WriteForbidden');
        assert.deepEqual([mesh.condition('Ready')?.status, mesh.condition('Stalled')?.status], ['False', stalled]);
        assert.equal(mesh.condition('Ready')?.reason, 'WriteForbidden');
      }
    });

  it('is not Ready while the last write failed, even when nothing is left to do', () => {
    const mesh = shopMesh();
    mesh.untilPhase('Completed');
    mesh.trouble = { reason: 'WriteFailed', message: 'no answer', lasting: false };
    mesh.step();
    assert.equal(mesh.condition('Ready')?.status, 'False');
  });

  it('carries the epoch of a new leader before its first write, and never an older one', () => {
    const mesh = shopMesh();
    mesh.epoch = 7;
    const decision = decide(mesh.input());
    assert.ok(decision.writes.length > 0);
    assert.equal(decision.status.epoch, 7);
    mesh.store({ ...decision, status: { ...decision.status, epoch: 9 } });
    assert.equal(decide(mesh.input()).status.epoch, 9);
  });

  it('keeps the epoch as it is where nothing is written', () => {
    const mesh = shopMesh({ mode: 'Plan' });
    mesh.step();
    assert.equal(mesh.status.epoch, undefined);
  });

  it('moves the time of a condition only with its status', () => {
    const mesh = shopMesh();
    mesh.step();
    const { lastTransitionTime } = mesh.condition('Reconciling')!;
    mesh.until(({ step }) => step?.stage === 'Soaking');
    assert.equal(mesh.condition('Reconciling')?.lastTransitionTime, lastTransitionTime);
    mesh.untilPhase('Completed');
    assert.notEqual(mesh.condition('Reconciling')?.lastTransitionTime, lastTransitionTime);
  });

  it('keeps the newest observation of every probe that the spec still has, and no more than it has room for', () => {
    const mesh = meshIn('Observing');
    const probes = (count: number, from = 0) =>
      Array.from({ length: count }, (_, n) => ({ name: `p${from + n}`, plaintextTraffic: {} }));
    const round = (names: { name: string }[]) => ({
      kind: 'Entry' as const,
      scopes: [],
      at: mesh.now,
      observations: names.map(({ name }) => ({
        name,
        verdict: 'NoData' as const,
        value: '',
        samples: 0,
        message: 'm',
        at: new Date(mesh.now).toISOString(),
      })),
    });
    for (let edits = 0; edits < 4; edits++) {
      const list = probes(16, edits * 10);
      mesh.edit({ probes: list });
      mesh.now += 30_000;
      mesh.store(decide({ ...mesh.input(), round: round(list) }));
      assert.deepEqual(
        mesh.status.probes?.map(({ name }) => name),
        list.map(({ name }) => name).toSorted(),
      );
    }
    mesh.edit({ probes: [] });
    mesh.now += 30_000;
    mesh.store(decide({ ...mesh.input(), round: round(probes(30, 100)) }));
    assert.equal(mesh.status.probes?.length, 32);
    assert.equal(mesh.status.probes?.filter(({ name }) => name.length === 4).length, 30);
  });

  it('has a message that ends with what to do, however much the probes have to say', () => {
    const mesh = meshIn('Soaking');
    const round = {
      kind: 'Soak' as const,
      scopes: [],
      at: mesh.now + 30_000,
      observations: [
        {
          name: 'p'.repeat(63),
          verdict: 'Unhealthy' as const,
          value: '',
          samples: 1,
          message: 'm'.repeat(1024),
          at: new Date(mesh.now + 30_000).toISOString(),
        },
      ],
    };
    mesh.now += 30_000;
    mesh.store(decide({ ...mesh.input(), round }));
    mesh.untilPhase('RolledBack');
    assert.match(
      mesh.status.message ?? '',
      /annotate the rollout with a new value of mtlsrollout.io\/retry, to try again$/,
    );
    assert.ok(statusSchema.safeParse(mesh.status).success);
  });

  it('stays valid and below 100 KiB with a thousand namespaces of the longest names, in every stage', () => {
    const names = Array.from({ length: 1000 }, (_, n) => `${'n'.repeat(59)}${1000 + n}`);
    const waves = [{ name: 'w'.repeat(63), names, maxConcurrent: 500 }];
    const mesh = new TestMesh({ target: { mesh: {} }, strategy: { waves } }, names);
    for (const name of names.slice(500)) mesh.putPolicy(name, 'default', { mtls: { mode: 'DISABLE' } });
    mesh.edit({ preflight: { accept: ['LeavesDisable'] } });
    const stages = new Set<string>();
    let largest = 0;
    const look = (status: Status) => {
      assert.deepEqual(statusSchema.safeParse(status).error?.issues, undefined);
      largest = Math.max(largest, JSON.stringify(status).length);
      stages.add(status.step?.stage ?? '');
    };
    mesh.judge = (kind, scopes) => (kind === 'Soak' && scopes.includes(names[999]!) ? 'Unhealthy' : 'Healthy');
    mesh.until(status => {
      look(status);
      return status.phase === 'RolledBack';
    });
    mesh.rests();
    for (const stage of [...RUNNING, 'RollingBack', 'RolledBack']) assert.ok(stages.has(stage), stage);
    assert.ok(largest < 100 * 1024, `${largest} bytes`);
  }).timeout(30_000);

  it('can be stored whatever others wrote on their policies, and whatever value asks for a retry', () => {
    const mesh = meshIn('Observing');
    const id = { 'argocd.argoproj.io/tracking-id': 'x'.repeat(3000) };
    mesh.putPolicy('web', 'default', { mtls: { mode: 'PERMISSIVE' } }, { annotations: id });
    mesh.annotate(RETRY_ANNOTATION, `${'y'.repeat(255)}\u{1f6ab}`);
    mesh.trouble = { reason: 'WriteFailed', message: `${'z'.repeat(1022)}\u{1f6ab}`, lasting: false };
    mesh.step();
    assert.equal(mesh.status.hazards?.[0]?.code, 'Conflict');
    assert.deepEqual(statusSchema.parse(mesh.status), mesh.status);
    assert.ok(JSON.stringify(mesh.status).isWellFormed() && !/\\ud[89ab]/i.test(JSON.stringify(mesh.status)));
    const { retried } = mesh.status;
    mesh.step();
    assert.equal(mesh.status.retried, retried);
  });

  it('of a rollout that cannot be read keeps what was known and says why nothing moves', () => {
    const { status } = meshIn('Soaking');
    const { status: unable } = unableTo(
      status,
      { reason: 'Invalid', message: 'spec.target: give one', lasting: true },
      4,
      0,
    );
    assert.deepEqual(unable.step, status.step);
    assert.deepEqual(
      [unable.phase, unable.message, unable.observedGeneration],
      ['Refused', 'spec.target: give one', 4],
    );
    assert.deepEqual(
      unable.conditions?.filter(({ status: holds }) => holds === 'True').map(({ type }) => type),
      ['Stalled'],
    );
    assert.ok(statusSchema.safeParse(unable).success);
  });
});
