import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { setCondition } from '../../src/api/conditions.ts';
import { type Condition, type Status, statusSchema } from '../../src/api/status.ts';
import { parseStatus } from '../../src/api/validate.ts';

const at = '2026-01-01T00:00:00Z';
const sound: Status = {
  observedGeneration: 3,
  phase: 'Soaking',
  step: {
    index: 1,
    of: 2,
    wave: 'core',
    stage: 'Soaking',
    scopes: ['cart'],
    since: at,
    startedAt: at,
    changedAt: at,
    healthyRounds: 2,
    failures: 0,
  },
  waves: [{ name: 'core', phase: 'Progressing', done: 0, total: 1, plan: '51e7aa02' }],
  history: [{ at, reason: 'StepBegan', message: 'step 1' }],
  epoch: 4,
};

describe('parseStatus', () => {
  it('returns a sound status as it is', () => assert.deepEqual(parseStatus(sound), sound));

  it('reads nothing from what is no status', () => {
    for (const value of [undefined, null, 'x', 1, [], {}, { foo: 1 }]) assert.equal(parseStatus(value), undefined);
  });

  it('leaves out a damaged member and keeps the others', () => {
    const { step, ...rest } = sound;
    assert.deepEqual(parseStatus({ ...sound, step: { ...step, stage: 'Dancing' } }), rest);
  });

  it('leaves out damaged items of a list and keeps the others', () => {
    const [entry] = sound.history ?? [];
    assert.deepEqual(parseStatus({ ...sound, history: [{ at: 1 }, entry, null] }), sound);
  });

  it('never throws, and what it returns is a valid status', () => {
    const path = fc.constantFrom(...Object.keys(statusSchema.shape), '__proto__', 'constructor');
    fc.assert(
      fc.property(fc.array(fc.tuple(path, fc.jsonValue())), damage => {
        const value = { ...sound, ...Object.fromEntries(damage) };
        const status = parseStatus(value);
        assert.ok(status === undefined || statusSchema.safeParse(status).success);
        assert.equal(Object.getPrototypeOf(status ?? {}), Object.prototype);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('setCondition', () => {
  const ready: Condition = { type: 'Ready', status: 'False', reason: 'Soaking', message: 'm', lastTransitionTime: at };
  const later = '2026-01-02T00:00:00Z';

  it('adds a new one with the time of now', () => {
    const next = { type: 'Ready', status: 'False', reason: 'Soaking', message: 'm' } as const;
    assert.deepEqual(setCondition(undefined, next, at), [ready]);
  });

  it('keeps the transition time while the status stays', () => {
    const [condition] = setCondition([ready], { ...ready, reason: 'Observing', message: 'n' }, later);
    assert.deepEqual(condition, { ...ready, reason: 'Observing', message: 'n' });
  });

  it('moves the transition time with the status, and changes nothing in place', () => {
    const stalled: Condition = { ...ready, type: 'Stalled' };
    const before = Object.freeze([Object.freeze({ ...ready }), Object.freeze(stalled)]);
    const after = setCondition(before, { ...ready, status: 'True' }, later);
    assert.deepEqual(after, [{ ...ready, status: 'True', lastTransitionTime: later }, stalled]);
  });
});
