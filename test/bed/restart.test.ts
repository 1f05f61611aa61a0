/**
 * The operator is killed in every stage of a step, and the API server in the middle of one. What comes out is the same
 * as without, and no port is weaker at any moment than it was before.
 */
import assert from 'node:assert/strict';
import { ORIGINAL_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Stage } from '../../src/api/status.ts';
import { type Bed, bedFor } from './bed.ts';
import { checkFloor } from './floor.ts';
import { record, type Recording, read } from './observe.ts';
import type { OperatorProcess } from './operatorProcess.ts';
import type { Traffic } from './prometheusStub.ts';
import {
  create,
  patch,
  POLICIES,
  policiesIn,
  policyPath,
  quick,
  type RolloutObject,
  rolloutPath,
  untilPhase,
  untilStatus,
  userPolicy,
} from './rollouts.ts';
import { withoutRight } from './rights.ts';

/** A client without mutual TLS: nothing may switch while it is there. It is too quiet to be missed afterwards. */
const STRAY = { from: 'legacy/cron', to: 'currency/currencyservice' };

/** One crash: where, how the step is kept there until the process is gone, and what lets it go on. */
interface Crash {
  stage: Stage;
  namespace: string;
  spec?: Partial<SpecInput>;
  hold?: () => unknown;
  release?: () => unknown;
  /** Where it ends; Completed unless given. */
  end?: 'RolledBack';
}

describe('crashes on a real API server', () => {
  let bed: Bed | undefined;
  let operator: OperatorProcess;
  let recording: Recording;
  let begun: number;

  before(async function () {
    bed = await bedFor(this);
    const { api } = bed;
    // some namespaces have policies of their users
    await userPolicy(api, 'ad', 'default', { mtls: { mode: 'PERMISSIVE' } });
    await userPolicy(api, 'email', 'default', {});
    await userPolicy(api, 'payment', 'default', { mtls: { mode: 'PERMISSIVE' } });
    const selector = { matchLabels: { app: 'redis-cart' } };
    await userPolicy(api, 'cart', 'redis', { selector, mtls: { mode: 'STRICT' } });
    recording = await record(api, POLICIES);
    begun = recording.events.length;
    operator = await bed.startOperator();
  });
  after(async () => {
    await operator?.stop();
    await bed?.stop();
  });

  const crashes: Crash[] = [
    {
      stage: 'Pending',
      namespace: 'ad',
      spec: { suspend: true },
      release: () => patch(bed!.api, rolloutPath('ad'), { spec: { suspend: false } }),
    },
    {
      stage: 'Preparing',
      namespace: 'checkout',
      hold: () => restrict('create'),
      release: () => allow(),
    },
    {
      stage: 'Observing',
      namespace: 'currency',
      hold: () => (stray = bed!.prometheus.traffic({ ...STRAY, secured: false, perSecond: 2 })),
      release: () => stray?.setRate(0),
    },
    {
      stage: 'Enforcing',
      namespace: 'email',
      hold: () => bed!.sidecars.pretend('email', 'PERMISSIVE'),
      release: () => bed!.sidecars.pretend('email', undefined),
    },
    { stage: 'Soaking', namespace: 'cart' },
    { stage: 'RollingBack', namespace: 'payment', release: () => allow(), end: 'RolledBack' },
  ];
  let stray: Traffic | undefined;
  let allow: () => Promise<void> = async () => {};
  const restrict = async (verb: string) => {
    allow = await withoutRight(bed!.plane, 'peerauthentications', verb);
  };

  for (const { stage, namespace, spec, hold, release, end } of crashes)
    it(`killed in ${stage}`, async () => {
      const { api } = bed!;
      const path = rolloutPath(namespace);
      await hold?.();
      await create(api, namespace, quick([namespace], spec, '2s'));
      if (stage === 'RollingBack') await failWhenSoaking(path);
      await untilStatus(api, path, ({ step }) => step?.stage === stage, `${namespace} to be in ${stage}`);
      await operator.kill();
      assert.equal((await read<RolloutObject>(api, path))!.status!.step!.stage, stage, 'where it was killed');
      await release?.();
      await operator.start();
      await untilPhase(api, path, end ?? 'Completed');
      const modes = (await policiesIn(api, namespace)).map(({ spec: is }) => is);
      assert.deepEqual(modes, ENDS[namespace]);
    });

  it('the original of each policy is still that of its user', async () => {
    const originals = await Promise.all(
      ['ad', 'email'].map(async namespace => {
        const policy = await read(bed!.api, policyPath(namespace, 'default'));
        return policy!.metadata.annotations![ORIGINAL_ANNOTATION]!;
      }),
    );
    assert.match(originals[0]!, /"mode":"PERMISSIVE"/);
    assert.match(originals[1]!, /"spec":\{\}/);
  });

  it('no port was weaker than before at any version of any policy', async () => {
    const events = await recording.stop();
    const checked = checkFloor(events, begun, bed!.shop.pods);
    // a create and a patch where no policy was, one patch where one was, and its way back: no crash made it write twice
    assert.equal(checked, 10);
  });

  it('an API server that is away for some seconds in the middle of a step holds it, and no more', async () => {
    const { api, plane } = bed!;
    const path = rolloutPath('shipping');
    await create(api, 'shipping', quick(['shipping'], {}, '3s'));
    await untilPhase(api, path, 'Soaking');
    const { pid } = operator;
    await plane.kill('apiserver');
    await operator.logged(({ message }) => message === 'lost sight of a resource', 'that it is blind', 10_000);
    await plane.restart('apiserver');
    await untilPhase(api, path, 'Completed');
    assert.equal(operator.pid, pid, 'the process went on');
    const done = await read<RolloutObject>(api, path);
    assert.equal(
      done?.status?.history?.some(({ reason }) => reason === 'RollbackStarted'),
      false,
    );
  });

  /** A client vanishes as soon as STRICT is in force. */
  async function failWhenSoaking(path: string): Promise<void> {
    await untilStatus(bed!.api, path, ({ step }) => step?.stage === 'Soaking', 'payment to soak');
    await restrict('patch');
    bed!.path('checkoutservice', 'paymentservice').setRate(0);
  }
});

/** What a namespace holds in the end. */
const strict = { mtls: { mode: 'STRICT' } };
const ENDS: Record<string, object[]> = {
  ad: [strict],
  checkout: [strict],
  currency: [strict],
  email: [strict],
  cart: [strict, { selector: { matchLabels: { app: 'redis-cart' } }, mtls: { mode: 'STRICT' } }],
  payment: [{ mtls: { mode: 'PERMISSIVE' } }],
};
