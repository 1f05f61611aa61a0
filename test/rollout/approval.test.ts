/** Waves that wait for somebody's word: what it is given for, and when it no longer counts. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { isApprover, readApprovals, writeApproval } from '../../src/api/approval.ts';
import { APPROVE_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import { statusSchema } from '../../src/api/status.ts';
import { decide } from '../../src/rollout/decide.ts';
import { TestMesh } from './mesh.ts';
import { setsStrict } from './promises.ts';

const SHOP = ['ad', 'cart', 'pay'];
const BY_LABEL = { namespaces: { selector: { matchLabels: { team: 'shop' } } } };
const CORE: SpecInput['strategy'] = {
  waves: [{ name: 'core', selector: { matchLabels: { team: 'shop' } }, soak: '5m', approval: 'Required' }],
};

function shopMesh(more: Partial<SpecInput> = {}): TestMesh {
  const mesh = new TestMesh({ target: BY_LABEL, strategy: CORE, ...more });
  for (const name of SHOP) mesh.addNamespace(name, { team: 'shop' });
  return mesh;
}

const hashOf = (mesh: TestMesh) => mesh.status.waves?.[0]?.plan ?? '';
const approve = (mesh: TestMesh, plan = hashOf(mesh), by = 'alice') =>
  mesh.annotate(APPROVE_ANNOTATION, `core=${plan} by ${by}`);
const waits = (mesh: TestMesh) => mesh.status.summary?.waitingOn === 'approval of core';
const told = (mesh: TestMesh, reason: string) => mesh.transitions.filter(each => each.reason === reason);

describe('a wave that needs an approval', () => {
  it('waits, and says what to approve and how', () => {
    const mesh = shopMesh();
    mesh.step();
    assert.equal(mesh.status.phase, 'Pending');
    const hash = hashOf(mesh);
    assert.equal(
      mesh.status.message,
      `wave core, step 1/3: ad held since 09:00:00: wave core (3 scopes) waits for the approval of its plan ${hash}; kubectl mtlsrollout approve shop core -n istio-system, or in Git: spec.approvals: [{wave: core, plan: "${hash}", by: YOU}]`,
    );
    mesh.rests();
    assert.deepEqual(mesh.writes, []);
  });

  for (const [where, give] of [
    ['in Git', (mesh: TestMesh) => mesh.edit({ approvals: [{ wave: 'core', plan: hashOf(mesh), by: 'alice' }] })],
    ['by the annotation', (mesh: TestMesh) => approve(mesh)],
  ] as const)
    it(`goes all the way on one approval ${where}, which is told once and recorded`, () => {
      const mesh = shopMesh();
      mesh.step();
      give(mesh);
      const hash = hashOf(mesh);
      mesh.untilPhase('Completed');
      assert.equal(hashOf(mesh), hash, 'what has moved does not change the plan');
      const [approved, ...more] = told(mesh, 'WaveApproved');
      assert.deepEqual(more, []);
      assert.equal(approved?.message, `wave core: plan ${hash} (3 scopes) was approved by alice`);
      const { at, ...record } = mesh.status.waves?.[0]?.approved ?? {};
      assert.ok(at);
      assert.deepEqual(record, { plan: hash, by: 'alice', total: 3, scopes: SHOP });
      assert.equal(statusSchema.safeParse(mesh.status).success, true);
    });

  const useless: [what: string, annotation: (hash: string) => string, said: RegExp | undefined][] = [
    ['of another plan', () => 'core=00000000 by alice', undefined],
    ['of another wave', hash => `rest=${hash} by alice`, undefined],
    ['by nobody', hash => `core=${hash}`, /has what is no approval .*: "core=[0-9a-f]{8}"/],
    ['that is no list', () => 'yes please', /has what is no approval .*: "yes please"/],
    [
      'that is too long',
      hash => `core=${hash} by ${'a'.repeat(20_000)}`,
      /has what is no approval .*: 20\d\d\d characters/,
    ],
  ];
  for (const [what, annotation, said] of useless)
    it(`takes no approval ${what} for one`, () => {
      const mesh = shopMesh();
      mesh.step();
      mesh.annotate(APPROVE_ANNOTATION, annotation(hashOf(mesh)));
      mesh.step();
      assert.ok(waits(mesh));
      if (said) assert.match(mesh.status.message!, said);
      mesh.rests();
    });

  it('needs a new one for what joins, and says what joined; the step that is STRICT goes on', () => {
    const mesh = shopMesh();
    mesh.step();
    approve(mesh);
    mesh.until(({ step }) => step?.stage === 'Soaking');
    const old = hashOf(mesh);
    mesh.addNamespace('later', { team: 'shop' });
    mesh.step();
    assert.equal(mesh.status.phase, 'Soaking');
    assert.deepEqual(
      told(mesh, 'ApprovalVoid').map(({ message }) => message),
      [`wave core: the approval of ${old} by alice no longer counts: later joined`],
    );
    mesh.until(() => waits(mesh));
    assert.match(
      mesh.status.message!,
      new RegExp(`; the approval of ${old} by alice no longer counts: later joined; `),
    );
    assert.deepEqual(
      SHOP.map(name => mesh.mode(name)),
      ['STRICT', 'PERMISSIVE', 'PERMISSIVE'],
    );
    mesh.rests();
    assert.equal(told(mesh, 'ApprovalVoid').length, 1);
    approve(mesh, undefined, 'bob');
    mesh.untilPhase('Completed');
    assert.equal(mesh.mode('later'), 'STRICT');
    assert.equal(mesh.status.waves?.[0]?.approved?.by, 'bob');
  });

  it('needs one for the step that catches up on what came after the end', () => {
    const mesh = shopMesh();
    mesh.step();
    approve(mesh);
    mesh.untilPhase('Completed');
    mesh.addNamespace('later', { team: 'shop' });
    mesh.until(() => waits(mesh));
    assert.equal(mesh.mode('later'), 'PERMISSIVE');
    mesh.rests();
  });

  const changes: [what: string, act: (mesh: TestMesh) => void, said: RegExp][] = [
    ['a scope leaves', mesh => mesh.removeNamespace('pay'), /: pay left;/],
    [
      'an exception is added',
      mesh =>
        mesh.edit({
          exceptions: [
            {
              name: 'hook',
              namespace: 'pay',
              selector: { matchLabels: { app: 'h' } },
              reason: 'r',
              until: '2027-03-31',
            },
          ],
        }),
      /the order, the pace, exceptions, or what is written for the same scopes changed/,
    ],
    [
      'more move at once',
      mesh => mesh.edit({ strategy: { waves: [{ ...CORE.waves![0]!, maxConcurrent: 3 }] } }),
      /the order, the pace/,
    ],
    ['rules for clients are wanted', mesh => mesh.edit({ destinationRules: 'Always' }), /the order, the pace/],
    [
      'it is withdrawn',
      mesh => mesh.annotate(APPROVE_ANNOTATION, ''),
      /the approval of [0-9a-f]{8} by alice was withdrawn/,
    ],
  ];
  for (const [what, act, said] of changes)
    it(`waits again when ${what} before STRICT`, () => {
      const mesh = shopMesh();
      mesh.step();
      approve(mesh);
      mesh.until(({ step }) => step?.stage === 'Observing');
      act(mesh);
      mesh.until(() => waits(mesh));
      assert.match(mesh.status.message!, said);
      assert.deepEqual(
        [...mesh.policies.values()].filter(({ spec }) => spec.mtls?.mode === 'STRICT'),
        [],
      );
    });

  it('keeps its approval through what does not change the plan', () => {
    const mesh = shopMesh();
    mesh.step();
    approve(mesh);
    mesh.edit({ analysis: { interval: '10s' }, suspend: true });
    mesh.step();
    mesh.edit({ suspend: false });
    mesh.putPolicy('cart', 'default', { mtls: { mode: 'STRICT' } });
    mesh.untilPhase('Completed');
  });

  it('is finished when half of its step is STRICT already', () => {
    const mesh = shopMesh({ strategy: { waves: [{ ...CORE.waves![0]!, maxConcurrent: 3 }] } });
    mesh.step();
    approve(mesh);
    mesh.until(({ step }) => step?.stage === 'Observing');
    mesh.now += 60_000;
    // the operator dies after the first of three writes
    let decision = decide(mesh.input());
    while (!decision.writes.some(setsStrict)) {
      mesh.store(decision);
      mesh.now += 30_000;
      decision = decide(mesh.input());
    }
    mesh.store(decision);
    mesh.perform(decision.writes[0]!);
    mesh.addNamespace('later', { team: 'shop' });
    mesh.until(({ step }) => step?.stage === 'Soaking');
    assert.deepEqual(
      SHOP.map(name => mesh.mode(name)),
      ['STRICT', 'STRICT', 'STRICT'],
    );
    mesh.until(() => waits(mesh));
    assert.equal(mesh.mode('later'), 'PERMISSIVE');
  });

  it('keeps status bounded: names of many scopes are left out, numbers stay', () => {
    const mesh = shopMesh();
    for (let n = 0; n < 600; n++) mesh.addNamespace(`n${n}`, { team: 'shop' });
    mesh.step();
    approve(mesh);
    mesh.step();
    assert.deepEqual(mesh.status.waves?.[0]?.approved?.scopes, []);
    mesh.addNamespace('later', { team: 'shop' });
    mesh.until(() => waits(mesh));
    assert.match(mesh.status.message!, /no longer counts: it was of 603 scopes, the wave has 604 now/);
  });
});

describe('the annotation', () => {
  const by = fc.string({ minLength: 1, maxLength: 60 }).filter(isApprover);
  const approvals = fc.uniqueArray(
    fc.record({
      wave: fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?$/),
      plan: fc.stringMatching(/^[0-9a-f]{8}$/),
      by,
    }),
    { selector: ({ wave }) => wave, maxLength: 20 },
  );

  it('gives back what was written, the newest approval of a wave in place of the older one', () => {
    fc.assert(
      fc.property(approvals, approvals, (first, second) => {
        let text: string | undefined;
        for (const each of [...first, ...second]) text = writeApproval(text, each);
        const { approvals: read, bad } = readApprovals(text ?? '');
        const expected = new Map([...first, ...second].map(each => [each.wave, each]));
        assert.deepEqual(bad, []);
        assert.deepEqual(
          new Map(read.map(each => [each.wave, { ...each, by: each.by.trim() }])),
          new Map([...expected].map(([key, each]) => [key, { ...each, by: each.by.trim() }])),
        );
      }),
    );
  });

  it('never fails, whatever somebody writes', () => {
    fc.assert(fc.property(fc.string({ size: 'large' }), text => readApprovals(text).approvals.length <= 64));
  });
});
