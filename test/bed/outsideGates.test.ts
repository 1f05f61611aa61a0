/**
 * What the cluster as a whole says, with the operator's real rights: a freeze by ConfigMap, seen under a Role for one
 * name only, and an Alertmanager that is down, slow, talks nonsense, or has an alert.
 */
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import type { Status } from '../../src/api/status.ts';
import { json, Loopback } from '../probes/loopback.ts';
import { type Bed, bedFor } from './bed.ts';
import { rowsOf } from './columns.ts';
import type { OperatorProcess } from './operatorProcess.ts';
import { create, policiesIn, quick, rolloutPath, untilHeld, untilPhase, untilStatus } from './rollouts.ts';

const RBAC = join(import.meta.dirname, '../../config/rbac');
const HERE = ['-n', 'mtls-rollout-system'];
const FREEZE = ['configmap', 'mtls-rollout-freeze', ...HERE];

describe('gates of the cluster on a real API server', () => {
  let bed: Bed | undefined;
  let operator: OperatorProcess | undefined;
  const alertmanager = new Loopback();
  let answer: RequestListener = json('unavailable', 503);

  before(async function () {
    bed = await bedFor(this);
    // the operator comes up without the right to see whether the cluster is frozen
    await bed.plane.kubectl(['delete', 'rolebinding', 'mtls-rollout-freeze', ...HERE]);
    const url = await alertmanager.listen((request, response) => answer(request, response));
    const alerts = { url, matchers: ['severity="critical"'], timeout: '500ms' };
    operator = await bed.startOperator({ alerts, budget: { failingRollouts: 5 } });
  });
  after(async () => {
    await operator?.stop();
    await alertmanager.close();
    await bed?.stop();
  });

  const waitingOn = (name: string, on: string) =>
    untilStatus(
      bed!.api,
      rolloutPath(name),
      (status: Status) => status.summary?.waitingOn === on,
      `${name} to wait for ${on}`,
    );

  it('nothing tightens without the right to see a freeze, and the message says which right', async () => {
    const { api, plane } = bed!;
    await create(api, 'first', quick(['ad']));
    const { status } = await untilHeld(api, rolloutPath('first'), 'FreezeNotSeen');
    assert.match(
      status!.message!,
      /nobody can tell whether the cluster is frozen: .*configmaps.*config\/rbac\/freeze.yaml/,
    );
    await plane.kubectl(['apply', '-k', RBAC]);
  });

  const firing = { labels: { alertname: 'MeshErrors', severity: 'critical' }, startsAt: '2026-11-22T09:12:04Z' };
  const answers: [string, RequestListener, RegExp][] = [
    ['answers 503', json('unavailable', 503), /Alertmanager at 127\.0\.0\.1:\d+ answered with status 503: check its/],
    ['hangs', (_, response) => void setTimeout(() => response.end('[]'), 10_000).unref(), /did not answer in 0.5 s/],
    ['talks nonsense', json('[{"labels":'), /sent an answer that is no list of alerts/],
    [
      'has an alert',
      json(JSON.stringify([firing])),
      /alert MeshErrors fires since 2026-11-22 09:12:04 \(severity critical\)/,
    ],
  ];
  for (const [what, given, message] of answers)
    it(`an Alertmanager that ${what} holds a rollout, and the message says so`, async () => {
      answer = given;
      const says = ({ message: said = '' }: Status) => message.test(said);
      const { status } = await untilStatus(bed!.api, rolloutPath('first'), says, `the rollout to say ${message}`);
      assert.equal(status!.phase, 'Pending');
      assert.deepEqual(await policiesIn(bed!.api, 'ad'), []);
    });

  it('an Alertmanager without alerts lets it go on', async () => {
    answer = json('[]');
    await untilPhase(bed!.api, rolloutPath('first'), 'Completed');
  });

  it('a ConfigMap holds a rollout, kubectl shows it, and the command in the message lets it go on', async () => {
    const { api, plane } = bed!;
    await plane.kubectl(['create', ...FREEZE, '--from-literal=reason=incident 4711']);
    await create(api, 'frozen', quick(['email']));
    const { status } = await waitingOn('frozen', 'freeze');
    const [row] = rowsOf((await plane.kubectl(['get', 'mr', 'frozen', '-n', 'istio-system', '-o', 'wide'])).stdout);
    assert.deepEqual([row!['PHASE'], row!['STRICT'], row!['WAITING-ON']], ['Pending', '0/1', 'freeze']);
    assert.match(
      status!.message!,
      /the cluster is frozen since \d\d:\d\d:\d\d \(incident 4711\), until somebody lifts it/,
    );
    assert.deepEqual(await policiesIn(api, 'email'), []);
    const [, command = ''] = /to lift it: kubectl (.*)$/.exec(status!.message!) ?? [];
    await plane.kubectl(command.split(' '));
    await untilPhase(api, rolloutPath('frozen'), 'Completed');
  });

  it('a freeze in the middle of a soak does not hold its rollback', async () => {
    const { api, plane } = bed!;
    await create(api, 'back', quick(['cart'], {}, '3s'));
    await untilPhase(api, rolloutPath('back'), 'Soaking');
    await plane.kubectl(['create', ...FREEZE]);
    bed!.path('frontend', 'cartservice').setRate(0);
    await untilPhase(api, rolloutPath('back'), 'RolledBack');
    assert.deepEqual(await policiesIn(api, 'cart'), []);
    bed!.resume('frontend', 'cartservice');
    await plane.kubectl(['delete', ...FREEZE]);
  });
});
