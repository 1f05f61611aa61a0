/** Counting plaintext by policies in dry run: announced, written, drained, and gone with the switch, whatever happens. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { AuthorizationPolicy } from '../../src/istio/objects.ts';
import type { Write } from '../../src/rollout/writes.ts';
import { TestMesh } from './mesh.ts';
import { meshIn, shopMesh } from './stages.ts';

const COUNTED: Partial<SpecInput> = {
  probes: [
    { name: 'counted', plaintextTraffic: { source: 'Shadow', window: '1m' } },
    { name: 'enforced', enforcement: {} },
  ],
};
const NAME = 'ad/mtls-rollout-shadow';
const DRAIN = 45_000;

const shown = (write: Write): string => {
  const { kind } = write.verb === 'create' ? write.object : write.target;
  return `${write.verb} ${kind}`;
};
const ofShadows = (writes: readonly Write[]) => writes.map(shown).filter(text => text.endsWith('AuthorizationPolicy'));

/** Somebody else's merge of an annotation or label. */
function tampered(policy: AuthorizationPolicy, annotations: Record<string, string>): AuthorizationPolicy {
  return { ...policy, metadata: { ...policy.metadata, annotations } };
}

describe('shadows', () => {
  it('are announced before they are written, once', () => {
    const mesh = shopMesh(COUNTED);
    mesh.until(() => mesh.authorizations.size > 0);
    const told = mesh.transitions.filter(({ reason }) => reason === 'DrainAnnounced');
    assert.equal(told.length, 1);
    assert.match(told[0]!.message, /to count plaintext to ad and refuse nobody; open connections .* up to 45s/);
    assert.match(mesh.status.message ?? '', /AuthorizationPolicy in dry run to write/);
    assert.equal(mesh.status.shadows, 1, 'counted before the write, or a crash would forget it');
  });

  it('are in dry run from the start, and deny nothing but what has no identity', () => {
    const policy = meshIn('Observing', COUNTED).authorizations.get(NAME)!;
    assert.equal(policy.metadata.annotations?.['istio.io/dry-run'], 'true');
    assert.deepEqual(policy.spec, { action: 'DENY', rules: [{ from: [{ source: { notPrincipals: ['*'] } }] }] });
  });

  it('are waited for until everything that was open before is cut', () => {
    const mesh = shopMesh(COUNTED);
    mesh.until(() => mesh.authorizations.size > 0);
    const written = mesh.now;
    mesh.until(({ step }) => step?.stage === 'Observing');
    assert.ok(mesh.now - written >= DRAIN, `${mesh.now - written} ms`);
    const said = mesh.status.history?.map(({ reason }) => reason);
    assert.ok(said!.indexOf('DrainAnnounced') < said!.indexOf('StepPrepared'));
  });

  it('go in the same breath in which STRICT is set', () => {
    const mesh = meshIn('Observing', COUNTED);
    const { length } = mesh.writes;
    mesh.until(({ step }) => step?.stage === 'Soaking');
    const writes = mesh.writes.slice(length).map(shown);
    assert.deepEqual(writes, ['patch PeerAuthentication', 'delete AuthorizationPolicy']);
    assert.equal(mesh.authorizations.size, 0);
  });

  it('leave nothing when all is done', () => {
    const mesh = shopMesh(COUNTED);
    mesh.untilPhase('Completed');
    assert.equal(mesh.authorizations.size, 0);
    assert.equal(mesh.status.shadows, undefined);
    assert.deepEqual(ofShadows(mesh.writes).length, 6, 'one for each scope, made and taken away');
    mesh.rests();
  });

  it('take the labels of a workload, and only its ports', () => {
    const mesh = new TestMesh(
      {
        target: { workloads: [{ name: 'redis', selector: { matchLabels: { app: 'redis' } }, ports: [6379] }] },
        ...COUNTED,
      },
      ['cart'],
      'cart',
    );
    mesh.until(() => mesh.authorizations.size > 0);
    const [policy] = mesh.authorizations.values();
    assert.match(policy!.metadata.name, /^mtls-rollout-shadow-[0-9a-f]{8}$/);
    assert.deepEqual(policy!.spec.selector, { matchLabels: { app: 'redis' } });
    assert.deepEqual(policy!.spec.rules?.[0]?.to, [{ operation: { ports: ['6379'] } }]);
  });

  it('are not made for the policy of the mesh, which would cut connections everywhere', () => {
    const mesh = new TestMesh({ target: { mesh: {} }, ...COUNTED }, ['cart']);
    mesh.untilPhase('Completed');
    const created = mesh.writes.flatMap(write => (write.verb === 'create' ? [write.object] : []));
    const where = created
      .filter(({ kind }) => kind === 'AuthorizationPolicy')
      .map(({ metadata }) => metadata.namespace);
    assert.deepEqual(where, ['cart']);
  });

  it('are gone after Revert, wherever the step stood', () => {
    for (const stage of ['Preparing', 'Observing', 'Enforcing', 'Soaking'] as const) {
      const mesh = meshIn(stage, COUNTED);
      mesh.edit({ mode: 'Revert' });
      mesh.untilPhase('Reverted');
      assert.equal(mesh.authorizations.size, 0, stage);
    }
  });

  it('are gone after a rollback', () => {
    const mesh = shopMesh(COUNTED);
    mesh.judge = kind => (kind === 'Soak' ? 'Unhealthy' : 'Healthy');
    mesh.untilPhase('RolledBack');
    assert.equal(mesh.authorizations.size, 0);
  });

  it('go when the spec asks for them no more', () => {
    const mesh = meshIn('Observing', COUNTED);
    mesh.edit({ probes: [{ name: 'plain', plaintextTraffic: {} }] });
    mesh.until(() => mesh.authorizations.size === 0);
    mesh.untilPhase('Completed');
  });

  it('are made anew where somebody deletes one, and evidence begins again', () => {
    const mesh = meshIn('Observing', COUNTED);
    mesh.authorizations.clear();
    mesh.until(({ step }) => step?.stage === 'Preparing');
    assert.equal(mesh.transitions.at(-2)?.reason, 'CountingStopped');
    mesh.untilPhase('Completed');
    assert.equal(mesh.authorizations.size, 0);
  });

  it('are left to whoever changed one, which holds the step', () => {
    const mesh = meshIn('Observing', COUNTED);
    const policy = mesh.authorizations.get(NAME)!;
    const { 'istio.io/dry-run': _, ...rest } = policy.metadata.annotations ?? {};
    mesh.authorizations.set(NAME, tampered(policy, rest));
    mesh.untilPhase('Paused');
    assert.match(mesh.status.message ?? '', /mtls-rollout-shadow, .* was changed by somebody else and may refuse/);
    assert.equal(mesh.status.step?.stage, 'Preparing');
    mesh.edit({ mode: 'Revert' });
    mesh.untilPhase('Reverted');
    assert.ok(mesh.authorizations.has(NAME), 'no longer the rollout’s to delete');
  });

  it('that another rollout left on the scope are taken over, and taken away', () => {
    const mesh = meshIn('Observing', COUNTED);
    const left = mesh.authorizations.get(NAME)!;
    const next = shopMesh(COUNTED);
    next.rollout.metadata.uid = 'another';
    next.authorizations.set(NAME, left);
    next.untilPhase('Completed');
    assert.equal(next.authorizations.size, 0);
  });

  it('of others are not touched', () => {
    const mesh = shopMesh(COUNTED);
    const metadata = { name: 'theirs', namespace: 'ad', uid: 'u', resourceVersion: '1' };
    const theirs = { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy' as const, metadata, spec: {} };
    mesh.authorizations.set('ad/theirs', theirs);
    mesh.untilPhase('Completed');
    assert.deepEqual([...mesh.authorizations.values()], [theirs]);
  });

  it('that cannot be seen hold the step, and say which role is missing', () => {
    const mesh = shopMesh(COUNTED);
    mesh.shadowsProblem = 'authorizationpolicies is forbidden';
    mesh.until(({ summary }) => summary?.waitingOn === 'ShadowsNotSeen');
    assert.match(mesh.status.message ?? '', /ClusterRole mtls-rollout-shadow \(kubectl apply -f config\/rbac\/shadow/);
    assert.equal(mesh.condition('Stalled')?.status, 'True');
  });

  it('that cannot be seen do not keep policies from going back', () => {
    const mesh = meshIn('Observing', COUNTED);
    mesh.shadowsProblem = 'authorizationpolicies is forbidden';
    mesh.edit({ mode: 'Revert' });
    mesh.until(({ summary }) => summary?.waitingOn === 'ShadowsNotSeen');
    assert.equal(mesh.policy('ad'), undefined);
    assert.match(mesh.status.message ?? '', /policies are restored, and 1 AuthorizationPolicy in dry run cannot be/);
    mesh.shadowsProblem = undefined;
    mesh.untilPhase('Reverted');
    assert.equal(mesh.authorizations.size, 0);
  });
});
