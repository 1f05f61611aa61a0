import assert from 'node:assert/strict';
import { judgeRefusals } from '../../src/probes/refusedConnections.ts';
import type { Refusals, Refused } from '../../src/probes/refusals.ts';
import { MINUTE, SECOND } from './scene.ts';

describe('the judge of refused connections', () => {
  const refused = (connections: number, more: Partial<Refused> = {}): Refused => ({
    namespace: 'cart',
    workload: 'redis',
    source: undefined,
    by: 'Sidecar',
    connections,
    ...more,
  });
  const none: Refusals = { refused: [], counted: 2, pods: 2, silent: [], unread: [], uncounted: [] };

  const CASES: [string, Partial<Refusals>, number, string][] = [
    ['nothing', {}, 0, 'Healthy'],
    ['zeros', { refused: [refused(0)] }, 0, 'Healthy'],
    ['less than half of one', { refused: [refused(0.4)] }, 0, 'Healthy'],
    ['one', { refused: [refused(1)] }, 0, 'Unhealthy'],
    ['as many as allowed', { refused: [refused(2), refused(3, { workload: 'web' })] }, 5, 'Healthy'],
    ['one more', { refused: [refused(3), refused(3, { workload: 'web' })] }, 5, 'Unhealthy'],
    ['extrapolated just above the limit', { refused: [refused(5.4)] }, 5, 'Healthy'],
    ['a silent sidecar', { silent: ['cart/a'] }, 0, 'NoData'],
    ['one that was read once', { unread: ['cart/a'] }, 0, 'NoData'],
    ['a scope without ztunnel', { uncounted: ['cart'] }, 0, 'NoData'],
    ['allowed, with a silent sidecar', { refused: [refused(1)], silent: ['cart/a'] }, 1, 'NoData'],
    ['too many, with a silent sidecar', { refused: [refused(2)], silent: ['cart/a'] }, 1, 'Unhealthy'],
  ];
  for (const [title, given, limit, expected] of CASES) {
    it(`${title}: ${expected}`, () =>
      assert.equal(judgeRefusals({ ...none, ...given }, limit, 2 * MINUTE).verdict, expected));
  }

  it('says everything that keeps it from judging', () => {
    const { message } = judgeRefusals(
      { ...none, pods: 9, silent: ['a/x', 'a/y'], unread: ['a/z'], uncounted: ['b', 'c'] },
      0,
      30 * SECOND,
    );
    assert.match(message, /^the sidecars of 2 of 9 pods \(a\/x; and 1 more\) do not export /);
    assert.match(message, /; too soon: the counters of 1 of 9 pods \(a\/z\) were not read twice in the last 30s; /);
    assert.match(message, /; no ztunnel is heard counting connections of b; c: /);
    assert.ok(message.length <= 1024);
  });
});
