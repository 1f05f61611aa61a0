import assert from 'node:assert/strict';
import { statusSchema } from '../../src/api/status.ts';
import type { KubeObject } from '../../src/cluster/resource.ts';
import { statusReport } from '../../src/cli/statusReport.ts';
import { statusLines } from '../../src/cli/statusView.ts';
import { soaking } from './statuses.ts';

const NOW = Date.parse('2026-12-01T09:20:00Z');

function raw(status: object | undefined, more: Record<string, unknown> = {}): KubeObject {
  const metadata = { namespace: 'istio-system', name: 'shop', uid: 'u', resourceVersion: '7', generation: 1, ...more };
  return { metadata, spec: { mode: 'Enforce' }, ...(status ? { status } : {}) };
}

function lines(object: KubeObject, width?: number): string[] {
  return statusLines(statusReport(object), NOW, width);
}

describe('status of a rollout as text', () => {
  it('tells everything that status holds', () => {
    const status = soaking(NOW);
    assert.ok(statusSchema.safeParse(status).success, 'a status as the operator may write it');
    assert.equal(
      lines(raw(status)).join('\n'),
      `MtlsRollout istio-system/shop

Phase       Soaking
Mode        Enforce
Step        1 of 4, wave leaf, Soaking since 09:15:00; rounds: 2 healthy in a row, 1 unhealthy
Scopes      ad and email
Strict      2 of 4 scopes
Waiting on  soak
Plan        9f2c41ab
Message     wave leaf, step 1/4: soaking ad and email since 09:12:04, until 09:22:04; 2 of 3 healthy rounds

WAVE  PHASE        DONE  PLAN      STARTED   FINISHED
leaf  Progressing  2/2   51e7aa02  09:11:00  -
rest  Pending      0/2   0c22d7e1  -         -

PROBE         VERDICT  VALUE      SAMPLES  AGE  MESSAGE
enforced      Healthy  4/4 ports  4        3m   every port that listens shows a certificate of the mesh to a stranger
no-plaintext  NoData   -          0        5h   Prometheus does not answer: connection refused at http://prometheus.monitoring:9090

Hazards: 1 blocking
  blocking: Conflict, cart
    PeerAuthentication cart/default is managed by Argo CD application shop, which would undo the step
    to do: set the mode there, or set spec.adopt to Always

CONDITION    STATUS  REASON   SINCE     MESSAGE
Ready        False   Soaking  08:55:00
Reconciling  True    Soaking  08:55:00
Stalled      False   Soaking  08:55:00
Progressing  True    Soaking  08:55:00
Drifted      False   AsSet    08:55:00  every policy is as the rollout set it

AT (UTC)  DECISION       MESSAGE
09:11:00  StepStarted    wave leaf, step 1/4: preparing ad and email
09:15:00  StrictInForce  wave leaf, step 1/4: ad and email STRICT and seen in force, soaking`,
    );
  });

  it('fits a terminal of 80 columns', () => {
    const wide = lines(raw(soaking(NOW)), 80).filter(line => line.length > 80);
    assert.deepEqual(wide, []);
  });

  it('says that nobody has looked yet, and shows nothing else', () => {
    assert.deepEqual(lines(raw(undefined)), [
      'MtlsRollout istio-system/shop',
      '',
      'Phase  Unknown',
      'Mode   Enforce',
      'Note   the operator has not looked at this rollout yet: is it running?',
    ]);
  });

  it('says when status is about an older spec, and when the object is being deleted', () => {
    const text = lines(
      raw({ phase: 'Completed', observedGeneration: 1 }, { generation: 3, deletionTimestamp: '2026-12-01T09:00:00Z' }),
    );
    assert.ok(
      text.includes('Note     this is about generation 1; the operator has not looked at generation 3 yet'),
      text.join('\n'),
    );
    assert.ok(text.includes('Deleted  since 09:00:00'));
  });

  it('tells of a rollback, and gives days to times that are not of today', () => {
    const rollback = {
      reason: 'probe clients: 4.1 % of requests failed',
      wave: 'leaf',
      step: 1,
      extent: 'Wave',
      scopes: ['ad'],
      at: '2026-11-30T20:00:00Z',
      finishedAt: '2026-11-30T20:00:09Z',
      attempt: 2,
      retryAt: '2026-12-01T10:00:00Z',
      generation: 1,
    };
    const text = lines(raw({ phase: 'RolledBack', observedGeneration: 1, rollback })).at(-1);
    assert.equal(
      text,
      'Rollback  2026-11-30 20:00:00, extent Wave, attempt 2, finished 2026-11-30 20:00:09, next try 10:00:00: probe clients: 4.1 % of requests failed',
    );
  });

  it('shows the time instead of an age where the clock of the cluster is ahead', () => {
    const text = lines(raw(soaking(NOW + 3_600_000))).find(line => line.startsWith('enforced'));
    assert.match(text ?? '', /^enforced {6}Healthy {2}4\/4 ports {2}4 {8}10:17:00 {2}every/);
  });

  it('reads what it can of a damaged status', () => {
    const text = lines(raw({ ...soaking(NOW), phase: 'Dancing', waves: [{ name: 7 }] })).join('\n');
    assert.match(text, /Phase +Unknown/);
    assert.doesNotMatch(text, /WAVE/);
    assert.match(text, /Waiting on +soak/);
    assert.doesNotMatch(text, /has not looked/);
  });
});
