/**
 * A step does harm and is rolled back by itself, exactly: what was there before is there again, byte for byte and the
 * same object, and nothing is left of what was not. The second try, asked for by annotation, completes.
 */
import assert from 'node:assert/strict';
import { bedWithOperator } from './bed.ts';
import { apply } from './boutiqueObjects.ts';
import { rowsOf } from './columns.ts';
import {
  condition,
  create,
  identity,
  patch,
  policiesIn,
  type Policy,
  quick,
  QUICK,
  rollout,
  rolloutPath,
  untilPhase,
  untilStatus,
  userPolicy,
} from './rollouts.ts';

/** `cart` comes last, so that the wave has more to take back than the step that fails. */
const ORDER = ['email', 'ad', 'cart'];

describe('a rollback on a real API server', () => {
  const on = bedWithOperator();

  describe('of a wave whose last step loses a client', () => {
    const path = rolloutPath('wave');
    let originals: Policy[];

    before(async () => {
      const { api } = on.bed;
      const tags = { labels: { team: 'shop' }, annotations: { 'example.com/ticket': 'SEC-7' } };
      await userPolicy(api, 'cart', 'default', { mtls: { mode: 'PERMISSIVE' } }, tags);
      await userPolicy(api, 'email', 'empty', {});
      originals = await policiesOf(ORDER);
      await create(api, 'wave', quick(ORDER, {}, '3s'));
    });

    it('happens by itself, and says why', async () => {
      const { api, plane } = on.bed;
      await untilStatus(
        api,
        path,
        ({ step }) => step?.stage === 'Soaking' && step.scopes[0] === 'cart',
        'cart to soak',
      );
      on.bed.path('frontend', 'cartservice').setRate(0);
      const ended = await untilPhase(api, path, 'RolledBack');
      assert.equal(condition(ended, 'Stalled')?.reason, 'RolledBack');
      assert.equal(condition(ended, 'Ready')?.status, 'False');
      const { reason, extent, finishedAt } = ended.status!.rollback!;
      assert.match(reason, /^probe traffic: frontend\/frontend → cart\/cartservice fell from \d+ to 0/);
      assert.equal(extent, 'Wave');
      assert.ok(finishedAt);
      const [row] = rowsOf((await plane.kubectl(['get', 'mr', '-A', '-o', 'wide'])).stdout);
      assert.equal(row!['PHASE'], 'RolledBack');
      assert.equal(row!['STEP'], '3/3');
      assert.equal(row!['STRICT'], '0/3');
      assert.equal(row!['WAITING-ON'], 'decision');
      assert.equal(row!['PROBE'], 'traffic Unhealthy');
      assert.match(
        row!['MESSAGE']!,
        /fell from \d+ to 0.* annotate the rollout with a new value of mtlsrollout.io\/retry/,
      );
    });

    it('leaves what was there before, the same objects with the same bytes, and nothing else', async () => {
      const after = await policiesOf(ORDER);
      assert.deepEqual(after.map(identity), originals.map(identity));
      assert.deepEqual(
        after.map(({ spec }) => JSON.stringify(spec)),
        originals.map(({ spec }) => JSON.stringify(spec)),
      );
    });

    it('is tried again when somebody says so, and completes', async () => {
      const { api, plane } = on.bed;
      on.bed.resume('frontend', 'cartservice');
      await plane.kubectl(['annotate', 'mtlsrollout/wave', '-n', 'istio-system', 'mtlsrollout.io/retry=1']);
      const done = await untilPhase(api, path, 'Completed');
      assert.equal(done.status?.rollback, undefined);
      const modes = (await policiesOf(ORDER)).map(({ metadata, spec }) => [metadata.namespace, spec.mtls?.mode]);
      assert.deepEqual(modes, [
        ['ad', 'STRICT'],
        ['cart', 'STRICT'],
        ['email', 'STRICT'],
      ]);
    });
  });

  describe('of other kinds', () => {
    it('of a port gives it back its own mode and leaves the others', async () => {
      const { api } = on.bed;
      const selector = { matchLabels: { app: 'paymentservice' } };
      const portLevelMtls = { '50051': { mode: 'PERMISSIVE' }, '9000': { mode: 'STRICT' } };
      const original = await userPolicy(api, 'payment', 'ports', { selector, portLevelMtls });
      const workloads = [{ name: 'pay', selector, ports: [50051] }];
      await apply(api, rollout('ports', { target: { workloads }, ...QUICK, strategy: {} }, 'payment'));
      const path = rolloutPath('ports', 'payment');
      await untilPhase(api, path, 'Soaking');
      const [strict] = await policiesIn(api, 'payment');
      assert.deepEqual(strict!.spec.portLevelMtls, { '50051': { mode: 'STRICT' }, '9000': { mode: 'STRICT' } });
      on.bed.path('checkoutservice', 'paymentservice').setRate(0);
      await untilPhase(api, path, 'RolledBack');
      const [restored, ...others] = await policiesIn(api, 'payment');
      assert.deepEqual(others, []);
      assert.deepEqual(identity(restored!), identity(original));
      assert.equal(JSON.stringify(restored!.spec), JSON.stringify(original.spec));
    });

    it('by mode Revert takes back what is complete', async () => {
      const { api } = on.bed;
      const path = rolloutPath('revert');
      await create(api, 'revert', quick(['shipping']));
      await untilPhase(api, path, 'Completed');
      assert.equal((await policiesIn(api, 'shipping')).length, 1);
      await patch(api, path, { spec: { mode: 'Revert' } });
      const reverted = await untilPhase(api, path, 'Reverted');
      assert.equal(condition(reverted, 'Ready')?.status, 'True');
      assert.deepEqual(await policiesIn(api, 'shipping'), []);
    });
  });

  async function policiesOf(namespaces: string[]): Promise<Policy[]> {
    const all = await Promise.all(namespaces.toSorted().map(namespace => policiesIn(on.bed.api, namespace)));
    return all.flat();
  }
});
