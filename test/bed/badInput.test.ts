/**
 * What can be wrong around the operator, on a real API server: each is said plainly on the one object concerned, goes
 * on by itself once it is mended, and disturbs nobody else.
 */
import assert from 'node:assert/strict';
import { bedWithOperator } from './bed.ts';
import { namespaceObject } from './boutique.ts';
import { apply } from './boutiqueObjects.ts';
import { withoutRight } from './rights.ts';
import {
  condition,
  create,
  patch,
  policiesIn,
  quick,
  QUICK,
  remove,
  type RolloutObject,
  rolloutPath,
  untilHeld,
  untilPhase,
  untilStatus,
  userPolicy,
} from './rollouts.ts';

describe('trouble on a real API server', () => {
  const on = bedWithOperator({ istio: false });

  it('without the CRDs of Istio a rollout says so, and begins when they are there', async () => {
    const { api, plane } = on.bed;
    const path = rolloutPath('ad');
    await create(api, 'ad', quick(['ad']));
    const refused = await untilPhase(api, path, 'Refused');
    isStalled(refused, 'PoliciesNotSeen', /cannot be seen: .*is its CRD installed\?; install Istio's CRDs/);
    await plane.applyIstioCrds();
    await untilPhase(api, path, 'Completed');
  });

  it('without a right a rollout names it, and goes on when it is given', async () => {
    const { api, plane } = on.bed;
    await userPolicy(api, 'email', 'default', { mtls: { mode: 'PERMISSIVE' } });
    const path = rolloutPath('email');
    const allow = await withoutRight(plane, 'peerauthentications', 'patch');
    await create(api, 'email', quick(['email']));
    const isSaid = (each: RolloutObject) => condition(each, 'Stalled')?.reason === 'WriteForbidden';
    const held = await untilStatus(api, path, status => isSaid({ status } as RolloutObject), 'the right to be missed');
    isStalled(
      held,
      'WriteForbidden',
      /cannot patch PeerAuthentication email\/default: .*ServiceAccount mtls-rollout-system\/mtls-rollout lacks the verb "patch" on peerauthentications\.security\.istio\.io.*: add it to its Role or ClusterRole/,
    );
    assert.deepEqual((await policiesIn(api, 'email'))[0]!.spec, { mtls: { mode: 'PERMISSIVE' } });
    await allow();
    await untilPhase(api, path, 'Completed');
  });

  it('without Prometheus a rollout waits, and goes on when it answers', async () => {
    const { api, prometheus } = on.bed;
    const path = rolloutPath('currency');
    prometheus.trouble = 'Refuse';
    await create(api, 'currency', quick(['currency']));
    const held = await untilStatus(
      api,
      path,
      ({ probes }) => probes?.some(({ verdict }) => verdict === 'Error') === true,
      'the probe to fail',
    );
    assert.equal(held.status!.phase, 'Observing');
    assert.equal(held.status!.summary!.waitingOn, 'probe no-plaintext');
    assert.match(held.status!.message!, /Prometheus at 127\.0\.0\.1:\d+ cannot be reached/);
    assert.equal(condition(held, 'Reconciling')?.status, 'True');
    prometheus.trouble = undefined;
    await untilPhase(api, path, 'Completed');
  });

  it('rollouts that cannot be are refused each for itself, while another one goes its way', async () => {
    const { api } = on.bed;
    await create(api, 'here', { target: { mesh: {} } }, 'payment');
    await create(api, 'nowhere', quick(['shipping', 'no-such-namespace']));
    await create(api, 'well', quick(['checkout']));
    await create(api, 'well-rival', quick(['checkout']));

    const misplaced = await untilPhase(api, rolloutPath('here', 'payment'), 'Refused');
    isStalled(
      misplaced,
      'NotInRootNamespace',
      /spec\.target\.mesh reaches beyond namespace payment .* mesh root namespace istio-system/,
    );
    const hole = await untilHeld(api, rolloutPath('nowhere'), 'NamespaceNotFound');
    isStalled(
      hole,
      'NamespaceNotFound',
      /namespace no-such-namespace .* is not there; create the namespace, or take it from the list/,
    );
    const rival = await untilPhase(api, rolloutPath('well-rival'), 'Refused');
    isStalled(rival, 'Conflicted', /MtlsRollout istio-system\/well is older and governs namespace checkout/);
    await untilPhase(api, rolloutPath('well'), 'Completed');
    assert.deepEqual(await policiesIn(api, 'shipping'), []);

    await apply(api, namespaceObject('no-such-namespace', {}));
    await untilPhase(api, rolloutPath('nowhere'), 'Completed');
    await remove(api, rolloutPath('well'));
    await untilPhase(api, rolloutPath('well-rival'), 'Completed');
    await patch(api, rolloutPath('here', 'payment'), { spec: { target: { mesh: null, namespace: {} }, ...QUICK } });
    await untilStatus(api, rolloutPath('here', 'payment'), ({ phase }) => phase !== 'Refused', 'it to begin');
  });

  it('through all of which the operator is one process that never stumbled', () => {
    assert.ok(on.operator.pid);
    const odd = on.operator.log.filter(({ level }) => level === 'error' || level === 'raw');
    assert.deepEqual(odd, []);
  });
});

function isStalled(object: RolloutObject, reason: string, message: RegExp): void {
  const stalled = condition(object, 'Stalled');
  assert.equal(stalled?.status, 'True');
  assert.equal(stalled?.reason, reason);
  assert.match(stalled.message, message);
  assert.match(object.status!.message!, message);
  assert.equal(condition(object, 'Ready')?.status, 'False');
}
