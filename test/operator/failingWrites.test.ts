/** The API server refuses, stumbles or does not answer for two minutes: bounded tries, and only the rollout concerned waits. */
import assert from 'node:assert/strict';
import type { KubeResponse } from '../../src/cluster/transport.ts';
import { Bench, type Call, connectionLost } from './harness.ts';
import { checkHistory, outcomeOf, policiesLeft } from './oracles.ts';
import { namespace, pod, QUICK, rollout, scene, SMALL_SHOP, waves } from './scene.ts';

const OUTAGE_MS = 120_000;
const RETRY_AFTER_S = 30;
/** As long as the transport waits for an answer. */
const HANG_MS = 30_000;
const NEIGHBOUR = 'neighbour';

const WRITES: Record<string, (call: Call) => boolean> = {
  'creating a policy': ({ method, path }) => method === 'POST' && path.endsWith('/ad/peerauthentications'),
  'patching a policy': ({ method, path }) => method === 'PATCH' && path.endsWith('/cart/peerauthentications/default'),
  'deleting a policy': ({ method, path }) => method === 'DELETE' && path.includes('/ad/peerauthentications/'),
  'storing the status': ({ kind, path }) => kind === 'mtlsrollouts/status' && path.includes('/shop/'),
  'sending an event': ({ kind, method }) => kind === 'events' && method === 'POST',
};

const FAILURES: Record<string, (bench: Bench) => Promise<KubeResponse>> = {
  '429': async () => refusal(429, 'too many requests', { 'retry-after': String(RETRY_AFTER_S) }),
  // as of a webhook, whose message is never the same twice
  '500': async bench => refusal(500, `failed calling webhook: no answer to request ${bench.calls.length}`),
  '503': async () => refusal(503, 'the server is currently unable to handle the request'),
  'a hang': async bench => {
    await bench.clock.wait(HANG_MS);
    throw connectionLost('it did not answer in time');
  },
};

describe('an operator whose writes fail', function () {
  this.timeout(60_000);
  let undisturbed: Awaited<ReturnType<typeof perform>>;

  before(async () => {
    undisturbed = await perform(() => false);
  });

  for (const [failure, answer] of Object.entries(FAILURES))
    for (const [what, concerns] of Object.entries(WRITES))
      it(`${what}: ${failure} for two minutes`, async () => {
        const run = await perform(concerns, answer);
        assert.ok(run.failed.length > 1, 'tried again');
        assert.deepEqual(run.outcome, undisturbed.outcome);
        assert.equal(run.neighbourAt, undisturbed.neighbourAt, 'another rollout was held up');
        assert.deepEqual(run.leaderships, ['leading']);
        const gaps = gapsOf(run.failed);
        if (what !== 'sending an event') {
          assert.ok(run.failed.length <= OUTAGE_MS / 1000, `${run.failed.length} tries in two minutes`);
          assert.ok(run.writes - undisturbed.writes <= OUTAGE_MS / 1000, `${run.writes} writes`);
          // what happens in the cluster while the first try is under way is worth another look at once, or two
          const later = gaps.slice(gaps.findIndex(gap => gap > 20));
          assert.ok(gaps.length - later.length <= 2, `gaps of ${gaps.join()} ms`);
          if (failure === '429') assert.ok(Math.min(...later) >= RETRY_AFTER_S * 1000, `gaps of ${gaps.join()} ms`);
        }
        if (what.endsWith('policy')) assert.match(run.messages.join('\n'), /cannot (create|patch|delete) PeerAuth/);
      });
});

/** A rollout that is rolled back in the end, beside a healthy one; writes fail for a while from the first one on. */
async function perform(concerns: (call: Call) => boolean, answer?: (bench: Bench) => Promise<KubeResponse>) {
  const spec = { ...waves(SMALL_SHOP), rollback: { extent: 'All' as const } };
  const neighbour = rollout({ target: { namespace: {} }, ...QUICK }, 'quiet', NEIGHBOUR);
  const bench = new Bench([
    ...scene(SMALL_SHOP),
    namespace(NEIGHBOUR),
    pod(NEIGHBOUR, '10.0.1.1'),
    rollout(spec),
    neighbour,
  ]);
  bench.sight.plaintext = name => (name === 'payment' && bench.sight.mode(name) === 'STRICT' ? 5 : 0);
  const failed: Call[] = [];
  bench.meddle = async (call, proceed) => {
    const until = (failed[0]?.at ?? call.at) + OUTAGE_MS;
    if (!answer || !concerns(call) || call.at > until) return await proceed();
    failed.push(call);
    return await answer(bench);
  };
  const messages: string[] = [];
  bench.cluster.subscribe(() => messages.push(bench.status().message ?? ''));
  await bench.start();
  await bench.untilPhase('Completed', 'quiet', NEIGHBOUR);
  const neighbourAt = bench.clock.now();
  await bench.untilPhase('RolledBack');
  await bench.clock.advance(60_000);
  bench.end();
  checkHistory(bench);
  const leaderships = bench.lines.map(({ message }) => message).filter(message => /leading/.test(message));
  const outcome = { ...outcomeOf(bench), policies: policiesLeft(bench) };
  return { failed, messages, neighbourAt, leaderships, outcome, writes: bench.writes().length };
}

function refusal(status: number, message: string, headers: Record<string, string> = {}): KubeResponse {
  return { status, headers, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code: status } };
}

function gapsOf(calls: readonly Call[]): number[] {
  return calls.slice(1).map(({ at }, index) => at - calls[index]!.at);
}
