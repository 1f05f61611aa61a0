/** Rollouts whose scopes are workloads: their keys, and selectors that pick too much or nothing. */
import assert from 'node:assert/strict';
import type { Hazard } from '../../src/api/status.ts';
import { Situation } from '../../src/rollout/situation.ts';
import { TestMesh } from './mesh.ts';
import { planIn, shape } from './shop.ts';

function meshOf(accept: string[] = []): TestMesh {
  return new TestMesh(
    { target: { namespace: {} }, strategy: { unit: 'Workload' }, preflight: { accept } },
    ['other'],
    'shop',
  );
}

function hazards(mesh: TestMesh): Hazard[] {
  return new Situation(mesh.input()).hazards();
}

describe('a plan of workloads', () => {
  it('has every kind of controller, each by its short name', () => {
    const mesh = meshOf();
    for (const kind of [
      'Deployment',
      'StatefulSet',
      'DaemonSet',
      'Job',
      'CronJob',
      'Rollout',
      'ReplicaSet',
      'Pod',
      'Cluster',
    ])
      mesh.addWorkload('shop', 'db', { kind, selector: { kind } });
    assert.deepEqual(shape(planIn(mesh)), [
      `rest: ${['cluster', 'cj', 'ds', '', 'job', 'po', 'rs', 'ro', 'sts'].map(short => ['shop', short, 'db'].filter(Boolean).join('/')).join(' ')}`,
    ]);
    mesh.untilPhase('Completed');
    assert.ok(mesh.policy('shop', 'mtls-rollout-db'));
    assert.deepEqual(mesh.policy('shop', 'mtls-rollout-db-cj')?.spec, {
      selector: { matchLabels: { kind: 'CronJob' } },
      mtls: { mode: 'STRICT' },
    });
  });
});

describe('a selector', () => {
  it('that picks pods of another workload holds its step, until it is accepted', () => {
    const mesh = meshOf();
    mesh.addWorkload('shop', 'web', { selector: { app: 'web', track: 'stable' } });
    mesh.addWorkload('shop', 'all', { selector: { app: 'web' }, podLabels: { app: 'web', role: 'x' } });
    mesh.addWorkload('other', 'web', { selector: { app: 'web' } });
    const [found, ...more] = hazards(mesh);
    assert.deepEqual(more, []);
    assert.deepEqual(
      [found?.code, found?.severity, found?.scope, found?.object],
      ['SharedSelector', 'Block', 'shop/all', 'Deployment shop/web'],
    );
    assert.equal(found?.message, 'a policy for shop/all, with selector app=web, would also govern shop/web');
    mesh.until(({ phase }) => phase === 'Pending');
    assert.equal(mesh.condition('Stalled')?.reason, 'SharedSelector');
    assert.equal(mesh.policies.size, 0);
    mesh.edit({ preflight: { accept: ['SharedSelector', 'OverlappingPolicy'] } });
    mesh.untilPhase('Completed');
  });

  it('that two workloads have in common moves them as one', () => {
    const mesh = meshOf();
    mesh.addWorkload('shop', 'web');
    mesh.addWorkload('shop', 'web', { kind: 'CronJob' });
    assert.deepEqual(hazards(mesh), []);
    mesh.untilPhase('Completed');
    assert.equal(mesh.policies.size, 1);
    mesh.addWorkload('shop', 'a-first', { kind: 'Job', selector: { app: 'web' } });
    assert.deepEqual(shape(planIn(mesh)), ['rest: shop/web'], 'called after what stays');
  });

  it('that is found nowhere leaves the workload out, which the end does not hide', () => {
    const mesh = meshOf();
    mesh.addWorkload('shop', 'web');
    mesh.addWorkload('shop', 'once', { kind: 'Job', selector: {}, podLabels: { 'job-name': 'once' } });
    mesh.addWorkload('other', 'else', { kind: 'Pod', selector: {} });
    assert.deepEqual(shape(planIn(mesh)), ['rest: shop/web']);
    assert.deepEqual(
      hazards(mesh).map(({ code, object, severity }) => [code, object, severity]),
      [['NoSelector', 'Job shop/once', 'Block']],
    );
    mesh.until(({ phase }) => phase === 'Pending');
    assert.equal(mesh.condition('Stalled')?.reason, 'NoSelector');
    mesh.edit({ preflight: { accept: ['NoSelector'] } });
    const { message } = mesh.untilPhase('Completed');
    assert.equal(message, '1 scope STRICT; 1 workload left out that no policy can select: shop/job/once');
    mesh.putPolicy('shop', 'default', { mtls: { mode: 'STRICT' } });
    mesh.step();
    assert.equal(mesh.status.message, '1 scope STRICT');
  });

  it('of thousands of workloads is judged in no time', () => {
    const mesh = meshOf();
    for (let n = 0; n < 5000; n++) mesh.addWorkload('shop', `w${n}`, { selector: { team: 'all', app: `w${n}` } });
    const began = performance.now();
    assert.equal(hazards(mesh).length, 0);
    assert.ok(performance.now() - began < 15_000);
  });
});
