import assert from 'node:assert/strict';
import type { Pod } from '../../src/istio/objects.ts';
import { judgeReadiness, workloadReadiness } from '../../src/probes/workloadReadiness.ts';
import { cart, look, MINUTE, NOW, pod, SECOND } from './scene.ts';

const CHANGED = NOW - 10 * MINUTE + 700;
const AFTER = CHANGED + MINUTE;
const BEFORE = CHANGED - MINUTE;

describe('workloadReadiness', () => {
  const cases: [string, Partial<Pod>, string, RegExp][] = [
    ['a pod that stayed ready', {}, 'Healthy', /no pod turned unready or restarted/],
    ['a pod that turned unready after', { ready: false, readySince: AFTER }, 'Unhealthy', /turned unready at 2026-/],
    [
      'a pod that turned unready in the second of the change',
      { ready: false, readySince: Math.floor(CHANGED / SECOND) * SECOND },
      'Unhealthy',
      /turned unready/,
    ],
    [
      'a pod that was unready before',
      { ready: false, readySince: BEFORE },
      'Healthy',
      /was unready before the change already/,
    ],
    ['a pod that got ready after', { readySince: AFTER }, 'Healthy', /no pod/],
    [
      'a restart after',
      { restarts: 3, restartedAt: AFTER },
      'Unhealthy',
      /a container of cart\/cartservice-0 restarted at/,
    ],
    ['a restart before', { restarts: 3, restartedAt: BEFORE }, 'Healthy', /no pod/],
    [
      'a pod that kept crashing since before',
      { ready: false, readySince: BEFORE, restarts: 9, restartedAt: AFTER },
      'Healthy',
      /before the change already/,
    ],
    ['a new pod that is ready', { created: AFTER, readySince: AFTER }, 'Healthy', /no pod/],
    [
      'a new pod that is starting',
      { created: NOW - MINUTE, ready: false },
      'NoData',
      /new pod cart\/cartservice-0 is starting/,
    ],
    [
      'a new pod that restarts',
      { created: NOW - MINUTE, ready: false, restarts: 1 },
      'Unhealthy',
      /restarts and is not ready/,
    ],
    [
      'a new pod that takes too long',
      { created: NOW - 6 * MINUTE, ready: false },
      'Unhealthy',
      /is not ready 6m after/,
    ],
    ['a pod outside the mesh', { mesh: 'None', ready: false, readySince: AFTER }, 'Unhealthy', /turned unready/],
    ['a pod that finished', { finished: true, ready: false, readySince: AFTER }, 'Healthy', /no pods in scope/],
  ];
  for (const [title, given, verdict, message] of cases) {
    it(`${title}: ${verdict}`, async () => {
      const seen = await workloadReadiness('ready').observe(look([pod(given)], { changedAt: CHANGED }));
      assert.equal(seen.verdict, verdict, seen.message);
      assert.match(seen.message, message);
    });
  }

  it('counts a pod once that two scopes share, and lets the worst decide', async () => {
    const pods = [pod(), pod({ name: 'b-0', ready: false, readySince: AFTER })];
    const scopes = [cart, { kind: 'Workload', namespace: 'cart', name: 'b', selector: { app: 'b' } } as const];
    const seen = await workloadReadiness('ready').observe(look(pods, { changedAt: CHANGED, scopes }));
    assert.deepEqual([seen.verdict, seen.value, seen.samples], ['Unhealthy', '1/2 ready', 2]);
  });

  it('has nothing to say before the change', () => {
    assert.equal(judgeReadiness([pod()], undefined, NOW).verdict, 'NoData');
  });
});
