/** Whatever happens before closed gates: nothing becomes STRICT, and when they open the rollout comes to its end. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { APPROVE_ANNOTATION, RETRY_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Verdict } from '../../src/api/status.ts';
import { approvalOf, needsApproval } from '../../src/rollout/approvals.ts';
import { decide } from '../../src/rollout/decide.ts';
import { Situation } from '../../src/rollout/situation.ts';
import { TestMesh } from './mesh.ts';
import { setsStrict } from './promises.ts';
import { isOpenByIntl, schedule } from './wallClock.ts';

const NAMES = ['ad', 'cart', 'pay', 'web'];
const HOUR = 3_600_000;

type Event =
  | { kind: 'pass'; part: number; writes: number }
  | { kind: 'clock'; hours: number }
  | { kind: 'judge'; verdict: Verdict }
  | { kind: 'approve'; wave: string; isRight: boolean }
  | { kind: 'withdraw' }
  | { kind: 'base'; isDone: boolean }
  | { kind: 'namespace'; name: string; there: boolean };

const wave = fc.constantFrom('w0', 'w1');
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      part: fc.constantFrom(0, 0.5, 1, 1, 1),
      writes: fc.constantFrom(0, 1, 99, 99, 99),
    }),
    weight: 20,
  },
  { arbitrary: fc.record({ kind: fc.constant('clock' as const), hours: fc.integer({ min: -3, max: 40 }) }), weight: 2 },
  {
    arbitrary: fc.record({
      kind: fc.constant('judge' as const),
      verdict: fc.constantFrom<Verdict>('Healthy', 'Healthy', 'Healthy', 'Unhealthy', 'NoData'),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({ kind: fc.constant('approve' as const), wave, isRight: fc.constantFrom(true, true, false) }),
    weight: 4,
  },
  { arbitrary: fc.constant<Event>({ kind: 'withdraw' }), weight: 1 },
  {
    arbitrary: fc.record({ kind: fc.constant('base' as const), isDone: fc.constantFrom(true, true, false) }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant('namespace' as const),
      name: fc.constantFrom('web', 'new'),
      there: fc.boolean(),
    }),
    weight: 1,
  },
);

const setting = fc.record({
  schedule: fc.option(schedule, { nil: undefined }),
  depends: fc.boolean(),
  approval: fc.constantFrom('Required' as const, 'Required' as const, 'NotRequired' as const),
  maxConcurrent: fc.constantFrom(1, 2),
});

class GatedMesh {
  readonly mesh: TestMesh;
  #isBaseDone = false;
  #approvals = new Map<string, string>();
  #look: number | undefined;
  strict = 0;

  constructor(given: {
    schedule?: SpecInput['schedule'];
    depends: boolean;
    approval: 'Required' | 'NotRequired';
    maxConcurrent: number;
  }) {
    const { approval, maxConcurrent, depends } = given;
    const shared = { soak: '5m', approval, maxConcurrent };
    this.mesh = new TestMesh(
      {
        target: { namespaces: { selector: {} } },
        strategy: {
          waves: [
            { name: 'w0', names: ['ad', 'cart'], ...shared },
            { name: 'w1', selector: {}, ...shared },
          ],
        },
        ...(given.schedule ? { schedule: given.schedule } : {}),
        dependsOn: depends ? [{ name: 'base' }] : [],
      },
      NAMES,
    );
  }

  happen(what: Event): void {
    const { mesh } = this;
    if (what.kind === 'pass') return this.pass(what.part, what.writes);
    if (what.kind === 'clock') mesh.now += what.hours * HOUR;
    if (what.kind === 'judge') mesh.judge = kind => (kind === 'Enforcement' ? 'Healthy' : what.verdict);
    if (what.kind === 'approve') this.approve(what.wave, what.isRight);
    if (what.kind === 'base') this.base(what.isDone);
    if (what.kind === 'withdraw') {
      this.#approvals.clear();
      mesh.annotate(APPROVE_ANNOTATION, '');
    }
    if (what.kind !== 'namespace' || what.there === mesh.namespaces.some(({ name }) => name === what.name)) return;
    if (what.there) mesh.addNamespace(what.name);
    else mesh.removeNamespace(what.name);
  }

  approve(name: string, isRight: boolean): void {
    const plan = this.mesh.status.waves?.find(each => each.name === name)?.plan;
    this.#approvals.set(name, isRight && plan ? plan : '00000000');
    this.mesh.annotate(
      APPROVE_ANNOTATION,
      [...this.#approvals].map(([each, hash]) => `${each}=${hash} by bob`).join(', '),
    );
  }

  base(isDone: boolean): void {
    this.#isBaseDone = isDone;
    const { metadata, spec, ...rest } = this.mesh.rollout;
    const status = { phase: isDone ? ('Completed' as const) : ('Soaking' as const), observedGeneration: 1 };
    this.mesh.others = [
      {
        ...rest,
        spec: { ...spec, dependsOn: [] },
        metadata: { ...metadata, name: 'base', uid: 'base', generation: 1 },
        status,
      },
    ];
  }

  /** One decision, of which only so many writes are made. */
  pass(part: number, writes: number): void {
    const { mesh } = this;
    const left = Math.max((this.#look ?? mesh.now + 60_000) - mesh.now, 1);
    mesh.now += Math.floor(Math.min(left, 400 * 24 * HOUR) * part);
    const input = mesh.input();
    const situation = new Situation(input);
    const decision = decide(input);
    for (const write of decision.writes.filter(setsStrict)) this.#mayTighten(situation, write);
    mesh.store(decision);
    this.#look = decision.writes.length > 0 ? mesh.now : decision.nextLookAt;
    for (const write of decision.writes.slice(0, writes)) mesh.perform(write);
  }

  #mayTighten(situation: Situation, write: object): void {
    const { rollout, now } = situation.input;
    const about = `${new Date(now).toISOString()}: ${JSON.stringify(write)}`;
    this.strict++;
    const { schedule: given, dependsOn } = rollout.spec;
    assert.ok(!given || isOpenByIntl(given, now), `outside of the windows, ${about}`);
    assert.ok(dependsOn.length === 0 || this.#isBaseDone, `before the other rollout is done, ${about}`);
    const { step } = this.mesh.status;
    const planned = situation.plan.waves.find(({ name }) => name === step?.wave);
    const states = step ? situation.stepStates(step) : [];
    const isHalf = states.some(state => situation.moved(state));
    if (!planned || isHalf || !needsApproval(rollout, planned.name)) return;
    assert.equal(approvalOf(rollout, planned)?.plan, planned.hash, `without an approval, ${about}`);
  }
}

describe('before closed gates', () => {
  it('nothing becomes STRICT, whatever happens, and with open gates the rollout comes to its end', () => {
    let strict = 0;
    fc.assert(
      fc.property(setting, fc.array(event, { minLength: 20, maxLength: 80, size: 'max' }), (given, events) => {
        const gated = new GatedMesh(given);
        const { mesh } = gated;
        for (const each of events) gated.happen(each);
        strict += gated.strict;
        mesh.judge = () => 'Healthy';
        mesh.edit({ schedule: undefined });
        gated.base(true);
        for (let n = 0; n < 400 && mesh.status.phase !== 'Completed'; n++) {
          gated.pass(1, 99);
          const isAtRest = mesh.status.phase === 'RolledBack' || mesh.status.phase === 'Paused';
          if (isAtRest) mesh.annotate(RETRY_ANNOTATION, String(n));
          for (const name of ['w0', 'w1']) gated.approve(name, true);
        }
        assert.equal(mesh.status.phase, 'Completed', mesh.status.message);
      }),
      { numRuns: 150 },
    );
    assert.ok(strict > 50, `only ${strict} writes were looked at`);
  }).timeout(60_000);
});
