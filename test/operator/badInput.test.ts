/**
 * What can be wrong around a rollout: each is said on that rollout alone, is tried again within bounds, goes on by
 * itself when it is mended, and holds up nobody else.
 */
import assert from 'node:assert/strict';
import { PrometheusError } from '../../src/probes/prometheus.ts';
import { forbidden } from './forbidden.ts';
import { Bench, type BenchOptions, type Call } from './harness.ts';
import { checkHistory, policiesLeft } from './oracles.ts';
import { CALM, calm, deployment, namespace, policy, ROOT, rollout, scene, SMALL_SHOP, waves } from './scene.ts';

const MINUTES = 60_000;
const SHOP = rollout(waves(SMALL_SHOP));

interface Case {
  what: string;
  /** What is there beside the scene; the rollout `shop` in the root namespace unless given. */
  objects?: object[];
  /** Namespace of the rollout `shop`. */
  home?: string;
  options?: BenchOptions;
  begin?: (bench: Bench) => void;
  /** What has to be said: column WAITING-ON, condition that is true with its reason, and the message. */
  waitingOn: string;
  condition: 'Stalled' | 'Reconciling';
  reason: string;
  message: RegExp;
  /** Mends it; the rollout then completes. */
  mend?: (bench: Bench) => void;
}

const CASES: Case[] = [
  ...(
    [
      ['refuses connections', new PrometheusError('Unreachable', 'cannot reach Prometheus: connection refused')],
      ['is not at this address', new PrometheusError('Refused', 'Prometheus answered 404: is the address right?')],
      ['answers nonsense', new PrometheusError('BadAnswer', 'Prometheus answered something that is not of its API')],
      ['does not answer', new PrometheusError('Timeout', 'Prometheus did not answer within 10s')],
    ] as const
  ).map(
    ([what, trouble]): Case => ({
      what: `a Prometheus that ${what}`,
      begin: ({ sight }) => (sight.trouble = trouble),
      waitingOn: 'probe no-plaintext',
      condition: 'Reconciling',
      reason: 'Observing',
      message: new RegExp(`0 of 2 healthy rounds.*probe no-plaintext says Error: could not look: ${trouble.message}`),
      mend: ({ sight }) => (sight.trouble = undefined),
    }),
  ),
  {
    what: 'no permission to patch policies',
    begin: forbid('patch', ({ method, path }) => method === 'PATCH' && path.includes('/peerauthentications/')),
    waitingOn: 'WriteForbidden',
    condition: 'Stalled',
    reason: 'WriteForbidden',
    message: /cannot patch PeerAuthentication \S+: .*lacks the verb "patch" on peerauthentications.*add it to its Role/,
    mend: allow,
  },
  {
    what: 'no permission to list pods',
    begin: forbid('list', ({ kind }) => kind === 'pods', 'pods'),
    waitingOn: 'probe no-plaintext',
    condition: 'Reconciling',
    reason: 'Observing',
    message: /could not look: list pods in \S+: .*lacks the verb "list" on pods.*add it to its Role/,
    mend: allow,
  },
  {
    what: 'a namespace that is not there',
    objects: [rollout(waves([...SMALL_SHOP, 'later']))],
    waitingOn: 'NamespaceNotFound',
    condition: 'Stalled',
    reason: 'NamespaceNotFound',
    message: /namespace later is named in spec.target.namespaces.names and is not there; create the namespace, or/,
    mend: bench => bench.cluster.put(namespace('later')),
  },
  {
    what: 'a mesh target outside the root namespace',
    home: 'cart',
    objects: [rollout({ target: { mesh: {} } }, 'shop', 'cart')],
    waitingOn: 'NotInRootNamespace',
    condition: 'Stalled',
    reason: 'NotInRootNamespace',
    message: /spec.target.mesh reaches beyond namespace cart .* create it there, or use spec.target.namespace/,
  },
  {
    what: 'a namespace target in the root namespace',
    objects: [rollout({ target: { namespace: {} } })],
    waitingOn: 'InRootNamespace',
    condition: 'Stalled',
    reason: 'InRootNamespace',
    message: /spec.target.namespace means istio-system, the mesh root namespace.*use spec.target.mesh or/,
  },
  {
    what: 'a spec that came past the schema',
    options: { isLax: true },
    objects: [rollout({ target: { namespace: {}, mesh: {} }, analysis: { interval: 'soon' } })],
    waitingOn: 'Invalid',
    condition: 'Stalled',
    reason: 'Invalid',
    message: /spec\.target: .*; spec\.analysis\.interval: /,
    mend: bench => bench.cluster.put(SHOP),
  },
  {
    what: 'an original that was damaged',
    objects: [SHOP, policy('ad', 'default', { mtls: { mode: 'PERMISSIVE' } }, { annotations: damaged() })],
    waitingOn: 'DamagedOriginal',
    condition: 'Stalled',
    reason: 'DamagedOriginal',
    message:
      /the recorded original of PeerAuthentication ad\/default is damaged.*remove its annotations mtlsrollout.io/,
    mend: bench => bench.cluster.put(policy('ad', 'default', { mtls: { mode: 'PERMISSIVE' } })),
  },
];

describe('a rollout with something wrong about it', () => {
  for (const each of CASES)
    it(each.what, async () => {
      const bench = new Bench([...scene(SMALL_SHOP), ...calm(), ...(each.objects ?? [SHOP])], each.options);
      each.begin?.(bench);
      const before = policiesLeft(bench).filter(({ policy: key }) => !key.startsWith(CALM));
      await bench.start();
      await bench.clock.advance(10 * MINUTES);
      const { home = ROOT } = each;
      const { summary, conditions, message = '' } = bench.status('shop', home);
      assert.match(message, each.message);
      assert.equal(summary?.waitingOn, each.waitingOn);
      const holding = conditions?.filter(({ status }) => status === 'True').map(({ type, reason }) => [type, reason]);
      assert.deepEqual(holding?.[0], [each.condition, each.reason]);
      checkBounds(bench);
      assert.equal(bench.status('calm', CALM).phase, 'Completed', 'another rollout is held up');
      // what it would tighten is as it was: at the most a preparation that changes no mode
      for (const { spec } of before) assert.ok(policiesLeft(bench).some(left => sameSpec(left.spec, spec)));
      assert.ok(
        SMALL_SHOP.every(name => bench.sight.mode(name) === 'PERMISSIVE'),
        'nothing is STRICT',
      );
      if (each.mend) {
        each.mend(bench);
        await bench.untilPhase('Completed', 'shop', home);
      }
      bench.end();
      checkHistory(bench, { others: true });
      assert.deepEqual(
        bench.lines.filter(({ level }) => level === 'error'),
        [],
      );
    });

  it('no permission to store a status is said in the log and in an event', async () => {
    const bench = new Bench([...scene(SMALL_SHOP), ...calm(), SHOP]);
    forbid('update', ({ kind, path }) => kind === 'mtlsrollouts/status' && path.includes('/shop/'))(bench);
    await bench.start();
    await bench.clock.advance(10 * MINUTES);
    assert.equal(bench.status('calm', CALM).phase, 'Completed');
    assert.ok(SMALL_SHOP.every(name => bench.sight.mode(name) === 'PERMISSIVE'));
    const events = bench.cluster.list('events.k8s.io/v1', 'Event', ROOT);
    assert.deepEqual(
      events.map(({ reason }) => reason),
      ['StatusForbidden'],
    );
    assert.match(String(events[0]!['note']), /cannot update MtlsRollout istio-system\/shop: .*lacks the verb "update"/);
    checkBounds(bench);
    allow(bench);
    await bench.untilPhase('Completed');
    bench.end();
  });

  it('an original that is damaged while its step runs is left alone, and the rest goes back', async () => {
    const bench = new Bench([...scene(SMALL_SHOP), ...calm(), SHOP]);
    bench.sight.plaintext = name => (name === 'email' && bench.sight.mode(name) === 'STRICT' ? 5 : 0);
    await bench.start();
    await bench.untilPhase('Soaking');
    const { metadata, ...email } = bench.policy('email', 'default')!;
    const annotations = { ...metadata.annotations, ...damaged() };
    bench.cluster.put({ ...email, metadata: { ...metadata, annotations } });
    await bench.clock.advance(10 * MINUTES);
    const { phase, message, conditions } = bench.status();
    assert.equal(phase, 'RollingBack');
    assert.match(message!, /original of PeerAuthentication email\/default is damaged: bring it to the mode it should/);
    assert.equal(conditions?.find(({ type }) => type === 'Stalled')?.reason, 'DamagedOriginal');
    assert.deepEqual(bench.policy('email', 'default')?.['spec'], { mtls: { mode: 'STRICT' } });
    assert.equal(bench.policy('ad', 'mtls-rollout'), undefined);
    assert.equal(bench.status('calm', CALM).phase, 'Completed');
    checkBounds(bench);
    bench.cluster.put(policy('email', 'default', { mtls: { mode: 'UNSET' } }));
    await bench.untilPhase('RolledBack');
    bench.end();
  });

  it('no permission to list the workloads that it moves', async () => {
    const spec = { ...waves(SMALL_SHOP), strategy: { unit: 'Workload' as const } };
    const bench = new Bench([...scene(SMALL_SHOP), ...calm(), deployment('ad'), rollout(spec)]);
    forbid('list', ({ kind }) => kind === 'statefulsets', 'statefulsets')(bench);
    await bench.start();
    await bench.clock.advance(10 * MINUTES);
    const { message, summary, conditions } = bench.status();
    assert.match(message!, /^cannot list statefulsets.apps in ad: .*lacks the verb "list" on statefulsets.*add it to/);
    assert.equal(summary?.waitingOn, 'WorkloadsNotSeen');
    assert.equal(conditions?.find(({ type }) => type === 'Stalled')?.status, 'True');
    assert.equal(bench.status('calm', CALM).phase, 'Completed');
    checkBounds(bench);
    allow(bench);
    await bench.untilPhase('Completed');
    bench.end();
  });

  it('no permission to read the mesh configuration is said once, and mended by itself', async () => {
    const bench = new Bench([...scene(SMALL_SHOP), SHOP]);
    forbid('list', ({ kind, path }) => kind === 'configmaps' && path.includes(`/${ROOT}/`), 'configmaps')(bench);
    await bench.start();
    await bench.clock.advance(10 * MINUTES);
    const said = bench.lines.filter(({ level }) => level !== 'info');
    assert.deepEqual(
      said.map(({ message }) => message),
      ['cannot read the mesh configuration yet'],
    );
    assert.match(String(said[0]?.fields['error']), /lacks the verb "list" on configmaps/);
    allow(bench);
    await bench.untilPhase('Completed');
    bench.end();
  });

  it("Istio's definitions that come later", async () => {
    const bench = new Bench([namespace(ROOT), namespace('mtls-rollout-system'), namespace('ad'), SHOP], {
      withoutIstio: true,
    });
    await bench.start();
    await bench.clock.advance(10 * MINUTES);
    const { phase, message, summary } = bench.status();
    assert.equal(phase, 'Refused');
    assert.match(message!, /PeerAuthentications of the cluster cannot be seen: .*install Istio's CRDs/);
    assert.equal(summary?.waitingOn, 'PoliciesNotSeen');
    checkBounds(bench);
    bench.installIstio();
    for (const object of scene(SMALL_SHOP)) bench.cluster.put(object);
    await bench.untilPhase('Completed');
    bench.end();
  });
});

/** Two requests a second at the very most in the first minute, and hardly any in the tenth. */
function checkBounds(bench: Bench): void {
  const ofShop = bench.calls.filter(({ path }) => !path.includes(CALM) && !path.includes('leases'));
  const during = (from: number, to: number) => ofShop.filter(({ at }) => at >= from && at < to).length;
  assert.ok(during(0, MINUTES) <= 120, `${during(0, MINUTES)} requests in the first minute`);
  assert.ok(during(9 * MINUTES, 10 * MINUTES) <= 60, `${during(9 * MINUTES, 10 * MINUTES)} requests in the tenth`);
}

function forbid(verb: string, concerns: (call: Call) => boolean, plural = 'peerauthentications') {
  return (bench: Bench) => {
    bench.meddle = async (call, proceed) =>
      concerns(call) && !call.path.includes(CALM) ? forbidden(verb, plural, call.path) : await proceed();
  };
}

function allow(bench: Bench): void {
  bench.meddle = undefined;
}

function damaged(): Record<string, string> {
  return { 'mtlsrollout.io/original': '{"spec":{"mtls":{"mode":"DISABLE"}},"sum":"0000"}' };
}

const sameSpec = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
