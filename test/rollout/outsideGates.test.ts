/** Gates of the cluster, as tables: what is known of it, and what a step says to that. */
import assert from 'node:assert/strict';
import { decide } from '../../src/rollout/decide.ts';
import type { Alerts } from '../../src/rollout/gates/alerts.ts';
import type { Outside } from '../../src/rollout/gates/outside.ts';
import type { FreezeSight } from '../../src/rollout/gates/freeze.ts';
import { START, type TestMesh } from './mesh.ts';
import { meshIn, RUNNING, shopMesh } from './stages.ts';

const MINUTE = 60_000;
const OPEN: Outside = { freeze: { freeze: undefined } };

const firing = (name: string, minute: number, labels: Record<string, string> = {}) => ({
  name,
  since: START + minute * MINUTE,
  labels: { alertname: name, ...labels },
});

interface Row {
  what: string;
  /** At five minutes past the start. */
  outside: Partial<Outside>;
  on?: string;
  message?: RegExp;
  stalled?: string;
  /** Minutes past the start. */
  nextLookAt?: number;
}

const NOW = START + 5 * MINUTE;
const freeze = (more: object): { freeze: FreezeSight } => ({
  freeze: { freeze: { namespace: 'ops', reason: 'r', since: START, ...more } },
});
const seen = (...alerts: ReturnType<typeof firing>[]): { alerts: Alerts } => ({ alerts: { at: NOW, firing: alerts } });

const ROWS: Row[] = [
  { what: 'nothing', outside: {} },
  {
    what: 'a freeze',
    outside: freeze({}),
    on: 'freeze',
    message:
      /^wave rest, step 1\/3: ad held since 09:05:00: the cluster is frozen since 09:00:00 \(r\), until somebody lifts it; to lift it: kubectl delete configmap mtls-rollout-freeze -n ops$/,
  },
  {
    what: 'one without a reason',
    outside: freeze({ reason: '' }),
    on: 'freeze',
    message: /is frozen since 09:00:00 \(no reason is given\), until somebody lifts it;/,
  },
  {
    what: 'one that ends later',
    outside: freeze({ until: NOW + MINUTE }),
    on: 'freeze',
    message: /, until 09:06:00;/,
    nextLookAt: 6,
  },
  { what: 'one that ends now', outside: freeze({ until: NOW }) },
  { what: 'one that has ended', outside: freeze({ until: START }) },
  {
    what: 'one whose end nobody can read',
    outside: freeze({ until: 'Damaged' }),
    on: 'freeze',
    message: /data\.until is no time such as/,
  },
  {
    what: 'a freeze that cannot be seen',
    outside: { freeze: { unseen: 'forbidden' } },
    on: 'FreezeNotSeen',
    message: /nobody can tell whether the cluster is frozen: forbidden; let the operator/,
    stalled: 'FreezeNotSeen',
    nextLookAt: 5.5,
  },
  { what: 'no alert that fires', outside: seen() },
  {
    what: 'an alert',
    outside: seen(firing('MeshErrors', 2)),
    on: 'alert MeshErrors',
    message:
      /: ad held since 09:05:00: alert MeshErrors fires since 09:02:00; it goes on when none of them fires any more, or all are silenced; asked at 09:05:00 and again at 09:05:15$/,
    nextLookAt: 5.25,
  },
  {
    what: 'several: the oldest, and how many more',
    outside: seen(
      firing('Late', 4),
      firing('First', 1, { severity: 'critical', namespace: 'cart', secret: 'hunter2' }),
      firing('Also', 1),
    ),
    on: 'alert Also',
    message: /: alert Also fires since 09:01:00, and 2 more alerts; it goes on/,
    nextLookAt: 5.25,
  },
  {
    what: 'its labels, as far as they say where it hurts',
    outside: seen(
      firing('A', 1, { severity: 'critical', namespace: 'cart', token: 'hunter2', service: ` a\nb${'x'.repeat(99)}` }),
    ),
    on: 'alert A',
    message:
      /^(?!.*hunter2).*: alert A fires since 09:01:00 \(severity critical, namespace cart, service a bx{60}…\); it/,
    nextLookAt: 5.25,
  },
  { what: 'an alert without a name', outside: seen(firing('', 1)), on: 'alert without a name', nextLookAt: 5.25 },
  {
    what: 'a look that failed',
    outside: { alerts: { at: NOW, unseen: 'Alertmanager is away' } },
    on: 'alerts',
    message:
      /: ad held since 09:05:00: nobody can tell whether alerts fire: Alertmanager is away; asked at 09:05:00 and again at 09:05:15$/,
    nextLookAt: 5.25,
  },
];

/** The mesh that is made in this stage has its STRICT policies already. */
const isStrict = (stage: (typeof RUNNING)[number]) => stage === 'Enforcing' || stage === 'Soaking';

function summary({ status, nextLookAt }: ReturnType<typeof decide>) {
  const stalled = status.conditions?.find(({ type, status: is }) => type === 'Stalled' && is === 'True')?.reason;
  return { on: status.summary?.waitingOn, message: status.message ?? '', stalled, nextLookAt };
}

describe('gates of the cluster', () => {
  for (const { what, outside, on, message, stalled, nextLookAt } of ROWS) {
    it(`${what}: a step that is to begin ${on === undefined ? 'begins' : 'is held'}`, () => {
      const mesh = shopMesh();
      mesh.now = NOW;
      mesh.outside = { ...OPEN, ...outside };
      const decision = decide(mesh.input());
      if (on === undefined) return assert.equal(decision.status.step?.stage, 'Preparing');
      const said = summary(decision);
      assert.equal(decision.status.phase, 'Pending');
      assert.deepEqual([said.on, said.stalled], [on, stalled]);
      if (message) assert.match(said.message, message);
      if (nextLookAt !== undefined) assert.equal(said.nextLookAt, START + nextLookAt * MINUTE);
      assert.deepEqual(decision.writes, []);
    });

    if (on !== undefined)
      for (const stage of RUNNING)
        it(`${what}: a step in ${stage} ${isStrict(stage) ? 'goes on' : 'writes nothing and stays'}`, () => {
          const mesh = meshIn(stage);
          mesh.outside = { ...OPEN, ...outside };
          shift(mesh.outside, mesh);
          const decision = decide(mesh.input());
          if (isStrict(stage)) return assert.notEqual(decision.status.summary?.waitingOn, on);
          assert.deepEqual(decision.writes, []);
          assert.deepEqual([decision.status.phase, decision.status.summary?.waitingOn], [stage, on]);
          assert.equal(decision.status.step?.healthyRounds, 0);
        });
  }

  for (const alerts of ['Unasked', { at: NOW - 15_000, firing: [] }] as const)
    it(`asks for alerts before anything begins when ${alerts === 'Unasked' ? 'nobody has' : 'the answer is old'}`, () => {
      const mesh = shopMesh();
      mesh.now = NOW;
      mesh.outside = { ...OPEN, alerts };
      const decision = decide(mesh.input());
      assert.equal(decision.asks, 'Alerts');
      assert.deepEqual(decision.writes, []);
    });

  it('asks for no alerts where nothing can tighten', () => {
    const mesh = shopMesh();
    mesh.outside = { ...OPEN, alerts: { at: START, firing: [] } };
    mesh.edit({ suspend: true });
    assert.equal(decide(mesh.input()).asks, undefined);
    const frozen = shopMesh();
    frozen.outside = { ...OPEN, ...freeze({}), alerts: 'Unasked' };
    assert.equal(decide(frozen.input()).asks, undefined);
    const soaking = meshIn('Soaking');
    soaking.outside = { ...OPEN, alerts: 'Unasked' };
    assert.equal(decide(soaking.input()).asks, undefined);
  });
});

/** The table tells times of five minutes past the start; a mesh in a stage is elsewhere in time. */
function shift(outside: Outside, mesh: TestMesh): void {
  const { alerts, freeze: sight } = outside;
  if (alerts && alerts !== 'Unasked') outside.alerts = { ...alerts, at: mesh.now };
  if ('freeze' in sight && typeof sight.freeze?.until === 'number')
    outside.freeze = { freeze: { ...sight.freeze, until: mesh.now + MINUTE } };
}
