/**
 * Connections that outlive a switch, with Istio's own drain time: what becomes of them in a step and in a rollback, that
 * no probe takes the drain for a failure, and that plaintext over an old connection is seen.
 */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../../src/api/schema.ts';
import type { Mode } from '../../../src/istio/objects.ts';
import { waitForObject } from '../observe.ts';
import type { Policy } from '../rollouts.ts';
import { create, patch, policyPath, rolloutPath, untilPhase, untilStatus, userPolicy } from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { cutWhenIgnored, cutWithTheDrain, Held, type HeldSpec, unharmed, untilEnded } from './held.ts';
import type { Mesh } from './mesh.ts';
import { BRISK, PATIENCE } from './rollouts.ts';
import { figure, meshFor } from './suite.ts';
import type { Load } from './workload.ts';

const PORTS = { http: 8080, tcp: 9090 };
/** Long-lived connections of one client. */
const MANY = 50;
const MEMBER = 'front/front';
const STRANGER = 'legacy/report';
const EVERY_PROBE = [...BRISK.probes, { name: 'refused', refusedConnections: { window: '10s' } }];
/** For a step that moves although plaintext comes. */
const BLIND: Partial<SpecInput> = {
  probes: [
    { name: 'enforced', enforcement: {} },
    { name: 'ready', workloadReadiness: {} },
  ],
  preflight: { accept: ['NoEntryEvidence'] },
};
/** Namespace → what happens in it. */
const STORIES = {
  moves: 'goes STRICT and back under connections of all kinds',
  same: 'gets an explicit PERMISSIVE where that was the default',
  held: 'has a plaintext connection that never falls silent',
  wakes: 'has a plaintext connection that is silent until STRICT is there',
  burst: 'opened long before',
  young: 'opened right before the switch',
};
type Story = keyof typeof STORIES;

describe('long-lived connections on a real mesh', () => {
  let mesh: Mesh;
  const calls: Load[] = [];
  const many: Partial<Record<Story, Load>> = {};
  const switched: Partial<Record<Story, Promise<number>>> = {};
  let steady: Load;
  let sleeper: Held;
  let unmoved: Held[];
  let open: Awaited<ReturnType<typeof openAll>>;

  // every story takes a drain, so all of them run at the same time
  before(async function () {
    mesh = await meshFor(this, { drain: '45s' });
    const ports = [
      { name: 'http-web', port: PORTS.http, serves: 'http' as const },
      { name: 'tcp-echo', port: PORTS.tcp, serves: 'echo' as const },
    ];
    const stories = Object.keys(STORIES) as Story[];
    await mesh.add(
      ...stories.map(namespace => ({ namespace, name: 'server', ports })),
      { namespace: 'front', name: 'front', ports: [], service: false },
      { namespace: 'legacy', name: 'report', ports: [], service: false, meshed: false },
    );
    await mesh.startOperator();
    steady = await load(STRANGER, 'held', 'tcp', 2, 1);
    for (const name of stories) calls.push(await load(MEMBER, name, 'http', 1));
    many.burst = await load(MEMBER, 'burst', 'tcp', MANY, MANY);
    [sleeper] = (await hold(1, STRANGER, 'wakes', 'tcp', false)) as [Held];
    // without a counter that was there before, what comes right before the switch is in no baseline
    await hold(1, MEMBER, 'young', 'tcp');
    unmoved = (
      await Promise.all([
        hold(5, STRANGER, 'same', 'tcp'),
        hold(5, MEMBER, 'same', 'tcp'),
        hold(5, STRANGER, 'same', 'http'),
      ])
    ).flat();
    for (const name of ['same', 'moves', 'wakes'] as const) await permissive(name);
    open = await openAll();
    for (const name of ['moves', 'wakes'] as const) switched[name] = until(name, 'STRICT');
    await begin('moves', '10m', BLIND);
    await begin('wakes', '2m', { probes: BRISK.probes });
    for (const name of ['held', 'burst', 'young'] as const) await connectionsTo(name, 1, 'offset 17s');
    many.young = await load(MEMBER, 'young', 'tcp', MANY, MANY);
    await connectionsTo('young', MANY + 1);
    for (const name of ['young', 'burst'] as const) await begin(name, '70s', { probes: EVERY_PROBE });
    await begin('held', '1s', { probes: BRISK.probes });
  });
  after(() => mesh?.stop());

  it('are seen after the switch when a silent one wakes up, which leads to a rollback', async function () {
    this.timeout(2 * PATIENCE);
    const path = rolloutPath('wakes');
    await untilStatus(mesh.api, path, ({ phase }) => phase === 'Soaking', 'STRICT in force', PATIENCE);
    sleeper.talk();
    const { status } = await untilPhase(mesh.api, path, 'RolledBack', PATIENCE);
    const { reason, finishedAt } = status!.rollback!;
    assert.match(reason, /^probe no-plaintext: 1 connection from legacy\/report to wakes\/server without mutual TLS/);
    const { at } = await sleeper.closed;
    const restoredAt = Date.parse(finishedAt!);
    assert.ok(at > restoredAt, 'seen and rolled back before it was cut');
    figure('rolled back because of', reason);
    figure('cut all the same, after the rollback', `${Math.round(at - restoredAt)} ms`);
    // it belonged to the filter chain that the step replaced
    cutWithTheDrain('woken after the switch', [sleeper], (await switched.wakes)!);
  });

  it('hold a step as long as one of a stranger carries something, however old it is', async function () {
    this.timeout(2 * PATIENCE);
    const path = rolloutPath('held');
    const isSeen = (probes: { name: string; verdict: string }[] = []) =>
      probes.some(({ name, verdict }) => name === 'no-plaintext' && verdict === 'Unhealthy');
    const { status } = await untilStatus(mesh.api, path, ({ probes }) => isSeen(probes), 'it to be seen', PATIENCE);
    assert.equal(status!.phase, 'Observing');
    assert.match(status!.message!, /1 connection from legacy\/report to held\/server without mutual TLS/);
    const { failed, cuts } = await steady.stop();
    assert.deepEqual({ failed, cuts }, { failed: 0, cuts: 0 });
    await untilPhase(mesh.api, path, 'Completed', PATIENCE);
  });

  it('are cut by a step when the drain is over, and not before', async function () {
    this.timeout(2 * PATIENCE);
    const at = (await switched.moves)!;
    const { plaintext, silent, mutual, idleHttp, http, memberHttp } = open;
    await untilEnded([...plaintext, ...silent, ...mutual, ...idleHttp, ...http]);
    cutWithTheDrain('step, plaintext TCP', plaintext, at);
    cutWithTheDrain('step, silent plaintext TCP', silent, at, false);
    cutWithTheDrain('step, mutual TLS TCP', mutual, at);
    cutWithTheDrain('step, idle plaintext HTTP', idleHttp, at, false);
    cutWhenIgnored('step, plaintext HTTP that ignores "connection: close"', http, at);
    unharmed(memberHttp);
  });

  it('are cut once more by a rollback', async function () {
    this.timeout(2 * PATIENCE);
    const members = await hold(20, MEMBER, 'moves', 'tcp');
    const back = until('moves', 'PERMISSIVE');
    await patch(mesh.api, rolloutPath('moves'), { spec: { mode: 'Revert' } });
    const at = await back;
    await untilEnded(members);
    cutWithTheDrain('rollback, mutual TLS TCP', members, at);
    unharmed(open.memberHttp);
  });

  for (const name of ['burst', 'young'] as const) {
    it(`are no failure to any probe when many are drained at once, ${STORIES[name]}`, async function () {
      this.timeout(2 * PATIENCE);
      const isOver = (phase?: string) => phase === 'Completed' || phase === 'RolledBack';
      const path = rolloutPath(name);
      const { status } = await untilStatus(mesh.api, path, ({ phase }) => isOver(phase), 'the end', PATIENCE);
      assert.equal(status!.phase, 'Completed', status!.message);
      const compared = status!.probes!.find(probe => probe.name === 'traffic')!.samples;
      if (name === 'young') assert.ok(compared > MANY, 'they must be in the baseline to be missed');
      const { sent, failed, cuts, failures } = await many[name]!.stop();
      figure(`${MANY} connections, ${STORIES[name]}`, `${cuts} cut, ${failed} of ${sent} round trips lost`);
      assert.equal(cuts, MANY, 'each once: the explicit PERMISSIVE before STRICT cut none');
      assert.ok(failed <= cuts, JSON.stringify(failures.slice(0, 3)));
    });
  }

  it('are not touched by an explicit PERMISSIVE where that was the mode before', () => {
    unharmed(unmoved);
    assert.ok(unmoved.every(({ announcedAt }) => announcedAt === undefined));
  });

  it('through a sidecar are never noticed by HTTP', async () => {
    for (const each of calls) {
      const { failed, repeated, failures, ok } = await each.stop();
      assert.ok(ok > 60, `only ${ok} answers`);
      assert.deepEqual({ failed, repeated }, { failed: 0, repeated: 0 }, JSON.stringify(failures.slice(0, 3)));
    }
  });

  async function openAll() {
    return {
      plaintext: await hold(20, STRANGER, 'moves', 'tcp'),
      silent: await hold(5, STRANGER, 'moves', 'tcp', false),
      mutual: await hold(20, MEMBER, 'moves', 'tcp'),
      http: await hold(5, STRANGER, 'moves', 'http'),
      idleHttp: await hold(5, STRANGER, 'moves', 'http', false),
      memberHttp: await hold(5, MEMBER, 'moves', 'http'),
    };
  }

  async function hold(count: number, from: string, to: Story, kind: HeldSpec['kind'], talks = true): Promise<Held[]> {
    const pod = mesh.pod(from);
    return Held.open(pod, count, { address: await pod.addressOf(`${to}/server`, PORTS[kind]), kind, talks });
  }

  /** HTTP over a few kept-alive connections, TCP over as many as are given. */
  async function load(from: string, to: Story, kind: HeldSpec['kind'], perSecond: number, connections = 0) {
    const pod = mesh.pod(from);
    const address = await pod.addressOf(`${to}/server`, PORTS[kind]);
    return pod.load({ kind, address, perSecond, connections, fresh: false, timeoutMs: 5_000 });
  }

  function begin(namespace: Story, soak: string, how: Partial<SpecInput>): Promise<void> {
    const strategy = { waves: [{ name: 'all', names: [namespace], soak }] };
    const { analysis } = BRISK;
    return create(mesh.api, namespace, { target: { namespaces: { names: [namespace] } }, strategy, analysis, ...how });
  }

  async function permissive(namespace: Story): Promise<void> {
    await userPolicy(mesh.api, namespace, 'default', { mtls: { mode: 'PERMISSIVE' } });
  }

  /** Unix milliseconds of when the policy of a namespace was seen with this mode. */
  async function until(namespace: Story, mode: Mode): Promise<number> {
    const has = ({ spec }: Policy) => spec.mtls?.mode === mode;
    await waitForObject<Policy>(mesh.api, policyPath(namespace, 'default'), has, `${namespace} ${mode}`, PATIENCE);
    return Date.now();
  }

  /** Until Prometheus knows of so many opened connections, or knew some time ago. */
  async function connectionsTo(namespace: Story, count: number, when = ''): Promise<void> {
    const labels = `reporter="destination",destination_workload_namespace="${namespace}"`;
    const query = `istio_tcp_connections_opened_total{${labels}} ${when}`;
    const known = async () => ((await mesh.prometheus.value(query)) ?? 0) >= count;
    await waitFor(known, `${count} connections to ${namespace} ${when}`, 60_000);
  }
});
