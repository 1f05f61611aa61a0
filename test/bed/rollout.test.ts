/**
 * The whole shop goes STRICT, wave by wave, with the operator as a process under the rights of its deployment; half way
 * a forgotten plaintext client holds it up. What people see of it with kubectl is part of the story.
 */
import assert from 'node:assert/strict';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import { policiesOf } from '../../src/istio/policies.ts';
import { requestsOfOperator, tally } from './audit.ts';
import { type Bed, bedFor } from './bed.ts';
import { ROOT_NAMESPACE } from './boutique.ts';
import { rowsOf } from './columns.ts';
import { readAll } from './observe.ts';
import type { OperatorProcess } from './operatorProcess.ts';
import {
  condition,
  POLICIES,
  type Policy,
  QUICK,
  rollout,
  rolloutPath,
  untilPhase,
  untilStatus,
  userPolicy,
} from './rollouts.ts';

const NAME = 'online-boutique';
const PATH = rolloutPath(NAME);
const WAVES = [
  {
    name: 'leaf',
    names: ['ad', 'email', 'currency', 'payment', 'shipping', 'product-catalog'],
    maxConcurrent: 2,
    soak: '1s',
  },
  { name: 'core', names: ['cart', 'recommendation', 'checkout'], soak: '1s' },
  { name: 'door', names: ['frontend', 'loadgenerator'], maxConcurrent: '100%', soak: '2s' },
];
/** Steps of these waves: three, three and one. */
const STEPS = 7;

describe('the Online Boutique on a real API server', () => {
  let bed: Bed | undefined;
  let operator: OperatorProcess;
  let originals: Policy[];

  before(async function () {
    bed = await bedFor(this);
    operator = await bed.startOperator();
    const { api } = bed;
    const labels = { 'app.kubernetes.io/part-of': 'shop' };
    originals = [
      await userPolicy(
        api,
        'cart',
        'default',
        { mtls: { mode: 'PERMISSIVE' } },
        { labels, annotations: { owner: 'carts' } },
      ),
      await userPolicy(api, 'currency', 'own', { mtls: { mode: 'STRICT' } }),
      await userPolicy(api, 'payment', 'unset', { mtls: { mode: 'UNSET' } }),
      await userPolicy(api, 'email', 'mail', {
        selector: { matchLabels: { app: 'emailservice' } },
        mtls: { mode: 'STRICT' },
      }),
    ];
  });
  after(() => bed?.stop());

  it('is held before the step in which a plaintext client would break, and names it', async () => {
    const { plane, api, prometheus } = bed!;
    const stray = prometheus.traffic({ from: 'legacy/cron', to: 'cart/cartservice', secured: false, perSecond: 3 });
    const spec = { target: { namespaces: { names: bed!.shop.namespaces } }, strategy: { waves: WAVES }, ...QUICK };
    await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(rollout(NAME, spec)) });
    await untilStatus(
      api,
      PATH,
      ({ step, probes }) =>
        step?.scopes[0] === 'cart' && probes?.some(({ verdict }) => verdict === 'Unhealthy') === true,
      'the step of cart to be held',
    );

    const short = rowsOf((await plane.kubectl(['get', 'mtlsrollouts', '-n', ROOT_NAMESPACE])).stdout);
    const { AGE, ...row } = short[0]!;
    assert.match(AGE!, /^\d+s$/);
    assert.deepEqual(row, {
      NAME,
      PHASE: 'Observing',
      STEP: '4/7',
      STRICT: '6/11',
      'WAITING-ON': 'probe no-plaintext',
    });
    const wide = rowsOf((await plane.kubectl(['get', 'mr', '-n', ROOT_NAMESPACE, '-o', 'wide'])).stdout)[0]!;
    assert.equal(wide['WAVE'], 'core');
    assert.equal(wide['PROBE'], 'no-plaintext Unhealthy');
    assert.match(
      wide['MESSAGE']!,
      /^wave core, step 4\/7: .*\d+ requests? from legacy\/cron to cart\/cartservice without mutual TLS/,
    );
    stray.setRate(0);
  });

  it('goes on by itself once the client is gone, until kubectl wait sees it Ready', async () => {
    const { plane, api } = bed!;
    const object = `mtlsrollout/${NAME}`;
    await plane.kubectl(['wait', '--for=condition=Ready', object, '-n', ROOT_NAMESPACE, '--timeout=60s']);
    const done = await untilPhase(api, PATH, 'Completed', 1_000);
    assert.equal(condition(done, 'Stalled')?.status, 'False');
    assert.equal(condition(done, 'Reconciling')?.status, 'False');
    const [row] = rowsOf((await plane.kubectl(['get', 'mr', '-A', '-o', 'wide'])).stdout);
    const { AGE: _, PROBE, ...rest } = row!;
    assert.match(PROBE!, /Healthy$/);
    assert.deepEqual(rest, {
      NAMESPACE: ROOT_NAMESPACE,
      NAME,
      PHASE: 'Completed',
      STEP: '',
      STRICT: '11/11',
      'WAITING-ON': '',
      WAVE: '',
      MESSAGE: '11 scopes STRICT',
    });
  });

  it("leaves every pod STRICT by Istio's rules, and everything else of the users as it was", async () => {
    const { api, shop } = bed!;
    const found = await readAll<Policy>(api, POLICIES);
    const policies = policiesOf(found);
    for (const { namespace, labels } of shop.pods.filter(pod => shop.namespaces.includes(pod.namespace)))
      assert.equal(effectiveModes(policies, ROOT_NAMESPACE, namespace, labels).workload.mode, 'STRICT', namespace);
    const at = (namespace: string) => found.filter(({ metadata }) => metadata.namespace === namespace);
    const [cart, currency, payment, email] = originals as [Policy, Policy, Policy, Policy];
    const [now, ...others] = at('cart') as [Policy];
    assert.deepEqual(others, []);
    assert.deepEqual(now.spec, { mtls: { mode: 'STRICT' } });
    for (const field of ['uid', 'name', 'creationTimestamp', 'labels'] as const)
      assert.deepEqual(now.metadata[field], cart.metadata[field]);
    assert.equal(now.metadata.annotations?.['owner'], 'carts');
    assert.deepEqual(at('currency'), [currency], 'what is STRICT already is not touched');
    assert.deepEqual(
      at('payment').map(({ metadata }) => metadata.uid),
      [payment.metadata.uid],
    );
    assert.deepEqual(
      at('email').find(({ metadata }) => metadata.name === 'mail'),
      email,
    );
  });

  it('tells the story in the events that kubectl describe shows', async () => {
    const { stdout } = await bed!.plane.kubectl(['describe', 'mtlsrollout', NAME, '-n', ROOT_NAMESPACE]);
    const events = stdout.slice(stdout.indexOf('Events:'));
    const reasons = ['StepStarted', 'ProbeUnhealthy', 'ProbeHealthy', 'EvidenceComplete', 'StrictInForce', 'StepDone'];
    for (const reason of reasons) assert.match(events, new RegExp(`(Normal|Warning) +${reason} `));
    assert.match(events, /legacy\/cron/);
  });

  it('asked for nothing that it may not', async () => {
    const { plane } = bed!;
    assert.equal(await operator.stop(), 0);
    const requests = requestsOfOperator(plane.folder);
    assert.ok(requests.length > 100);
    assert.deepEqual(
      requests.filter(({ code }) => code === 403 || code === 401),
      [],
    );
    const writes = requests.filter(({ verb }) => ['create', 'update', 'patch', 'delete'].includes(verb));
    const kinds = new Set(writes.map(({ verb, resource }) => `${verb} ${resource}`));
    const expected = [
      'create events',
      'create leases',
      'create peerauthentications',
      'patch events',
      'patch peerauthentications',
      'update leases',
      'update mtlsrollouts/status',
    ];
    assert.deepEqual(
      [...kinds].filter(kind => !expected.includes(kind)),
      [],
    );
    console.log(
      `      ${STEPS} steps: ${tally(requests)
        .map(([what, n]) => `${what} ${n}`)
        .join(', ')}`,
    );
  });
});
