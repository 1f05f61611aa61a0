/** Ports and workloads that the author keeps open: written before their scope, explicit, never weaker, and gone with it. */
import assert from 'node:assert/strict';
import { ORIGINAL_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { PeerAuthentication } from '../../src/istio/objects.ts';
import { decide } from '../../src/rollout/decide.ts';
import type { Write } from '../../src/rollout/writes.ts';
import { START, TestMesh } from './mesh.ts';

const HOOK = { matchLabels: { app: 'hook' } };
const exception = (more: object = {}) => ({
  name: 'webhook',
  namespace: 'cart',
  selector: HOOK,
  ports: [9443],
  reason: 'called by the API server',
  until: '2027-03-31',
  ...more,
});
const spec = (exceptions: object[] = [exception()], more: Partial<SpecInput> = {}): SpecInput => ({
  target: { namespaces: { names: ['cart'] } },
  exceptions: exceptions as NonNullable<SpecInput['exceptions']>,
  preflight: { accept: ['NoMetrics'] },
  ...more,
});

/** What each policy of `cart` says, by name. */
function said(mesh: TestMesh): Record<string, PeerAuthentication['spec']> {
  const policies = [...mesh.policies.values()].filter(({ metadata }) => metadata.namespace === 'cart');
  return Object.fromEntries(policies.map(({ metadata, spec: says }) => [metadata.name, says]));
}

function namesOf(write: Write): string {
  return write.verb === 'create' ? write.object.metadata.name : write.target.name;
}

const OPEN = {
  selector: HOOK,
  mtls: { mode: 'STRICT' },
  portLevelMtls: { 9443: { mode: 'PERMISSIVE' } },
};

describe('exceptions of the author', () => {
  it('have a policy of their own with explicit modes, before anything is STRICT', () => {
    const mesh = new TestMesh(spec(), ['cart']);
    mesh.untilPhase('Completed');
    assert.deepEqual(said(mesh), {
      'mtls-rollout': { mtls: { mode: 'STRICT' } },
      'mtls-rollout-except-webhook': OPEN,
    });
    for (const policies of mesh.history) {
      const strict = policies.some(
        ({ spec: says, metadata }) => says.mtls?.mode === 'STRICT' && metadata.namespace === 'cart',
      );
      const open = policies.some(({ spec: says }) => says.portLevelMtls?.['9443']?.mode === 'PERMISSIVE');
      assert.ok(!strict || open, 'the port was open whenever something was STRICT');
    }
    assert.equal(mesh.status.message, '1 scope STRICT, except cart: webhook (port 9443)');
    assert.deepEqual(mesh.status.strict, { done: 0, total: 1 });
  });

  it('may be a whole workload', () => {
    const mesh = new TestMesh(spec([exception({ ports: undefined })]), ['cart']);
    mesh.untilPhase('Completed');
    assert.deepEqual(said(mesh)['mtls-rollout-except-webhook'], { selector: HOOK, mtls: { mode: 'PERMISSIVE' } });
    assert.equal(mesh.status.message, '1 scope STRICT, except cart: webhook');
  });

  it('are ports of the policy of a workload that moves by itself', () => {
    const own = {
      target: { workloads: [{ name: 'hook', selector: HOOK }] },
      exceptions: [exception({ namespace: undefined })],
    };
    const mesh = new TestMesh(spec([], own), [], 'cart');
    mesh.untilPhase('Completed');
    assert.deepEqual(said(mesh), { 'mtls-rollout-hook': OPEN });
  });

  it('go when the rollout goes back, after their scope', () => {
    const mesh = new TestMesh(spec(), ['cart']);
    mesh.untilPhase('Completed');
    mesh.edit({ mode: 'Revert' });
    mesh.untilPhase('Reverted');
    assert.deepEqual(said(mesh), {});
    const removed = mesh.writes.filter(({ verb }) => verb === 'delete');
    assert.deepEqual(
      removed.map(write => (write.verb === 'delete' ? write.target.name : '')),
      ['mtls-rollout', 'mtls-rollout-except-webhook'],
    );
  });

  it('go in no decision that still takes back what is around them, for writes are made side by side', () => {
    const mesh = new TestMesh(spec(), ['cart']);
    mesh.putPolicy('cart', 'a-hook', { selector: HOOK, mtls: { mode: 'PERMISSIVE' } });
    mesh.untilPhase('Completed');
    mesh.edit({ mode: 'Revert' });
    const { writes } = decide(mesh.input());
    assert.deepEqual(writes.map(namesOf), ['mtls-rollout']);
    mesh.untilPhase('Reverted');
    assert.deepEqual(mesh.writes.slice(-2).map(namesOf), ['mtls-rollout', 'a-hook']);
  });

  it('stay open as long as there is no way back for their scope', () => {
    const mesh = new TestMesh(spec(), ['cart']);
    mesh.untilPhase('Completed');
    mesh.tamper('cart', 'mtls-rollout', { metadata: { annotations: { [ORIGINAL_ANNOTATION]: '{}' } } });
    mesh.edit({ mode: 'Revert' });
    mesh.until(({ summary }) => summary?.waitingOn === 'DamagedOriginal');
    assert.deepEqual(said(mesh)['mtls-rollout-except-webhook'], OPEN);
    mesh.dropPolicy('cart');
    mesh.untilPhase('Reverted');
    assert.deepEqual(said(mesh), {});
  });

  it('take over a policy of a user and give it back as it was', () => {
    const mesh = new TestMesh(spec(), ['cart']);
    const theirs = {
      selector: HOOK,
      portLevelMtls: { 9443: { mode: 'DISABLE' as const }, 8080: { mode: 'STRICT' as const } },
    };
    mesh.putPolicy('cart', 'theirs', theirs);
    mesh.untilPhase('Completed');
    assert.deepEqual(said(mesh)['theirs'], {
      ...OPEN,
      portLevelMtls: { 9443: { mode: 'PERMISSIVE' }, 8080: { mode: 'STRICT' } },
    });
    mesh.edit({ mode: 'Revert' });
    mesh.untilPhase('Reverted');
    assert.deepEqual(said(mesh), { theirs });
  });

  it('never weaken what is STRICT already', () => {
    const mesh = new TestMesh(spec(), ['cart']);
    mesh.putPolicy('cart', 'theirs', { mtls: { mode: 'STRICT' } });
    mesh.untilPhase('Completed');
    assert.deepEqual(Object.keys(said(mesh)), ['theirs']);
  });

  it('that are taken back later leave a step that closes them, with evidence', () => {
    const mesh = new TestMesh(spec(), ['cart']);
    mesh.untilPhase('Completed');
    mesh.edit({ exceptions: [] });
    mesh.untilPhase('Completed');
    assert.deepEqual(Object.keys(said(mesh)), ['mtls-rollout']);
    assert.deepEqual(mesh.status.strict, { done: 1, total: 1 });
    assert.equal(mesh.transitions.filter(({ reason }) => reason === 'StepStarted').length, 2);
  });

  it('that change their ports close the old ones', () => {
    const mesh = new TestMesh(spec(), ['cart']);
    mesh.untilPhase('Completed');
    mesh.edit({ exceptions: [exception({ ports: [9444] })] as NonNullable<SpecInput['exceptions']> });
    mesh.untilPhase('Completed');
    assert.equal(said(mesh)['mtls-rollout-except-webhook']?.portLevelMtls?.['9443']?.mode, 'STRICT');
  });

  for (const [what, prepare, code, says] of [
    [
      'an older policy that selects the same pods',
      (mesh: TestMesh) =>
        mesh.putPolicy('cart', 'theirs', { selector: { matchLabels: { tier: 'x' } }, mtls: { mode: 'STRICT' } }),
      'ExceptionVoid',
      /PeerAuthentication cart\/theirs is older/,
    ],
    [
      'a policy that a tool manages',
      (mesh: TestMesh) =>
        mesh.putPolicy(
          'cart',
          'theirs',
          { selector: HOOK, mtls: { mode: 'PERMISSIVE' } },
          { labels: { 'argocd.argoproj.io/instance': 'shop' } },
        ),
      'Conflict',
      /managed by Argo CD application shop/,
    ],
  ] as const)
    it(`are held by ${what}`, () => {
      const mesh = new TestMesh(spec(), ['cart']);
      prepare(mesh);
      mesh.until(({ phase }) => phase === 'Pending');
      assert.equal(mesh.status.phase, 'Pending');
      assert.equal(mesh.status.summary?.waitingOn, code);
      assert.match(mesh.status.message ?? '', says);
    });

  it('warn when they are about something that does not move', () => {
    const mesh = new TestMesh(spec([exception({ namespace: 'other' })]), ['cart', 'other']);
    mesh.untilPhase('Completed');
    assert.deepEqual(mesh.status.hazards?.map(({ code }) => code).includes('ExceptionOutside'), true);
  });

  it('raise a condition a week before they end, and when they have ended', () => {
    const day = new Date(START + 10 * 86_400_000).toISOString().slice(0, 10);
    const mesh = new TestMesh(spec([exception({ until: day })]), ['cart']);
    const due = () => mesh.status.conditions?.find(({ type }) => type === 'ExceptionsDue');
    mesh.untilPhase('Completed');
    assert.equal(due()?.reason, 'NoneDue');
    mesh.now = START + 5 * 86_400_000;
    mesh.step();
    assert.equal(due()?.reason, 'ExpireSoon');
    assert.equal(due()?.status, 'True');
    mesh.now = START + 12 * 86_400_000;
    mesh.step();
    assert.equal(due()?.reason, 'Expired');
    assert.match(due()?.message ?? '', new RegExp(`webhook \\(until ${day}\\)`));
    assert.deepEqual(
      mesh.transitions.map(({ reason }) => reason).filter(reason => reason.startsWith('Exceptions')),
      ['ExceptionsExpireSoon', 'ExceptionsExpired'],
    );
    mesh.edit({ exceptions: [] });
    mesh.untilPhase('Completed');
    assert.equal(due(), undefined);
  });
});
