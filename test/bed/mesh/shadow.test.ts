/**
 * Counting by policies in dry run, on a real mesh: what it needs, what it cuts, that it counts by port exactly and
 * refuses nobody, and that it ends with the switch.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { eachOf } from '../../../src/probes/eachOf.ts';
import { readAll, waitForObject } from '../observe.ts';
import { create, type Policy, policyPath, rolloutPath, untilStatus } from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { cutWithTheDrain, Held, unharmed, untilEnded } from './held.ts';
import type { Mesh } from './mesh.ts';
import { call, type PortKind } from './portKinds.ts';
import { PATIENCE } from './rollouts.ts';
import { figure, meshFor } from './suite.ts';

const KINDS: readonly (PortKind & { serves: NonNullable<PortKind['serves']> })[] = [
  { name: 'http-web', port: 8080, serves: 'http' },
  { name: 'http-api', port: 8081, serves: 'http' },
  { name: 'tcp-echo', port: 9090, serves: 'echo' },
];
const [WEB, API, ECHO] = KINDS as [PortKind, PortKind, PortKind];
const STRANGER = 'legacy/stranger';
const MEMBER = 'front/member';
const PATH = rolloutPath('open');
const SHADOWS = '/apis/security.istio.io/v1/authorizationpolicies';
const ROLE = join(import.meta.dirname, '../../../config/rbac/shadow.yaml');
/** Calls of the stranger and of the member, by port. */
const CALLS: [PortKind, { plaintext: number; mutual: number }][] = [
  [WEB, { plaintext: 7, mutual: 6 }],
  [API, { plaintext: 5, mutual: 2 }],
  [ECHO, { plaintext: 4, mutual: 3 }],
];

describe('policies in dry run on a real mesh', () => {
  let mesh: Mesh;
  let open: Held[];

  before(async function () {
    mesh = await meshFor(this, { drain: '45s' });
    const ports = KINDS.map(({ name, port, serves }) => ({ name, port, serves }));
    await mesh.add(
      { namespace: 'open', name: 'server', ports },
      { namespace: 'front', name: 'member', ports: [], service: false },
      { namespace: 'legacy', name: 'stranger', ports: [], service: false, meshed: false },
    );
    open = [...(await hold(STRANGER, 10)), ...(await hold(MEMBER, 10))];
    await mesh.startOperator();
  });
  after(() => mesh?.stop());

  it('are not written without their role, and the rollout says which it is', async function () {
    this.timeout(2 * PATIENCE);
    await create(mesh.api, 'open', {
      target: { namespaces: { names: ['open'] } },
      strategy: { waves: [{ name: 'all', names: ['open'], soak: '50s' }] },
      probes: [
        { name: 'counted', plaintextTraffic: { source: 'Shadow', window: '20s', minRequests: 5 } },
        { name: 'enforced', enforcement: {} },
      ],
      analysis: { interval: '2s', successes: 2, progressDeadline: '5m' },
    });
    const isRefused = ({ summary }: { summary?: { waitingOn?: string | undefined } | undefined }) =>
      summary?.waitingOn === 'WriteForbidden';
    const { status } = await untilStatus(mesh.api, PATH, isRefused, 'the refusal', PATIENCE);
    assert.match(status!.message!, /ClusterRole mtls-rollout-shadow \(kubectl apply -f config\/rbac\/shadow.yaml\)/);
    assert.deepEqual(await readAll(mesh.api, SHADOWS), []);
    figure('refused', status!.message!);
  });

  it('cut what was open, once it was announced, and before evidence is looked for', async function () {
    this.timeout(2 * PATIENCE);
    await mesh.plane.kubectl(['apply', '-f', ROLE]);
    const [policy] = await waitFor(
      async () => {
        const found = await readAll(mesh.api, SHADOWS);
        return found.length > 0 ? found : undefined;
      },
      'the policy',
      PATIENCE,
    );
    const writtenAt = Date.now();
    assert.equal(policy!.metadata.annotations?.['istio.io/dry-run'], 'true');
    const { status } = await untilStatus(
      mesh.api,
      PATH,
      ({ step }) => step?.stage === 'Observing',
      'Observing',
      PATIENCE,
    );
    const [told] = (status!.history ?? []).filter(({ reason }) => reason === 'DrainAnnounced');
    assert.ok(Date.parse(told!.at) <= Date.parse(policy!.metadata.creationTimestamp) + 1_000);
    figure('announced', told!.message);
    await untilEnded(open);
    assert.ok(
      open.every(({ ended }) => ended!.at < Date.parse(status!.step!.since) + 1_000),
      'all cut by then',
    );
    cutWithTheDrain('a policy in dry run is written, TCP', open, writtenAt);
  });

  it('count what has no identity exactly, by port, and refuse none of it', async function () {
    this.timeout(2 * PATIENCE);
    await made();
    const [plaintext, all] = ['plaintext' as const, 'mutual' as const].map(kind =>
      CALLS.reduce((sum, [, calls]) => sum + calls[kind], 0),
    ) as [number, number];
    const exact = `${plaintext} plaintext of ${plaintext + all}`;
    const says = (value: string) =>
      untilStatus(
        mesh.api,
        PATH,
        ({ probes = [] }) => probes.some(probe => probe.name === 'counted' && probe.value === value),
        value,
        20_000,
      );
    const { status } = await says(exact);
    const { verdict, message } = status!.probes!.find(({ name }) => name === 'counted')!;
    figure('sent and counted', `${exact}: ${message}`);
    assert.equal(verdict, 'Unhealthy');
    assert.match(message, /7 requests to port 8080 of open\/server/);
    assert.match(message, /5 requests to port 8081 of open\/server/);
    assert.match(message, /4 connections to TCP ports of open\/server/);
  });

  it('go with the switch, and cut no more than it does', async function () {
    this.timeout(2 * PATIENCE);
    const member = mesh.pod(MEMBER);
    const steady = await member.load({
      kind: 'http',
      address: await member.addressOf('open/server', WEB.port),
      perSecond: 3,
      connections: 0,
      fresh: false,
      timeoutMs: 5_000,
    });
    const isStrict = ({ spec }: Policy) => spec.mtls?.mode === 'STRICT';
    await waitForObject<Policy>(mesh.api, policyPath('open', 'mtls-rollout'), isStrict, 'STRICT', PATIENCE);
    const strictAt = Date.now();
    await waitFor(async () => (await readAll(mesh.api, SHADOWS)).length === 0, 'the policy to be gone', 10_000);
    figure('STRICT seen, policy seen to be gone after', `${Date.now() - strictAt} ms`);
    await untilStatus(mesh.api, PATH, ({ step }) => step?.stage === 'Soaking', 'STRICT in force', PATIENCE);
    const later = await hold(MEMBER, 10);
    const { status } = await untilStatus(mesh.api, PATH, ({ phase }) => phase !== 'Soaking', 'the end', PATIENCE);
    assert.equal(status!.phase, 'Completed', status!.message);
    unharmed(later);
    figure('connections opened after the switch, of which its drain cut', `${later.length}, 0`);
    const { failed, ok } = await steady.stop();
    assert.equal(failed, 0, `of ${ok}`);
    assert.equal(status!.shadows, undefined);
  });

  async function hold(from: string, count: number): Promise<Held[]> {
    const pod = mesh.pod(from);
    return Held.open(pod, count, { address: await pod.addressOf('open/server', ECHO.port), kind: 'tcp' });
  }

  /** Each over a connection of its own, and each is answered. */
  async function made(): Promise<void> {
    for (const [from, whose] of [
      [STRANGER, 'plaintext'],
      [MEMBER, 'mutual'],
    ] as const) {
      const pod = mesh.pod(from);
      for (const [kind, calls] of CALLS) {
        const address = await pod.addressOf('open/server', kind.port);
        await eachOf(Array.from({ length: calls[whose] }), 4, async () =>
          assert.equal(await call(pod, address, kind), 'served'),
        );
      }
    }
  }
});
