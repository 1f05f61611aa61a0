import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { markOf } from '../../src/rollout/marks.ts';
import { pinOf } from '../../src/rollout/pins.ts';
import { type Event, events, setting, type Setting } from './campaign.ts';
import { untouched } from './stages.ts';
import { WatchedMesh } from './watchedMesh.ts';

const RUNS = 250;
const RESTING = new Set(['Completed', 'Paused', 'Reverted', 'Suspended', 'Planned']);

function campaign(given: Setting, list: Event[]): WatchedMesh {
  const watched = new WatchedMesh(given);
  for (const event of list) watched.happen(event);
  return watched;
}

/** Nothing will happen any more without somebody's doing. */
function rests({ mesh: { status } }: WatchedMesh): boolean {
  // what the guard has found stays until it has looked again
  if (status.phase === 'Completed' && (status.guard?.findings.length ?? 0) > 0) return false;
  if (status.phase === 'RolledBack') return status.rollback?.retryAt === undefined;
  const stalled = status.conditions?.find(({ type }) => type === 'Stalled');
  return (
    RESTING.has(status.phase ?? '') || (stalled?.status === 'True' && stalled.reason !== 'ProgressDeadlineExceeded')
  );
}

describe('whatever happens to a rollout', () => {
  for (const others of [false, true]) {
    const hands = others ? 'with the hands of others' : 'with crashes, edits, clocks and failing probes';

    it(`${hands}, it keeps every promise and comes to a rest that has a reason`, () => {
      fc.assert(
        fc.property(setting, events(others), (given, list) => {
          const watched = campaign(given, list);
          watched.calm();
          watched.until('a rest', () => rests(watched));
          const { mesh } = watched;
          assert.ok(mesh.status.message, 'says why');
          assert.equal(
            mesh.condition('Ready')?.status,
            mesh.status.phase === 'Completed' || mesh.status.phase === 'Reverted' ? 'True' : 'False',
          );
          if (mesh.status.phase === 'Completed') noPins(watched);
          watched.settle();
          mesh.rests();
        }),
        { numRuns: RUNS },
      );
    }).timeout(240_000);

    it(`${hands}, mode Revert leads back to what was there before`, () => {
      fc.assert(
        fc.property(setting, events(others), (given, list) => {
          const before = untouched(new WatchedMesh(given).mesh.policies.values());
          const watched = campaign(given, list);
          const { mesh, touched } = watched;
          watched.calm();
          mesh.edit({ mode: 'Revert', suspend: false });
          watched.until('Reverted', () => mesh.status.phase === 'Reverted');
          assert.ok(
            [...mesh.policies.values()].every(policy => markOf(policy) === undefined),
            'nothing of ours is left',
          );
          noPins(watched);
          const rules = [...mesh.rules].map(([key, { spec }]) => [key, spec] as const);
          assert.deepEqual(new Map(rules), watched.rules, 'rules are as somebody left them');
          const theirs = (policy: { namespace: string; name: string }) =>
            !touched.has(`${policy.namespace}/${policy.name}`);
          const after = untouched(mesh.policies.values());
          assert.deepEqual(sorted(after).filter(theirs), sorted(before).filter(theirs));
          watched.settle();
          mesh.rests();
        }),
        { numRuns: RUNS },
      );
    }).timeout(240_000);

    it(`${hands}, deciding again at the same moment soon changes nothing`, () => {
      fc.assert(
        fc.property(setting, events(others), (given, list) => campaign(given, list).settle()),
        { numRuns: RUNS },
      );
    }).timeout(240_000);
  }
});

function noPins({ mesh }: WatchedMesh): void {
  const left = [...mesh.rules.values()].filter(rule => pinOf(rule) !== undefined);
  assert.deepEqual(left, [], 'no client is pinned');
}

function sorted(policies: unknown[]): { namespace: string; name: string }[] {
  const list = policies as { namespace: string; name: string }[];
  return list.toSorted((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}
