import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { jobFrom, jobName, readJob } from '../../src/probes/jobObject.ts';

const author = { namespace: 'shop', name: 'r', uid: 'u-1' };
const occasion = { author, probe: 'smoke', turn: 'Soak 2026-11-27T09:00:00Z' };
const minute = { namespace: 'shop', now: Date.parse('2026-11-27T09:00:00Z'), timeoutMs: 60_000 };
const cronJob = (spec: object) => ({ spec: { jobTemplate: { spec } } });

interface Made {
  metadata: { name: string; ownerReferences?: { uid: string }[] };
  spec: Record<string, unknown>;
}

describe('the Job of a look', () => {
  it('has a name that Kubernetes takes, the same for the same look and another for any other', () => {
    const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
    fc.assert(
      fc.property(label, fc.string(), fc.string(), (probe, turn, other) => {
        const name = jobName({ author, probe, turn });
        assert.match(name, /^[a-z0-9][-a-z0-9]{0,61}[a-z0-9]$/);
        assert.equal(jobName({ author, probe, turn }), name);
        if (other !== turn) assert.notEqual(jobName({ author, probe, turn: other }), name);
        assert.notEqual(jobName({ author: { ...author, uid: 'u-2' }, probe, turn }), name);
      }),
    );
  });

  it('ends a minute after its time at the latest, or sooner where its template says so', () => {
    const deadline = (spec: object) => (jobFrom(cronJob(spec), occasion, minute) as Made).spec['activeDeadlineSeconds'];
    assert.equal(deadline({}), 120);
    assert.equal(deadline({ activeDeadlineSeconds: 30 }), 30);
    assert.equal(deadline({ activeDeadlineSeconds: 86_400 }), 120);
  });

  it('runs although its template is suspended, and keeps the rest of it', () => {
    const { spec } = jobFrom(cronJob({ suspend: true, backoffLimit: 0, template: { a: 1 } }), occasion, minute) as Made;
    assert.deepEqual(spec, {
      backoffLimit: 0,
      template: { a: 1 },
      activeDeadlineSeconds: 120,
      ttlSecondsAfterFinished: 600,
    });
  });

  it('goes with its rollout, but for one in another namespace, which Kubernetes would take for gone', () => {
    const owners = (namespace: string) =>
      (jobFrom(cronJob({}), occasion, { ...minute, namespace }) as Made).metadata.ownerReferences?.map(
        ({ uid }) => uid,
      );
    assert.deepEqual(owners('shop'), ['u-1']);
    assert.equal(owners('elsewhere'), undefined);
  });

  it('is known by its mark, and somebody else’s of the same name is not', () => {
    const made = jobFrom(cronJob({}), occasion, minute);
    assert.equal(readJob(made, author).isOwn, true);
    assert.equal(readJob(made, author).began, minute.now);
    assert.equal(readJob(made, { ...author, uid: 'u-2' }).isOwn, false);
    assert.equal(readJob({ metadata: { name: 'x' } }, author).isOwn, false);
  });

  const ends: [string, object | undefined, unknown][] = [
    ['runs', undefined, undefined],
    ['has ended well', { type: 'Complete', status: 'True' }, 'Complete'],
    ['is not over yet', { type: 'Complete', status: 'False' }, undefined],
    ['has failed', { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' }, 'Failed'],
    ['was ended', { type: 'Failed', status: 'True', reason: 'DeadlineExceeded' }, 'DeadlineExceeded'],
    ['is about to fail', { type: 'FailureTarget', status: 'True', reason: 'BackoffLimitExceeded' }, undefined],
    ['is suspended', { type: 'Suspended', status: 'True' }, undefined],
  ];
  for (const [what, condition, end] of ends)
    it(`says that it ${what}`, () => {
      const status = condition ? { conditions: [condition] } : {};
      assert.equal(readJob({ metadata: {}, status }, author).end, end);
    });
});
