/**
 * Somebody with a field manager of their own undoes what a rollout has set, on a real API server: named once, corrected
 * where its author wants that, and left alone after the third time.
 */
import assert from 'node:assert/strict';
import type { Transport } from '../../src/cluster/transport.ts';
import { bedWithOperator } from './bed.ts';
import { waitForObject } from './observe.ts';
import {
  condition,
  create,
  patch,
  type Policy,
  policiesIn,
  policyPath,
  quick,
  rolloutPath,
  untilHeld,
  untilPhase,
  untilStatus,
} from './rollouts.ts';

const GITOPS = 'argocd-controller';
const OPEN = { spec: { mtls: { mode: 'PERMISSIVE' } } };

async function setBack(api: Transport, path: string): Promise<void> {
  const body = OPEN;
  const query = { fieldManager: GITOPS };
  const { status } = await api.call({
    method: 'PATCH',
    path,
    query,
    contentType: 'application/merge-patch+json',
    body,
  });
  assert.equal(status, 200);
}

/** Sets PERMISSIVE whenever the policy says STRICT, until it is stopped; how often it had to. */
function fighter(api: Transport, path: string) {
  const tally = { reverts: 0, isStopped: false };
  const done = (async () => {
    while (!tally.isStopped) {
      const isDue = ({ spec }: Policy) => tally.isStopped || spec.mtls?.mode === 'STRICT';
      const found = await waitForObject<Policy>(api, path, isDue, 'STRICT to undo', 1_000).catch(() => undefined);
      if (!found || tally.isStopped) continue;
      await setBack(api, path);
      tally.reverts += 1;
    }
  })();
  return {
    tally,
    stop: async () => {
      tally.isStopped = true;
      await done;
    },
  };
}

describe('drift on a real API server', () => {
  const on = bedWithOperator();

  it('is said with the name of the writer, and nothing is written', async () => {
    const { api } = on.bed;
    const path = rolloutPath('reports');
    await create(api, 'reports', quick(['email']));
    await untilPhase(api, path, 'Completed');
    await setBack(api, policyPath('email', 'mtls-rollout'));
    const held = await untilHeld(api, path, 'Drifted');
    assert.match(condition(held, 'Drifted')?.message ?? '', new RegExp(`was set to PERMISSIVE by ${GITOPS}`));
    assert.equal(condition(held, 'Ready')?.status, 'False');
    const [policy] = await policiesIn(api, 'email');
    assert.equal(policy?.spec.mtls?.mode, 'PERMISSIVE');
    await patch(api, path, { metadata: { annotations: { 'mtlsrollout.io/retry': '1' } } });
    await untilPhase(api, path, 'Completed');
  });

  it('is corrected three times at the most, also by the next process', async () => {
    const { api } = on.bed;
    const path = rolloutPath('corrects');
    await create(api, 'corrects', quick(['ad'], { drift: 'Correct' }));
    await untilPhase(api, path, 'Completed');
    const mine = policyPath('ad', 'mtls-rollout');
    const { tally, stop } = fighter(api, mine);
    await untilStatus(api, path, ({ drift = [] }) => (drift[0]?.writes.length ?? 0) >= 1, 'a first correction');
    await on.operator.kill();
    on.operator = await on.bed.startOperator();
    const held = await untilHeld(api, path, 'DriftFight', 120_000);
    assert.match(held.status?.message ?? '', new RegExp(`was set to PERMISSIVE by ${GITOPS}; written 3 times`));
    // what the rollout had set before counts as well
    assert.ok(tally.reverts <= 4, `${tally.reverts} reverts`);
    await stop();
    await patch(api, path, { metadata: { annotations: { 'mtlsrollout.io/retry': '1' } } });
    const done = await untilPhase(api, path, 'Completed');
    assert.equal(condition(done, 'Drifted')?.status, 'False');
    assert.equal((await policiesIn(api, 'ad'))[0]?.spec.mtls?.mode, 'STRICT');
  });

  it('of a deleted policy is corrected by a new one', async () => {
    const { api } = on.bed;
    const path = rolloutPath('deleted');
    await create(api, 'deleted', quick(['shipping'], { drift: 'Correct' }));
    await untilPhase(api, path, 'Completed');
    await api.call({ method: 'DELETE', path: policyPath('shipping', 'mtls-rollout') });
    await untilStatus(api, path, ({ phase }) => phase !== 'Completed', 'the drift to be seen');
    await untilPhase(api, path, 'Completed');
    assert.equal((await policiesIn(api, 'shipping'))[0]?.spec.mtls?.mode, 'STRICT');
  });
});
