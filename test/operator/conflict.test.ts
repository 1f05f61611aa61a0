/** Somebody else edits the object just before each write: what was decided is decided again, and the edit stays. */
import assert from 'node:assert/strict';
import type { Bench, Call } from './harness.ts';
import { checkHistory, outcomeOf } from './oracles.ts';
import { goalOf, type Play, stage } from './plays.ts';
import { SMALL_SHOP } from './scene.ts';

const PLAY: Play = { namespaces: SMALL_SHOP, extent: 'All' };
const RACE = 'example.com/race';
/** So often in a row somebody is faster. */
const TIMES = 3;

describe('an operator that is not alone', function () {
  this.timeout(60_000);

  it('reads again and decides again after each 409, for every write to policies and status', async () => {
    const alone = await perform(undefined);
    const bound = alone.bench.writes().filter(isBound);
    const kinds = new Set(bound.map(({ method, kind }) => `${method} ${kind}`));
    assert.deepEqual([...kinds].sort(), [
      'DELETE peerauthentications',
      'PATCH peerauthentications',
      'PUT mtlsrollouts/status',
    ]);
    for (const { write } of bound) {
      const raced = await perform(write);
      const [first] = raced.lost;
      const what = `write ${write}: ${first?.method} ${first?.path}`;
      assert.deepEqual(raced.outcome, alone.outcome, what);
      assert.equal(raced.lost.length, TIMES, what);
      assert.ok(
        raced.lost.every(({ status }) => status === 409),
        what,
      );
      assert.equal(new Set(raced.lost.map(versionIn)).size, TIMES, `${what}: tried again without a new look`);
      assert.ok(raced.editKept, `${what}: the edit is gone`);
    }
  });
});

/** The whole play; whatever the write of that number is about is edited right before it, and before its next tries. */
async function perform(write: number | undefined) {
  const bench = stage(PLAY);
  const lost: Call[] = [];
  bench.meddle = async (call, proceed) => {
    const same = lost[0] && call.path === lost[0].path && call.method === lost[0].method;
    if (write !== undefined && lost.length < TIMES && (lost[0] ? same : call.write === write)) {
      lost.push(call);
      edit(bench, call, String(lost.length));
    }
    return await proceed();
  };
  await bench.start();
  await bench.untilPhase(goalOf(PLAY));
  await bench.clock.advance(30_000);
  bench.end();
  checkHistory(bench, { others: true });
  const object = lost[0] && edited(bench, lost[0]);
  const editKept = object === undefined || object.metadata.annotations?.[RACE] === String(TIMES);
  if (object) bench.cluster.put({ ...object, metadata: { ...object.metadata, annotations: without(object) } });
  return { bench, lost, editKept, outcome: outcomeOf(bench) };
}

/** Whether the write depends on the version that was seen. */
function isBound({ method, kind }: Call): boolean {
  return method !== 'POST' && (kind === 'peerauthentications' || kind === 'mtlsrollouts/status');
}

function edit(bench: Bench, call: Call, value: string): void {
  const object = edited(bench, call)!;
  const annotations = { ...object.metadata.annotations, [RACE]: value };
  bench.cluster.put({ ...object, metadata: { ...object.metadata, annotations } }, 'somebody');
}

/** The object that a write is about. */
function edited(bench: Bench, { path }: Call) {
  const [, namespace = '', plural, name = ''] = /namespaces\/([^/]+)\/([^/]+)\/([^/]+)/.exec(path) ?? [];
  return plural === 'mtlsrollouts' ? bench.rollout(name, namespace) : bench.policy(namespace, name);
}

function without(object: NonNullable<ReturnType<typeof edited>>): Record<string, string> {
  const { [RACE]: _, ...rest } = object.metadata.annotations ?? {};
  return rest;
}

function versionIn({ request }: Call): string {
  const { metadata, preconditions } = request.body as Record<string, { resourceVersion?: string } | undefined>;
  return (metadata ?? preconditions)?.resourceVersion ?? '';
}
