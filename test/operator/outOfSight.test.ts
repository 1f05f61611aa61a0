/** The policies get out of sight for good: what is no longer known is no longer said. */
import assert from 'node:assert/strict';
import type { KubeObject } from '../../src/sim/server/value.ts';
import { type Bench, connectionLost } from './harness.ts';
import { stage } from './plays.ts';
import { POLICY_API, SMALL_SHOP } from './scene.ts';

const MINUTES = 60_000;
const MESSAGE = 'peerauthentications is forbidden: User "operator" cannot watch resource "peerauthentications"';

function forbidWatch(bench: Bench): void {
  const body = { kind: 'Status', status: 'Failure', reason: 'Forbidden', message: MESSAGE, code: 403 };
  bench.meddleStream = async (request, proceed) =>
    request.path.includes('peerauthentications')
      ? {
          status: 403,
          headers: {},
          lines: (async function* () {
            yield JSON.stringify(body);
          })(),
        }
      : await proceed();
  bench.cluster.cutWatches();
}

describe('policies that nobody can watch any more', () => {
  it('end a claim to be complete, until they are in sight again', async () => {
    const bench = stage({ namespaces: SMALL_SHOP });
    await bench.start();
    await bench.untilPhase('Completed');
    forbidWatch(bench);
    const policy = bench.policy('cart', 'default')!;
    bench.cluster.put({ ...policy, spec: { mtls: { mode: 'PERMISSIVE' } } }, 'somebody');
    await bench.clock.advance(5 * MINUTES);
    const { phase, message, conditions } = bench.status();
    assert.equal(phase, 'Refused');
    assert.match(message!, /cannot be seen: watch peerauthentications.*forbidden/);
    assert.equal(conditions?.find(({ type }) => type === 'Ready')?.status, 'False');
    bench.meddleStream = undefined;
    await bench.clock.advance(2 * MINUTES);
    bench.end();
    assert.equal(bench.status().phase, 'Paused');
    assert.match(bench.status().message!, /cart\/default was set to PERMISSIVE by somebody/);
  });

  it('are said also by a rollout that waits to see what it wrote itself', async () => {
    const bench = stage({ namespaces: SMALL_SHOP });
    await bench.start();
    await bench.clock.runUntil(() => bench.status().step?.stage === 'Observing', MINUTES);
    bench.meddle = async (call, proceed) => {
      if (call.kind === 'peerauthentications' && call.write > 0) forbidWatch(bench);
      return await proceed();
    };
    await bench.clock.advance(5 * MINUTES);
    bench.end();
    assert.equal(bench.status().summary?.waitingOn, 'PoliciesNotSeen');
    assert.equal(bench.cluster.list(POLICY_API, 'PeerAuthentication').some(isStrict), true);
  });

  it('are no news while nothing at all can be reached', async () => {
    const bench = stage({ namespaces: SMALL_SHOP });
    await bench.start();
    await bench.untilPhase('Completed');
    bench.meddle = () => Promise.reject(connectionLost('down'));
    bench.meddleStream = () => Promise.reject(connectionLost('down'));
    bench.cluster.cutWatches();
    const before = bench.writes().filter(({ kind }) => kind === 'mtlsrollouts/status').length;
    await bench.clock.advance(10 * MINUTES);
    bench.meddle = undefined;
    bench.meddleStream = undefined;
    await bench.clock.advance(5 * MINUTES);
    bench.end();
    assert.equal(bench.status().phase, 'Completed');
    assert.equal(bench.writes().filter(({ kind }) => kind === 'mtlsrollouts/status').length, before);
  });
});

const isStrict = (policy: KubeObject) => (policy['spec'] as { mtls?: { mode?: string } }).mtls?.mode === 'STRICT';
