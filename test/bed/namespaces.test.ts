/**
 * Namespaces come and go while a rollout runs, and so do rollouts: what comes joins, what goes is not waited for, and
 * no deletion ever hangs on the operator.
 */
import assert from 'node:assert/strict';
import { bedWithOperator } from './bed.ts';
import { namespaceObject } from './boutique.ts';
import { apply } from './boutiqueObjects.ts';
import { read, waitForGone } from './observe.ts';
import {
  condition,
  create,
  patch,
  policiesIn,
  quick,
  QUICK,
  remove,
  rolloutPath,
  untilPhase,
  untilStatus,
} from './rollouts.ts';

/** Namespaces of this suite have no pods: nobody but a kubelet could end them. */
const TEAM = { team: 'guests' };

describe('namespaces that come and go on a real API server', () => {
  const on = bedWithOperator();
  before(async () => {
    for (const name of ['guest-a', 'guest-b']) await makeNamespace(name, TEAM);
  });

  describe('a rollout of all namespaces with a label', () => {
    const path = rolloutPath('guests');

    before(async () => {
      const waves = [{ name: 'guests', selector: { matchLabels: TEAM }, soak: '2s' }];
      const target = { namespaces: { selector: { matchLabels: TEAM } } };
      await create(on.bed.api, 'guests', { target, strategy: { waves }, ...QUICK });
      await untilStatus(on.bed.api, path, ({ step }) => step?.stage === 'Soaking', 'the first step to soak');
    });

    it('takes in a namespace that appears while its wave runs', async () => {
      await makeNamespace('guest-c', TEAM);
      const joined = await untilStatus(on.bed.api, path, ({ strict }) => strict?.total === 3, 'three scopes');
      assert.notEqual(joined.status!.phase, 'Completed');
    });

    it('does not wait for one that is deleted in the middle of its step', async () => {
      const { api } = on.bed;
      await untilStatus(
        api,
        path,
        ({ step }) => step?.scopes[0] === 'guest-b' && step.stage === 'Soaking',
        'guest-b to soak',
      );
      assert.equal((await policiesIn(api, 'guest-b')).length, 1);
      await remove(api, '/api/v1/namespaces/guest-b');
      await waitForGone(api, '/api/v1/namespaces/guest-b', 30_000);
      const done = await untilPhase(api, path, 'Completed');
      assert.deepEqual(done.status!.strict, { done: 2, total: 2 });
    });

    it('takes in, by a step of its own, one that appears when the wave is long done', async () => {
      const { api } = on.bed;
      await makeNamespace('guest-late', TEAM);
      const late = await untilStatus(api, path, ({ step }) => step?.scopes[0] === 'guest-late', 'a catch-up step');
      assert.equal(condition(late, 'Ready')?.status, 'False');
      const done = await untilPhase(api, path, 'Completed');
      assert.deepEqual(done.status!.strict, { done: 3, total: 3 });
      assert.deepEqual((await policiesIn(api, 'guest-late'))[0]?.spec, { mtls: { mode: 'STRICT' } });
    });

    it('lets go of one whose label is taken away, and leaves it STRICT', async () => {
      const { api } = on.bed;
      await patch(api, '/api/v1/namespaces/guest-late', { metadata: { labels: { team: null } } });
      await untilStatus(api, path, ({ strict }) => strict?.total === 2, 'two scopes');
      assert.deepEqual((await policiesIn(api, 'guest-late'))[0]?.spec, { mtls: { mode: 'STRICT' } });
    });

    it('begins anew with one that is deleted and made again', async () => {
      const { api } = on.bed;
      await remove(api, '/api/v1/namespaces/guest-c');
      await waitForGone(api, '/api/v1/namespaces/guest-c', 30_000);
      await makeNamespace('guest-c', TEAM);
      await untilStatus(api, path, ({ step }) => step?.scopes[0] === 'guest-c', 'the step of the new guest-c');
      const done = await untilPhase(api, path, 'Completed');
      assert.deepEqual(done.status!.strict, { done: 2, total: 2 });
    });
  });

  describe('a rollout that is deleted in the middle of a step', () => {
    it('leaves the policies as they are just then, and nothing waits for anything', async () => {
      const { api } = on.bed;
      const path = rolloutPath('short');
      await create(api, 'short', quick(['email'], {}, '1h'));
      await untilPhase(api, path, 'Soaking');
      const before = await policiesIn(api, 'email');
      await remove(api, path);
      await waitForGone(api, path, 5_000);
      // another one that takes the scope over shows that the operator has seen the deletion
      await create(api, 'next', quick(['email']));
      await untilPhase(api, rolloutPath('next'), 'Completed');
      assert.deepEqual(await policiesIn(api, 'email'), before);
    });

    it('with its whole namespace does not hold the namespace', async () => {
      const { api } = on.bed;
      await makeNamespace('own', {});
      await create(api, 'own', { target: { namespace: {} }, ...QUICK }, 'own');
      await untilPhase(api, rolloutPath('own', 'own'), 'Soaking');
      await remove(api, '/api/v1/namespaces/own');
      await waitForGone(api, '/api/v1/namespaces/own', 30_000);
      assert.equal(await read(api, rolloutPath('own', 'own')), undefined);
    });
  });

  async function makeNamespace(name: string, labels: Record<string, string>): Promise<void> {
    await apply(on.bed.api, namespaceObject(name, labels));
  }
});
