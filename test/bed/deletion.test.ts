/**
 * Rollouts are deleted in the middle of what they do, on a real API server: with Restore everything is as it was before
 * the rollout is gone, with Keep nothing waits, and no namespace is held.
 */
import assert from 'node:assert/strict';
import { RESTORE_FINALIZER } from '../../src/api/resource.ts';
import type { Status } from '../../src/api/status.ts';
import { bedWithOperator } from './bed.ts';
import { namespaceObject } from './boutique.ts';
import { apply } from './boutiqueObjects.ts';
import { read, waitForGone } from './observe.ts';
import {
  create,
  identity,
  patch,
  policiesIn,
  quick,
  QUICK,
  remove,
  type RolloutObject,
  rolloutPath,
  untilPhase,
  untilStatus,
  userPolicy,
} from './rollouts.ts';

/** `email` has a policy of its own, `ad` has none. */
const PLACES = ['email', 'ad'];
const STAGES: Record<string, (status: Status) => boolean> = {
  Observing: ({ step }) => step?.stage === 'Observing',
  Enforcing: ({ step }) => step?.stage === 'Enforcing',
  Soaking: ({ step }) => step?.stage === 'Soaking' && step.scopes[0] === 'ad',
  Completed: ({ phase }) => phase === 'Completed',
};

describe('deleting a rollout on a real API server', () => {
  const on = bedWithOperator();
  before(async () => {
    await userPolicy(on.bed.api, 'email', 'default', { mtls: { mode: 'PERMISSIVE' } }, { labels: { team: 'mail' } });
  });

  for (const [stage, isThere] of Object.entries(STAGES))
    it(`with Restore in ${stage} brings back what was there, and then lets it go`, async () => {
      const { api } = on.bed;
      const before = await policies();
      const path = rolloutPath(`restore-${stage.toLowerCase()}`);
      await create(api, `restore-${stage.toLowerCase()}`, quick(PLACES, { deletionPolicy: 'Restore' }, '2s'));
      const seen = await untilStatus(api, path, isThere, stage);
      // in Enforcing the first write may still be to come
      const { finalizers } = seen.metadata as { finalizers?: string[] };
      if (stage === 'Soaking' || stage === 'Completed') assert.deepEqual(finalizers, [RESTORE_FINALIZER]);
      await remove(api, path);
      await waitForGone(api, path, 20_000);
      assert.deepEqual(await policies(), before);
    });

  it('with Restore waits for an operator that is down, unless somebody takes the finalizer off', async () => {
    const { api, plane } = on.bed;
    const before = await policies();
    for (const way of ['started', 'patched'] as const) {
      const path = rolloutPath(`down-${way}`);
      await create(api, `down-${way}`, quick(PLACES, { deletionPolicy: 'Restore' }, '1s'));
      await untilPhase(api, path, 'Completed');
      await on.operator.stop();
      await remove(api, path);
      assert.ok((await read<RolloutObject>(api, path))?.metadata.deletionTimestamp);
      if (way === 'patched') {
        const line = ['patch', 'mtlsrollout', `down-${way}`, '-n', 'istio-system', '--type=merge', '-p'];
        await plane.kubectl([...line, '{"metadata":{"finalizers":null}}']);
        await waitForGone(api, path, 5_000);
        assert.deepEqual(
          (await policies()).map(({ spec }) => spec),
          [{ mtls: { mode: 'STRICT' } }, { mtls: { mode: 'STRICT' } }],
        );
      }
      await on.operator.start();
      if (way === 'patched') return;
      await waitForGone(api, path, 20_000);
      assert.deepEqual(await policies(), before);
    }
  });

  for (const deletionPolicy of ['Keep', 'Restore'] as const)
    it(`with its whole namespace, and ${deletionPolicy}, does not hold the namespace`, async () => {
      const { api } = on.bed;
      const name = `own-${deletionPolicy.toLowerCase()}`;
      await apply(api, namespaceObject(name, {}));
      await create(api, 'own', { target: { namespace: {} }, ...QUICK, deletionPolicy }, name);
      await untilPhase(api, rolloutPath('own', name), 'Soaking');
      await remove(api, `/api/v1/namespaces/${name}`);
      await waitForGone(api, `/api/v1/namespaces/${name}`, 30_000);
    });

  it('is let go when the author thinks better of it', async () => {
    const { api } = on.bed;
    await apply(api, namespaceObject('other', {}));
    const path = rolloutPath('other', 'other');
    const target = { namespace: {} };
    await create(api, 'other', { target, ...QUICK, deletionPolicy: 'Restore' }, 'other');
    await untilPhase(api, path, 'Soaking');
    await on.operator.stop();
    await remove(api, path);
    await patch(api, path, { spec: { deletionPolicy: 'Keep' } });
    await on.operator.start();
    await waitForGone(api, path, 20_000);
    assert.deepEqual((await policiesIn(api, 'other'))[0]?.spec, { mtls: { mode: 'STRICT' } });
  });

  async function policies() {
    const all = await Promise.all(PLACES.map(namespace => policiesIn(on.bed.api, namespace)));
    return all.flat().map(policy => ({ ...identity(policy), spec: policy.spec }));
  }
});
