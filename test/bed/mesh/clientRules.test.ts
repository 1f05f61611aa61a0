/**
 * DestinationRules that break clients, on a real mesh: each is told before the step, holds it, and does what was told once
 * its author takes it on.
 */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../../src/api/schema.ts';
import type { Status } from '../../../src/api/status.ts';
import { apply } from '../boutiqueObjects.ts';
import { create, patch, rolloutPath, type RolloutObject, untilPhase, untilStatus, userPolicy } from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { allGive, Callers } from './doors.ts';
import type { Mesh } from './mesh.ts';
import { effectiveModeOf } from './modes.ts';
import type { MeshPod } from './pods.ts';
import { HASTY, PATIENCE } from './rollouts.ts';
import { figure, meshFor } from './suite.ts';
import type { Load } from './workload.ts';

const HTTP = { name: 'http-web', port: 8080, serves: 'http' as const };
/** An application that ends TLS by itself, on a port of whose protocol nobody said anything. */
const TLS = { name: 'auto', port: 7443, serves: 'tls' as const };
/** After the switch every kind of look that the operator has. */
const LOOKS = [
  ...HASTY.probes.filter(({ name }) => name !== 'no-plaintext'),
  { name: 'refused', refusedConnections: { window: '10s' } },
];

/** What they say of clients in the mesh that STRICT refuses: plaintext they see. */
const SEEN = { enforced: 'Healthy', ready: 'Healthy', traffic: 'Unhealthy', refused: 'Unhealthy' };
/** Foreign TLS they do not: a few connections carry all requests, and what is refused is counted with their own hellos. */
const UNSEEN = { ...SEEN, traffic: 'Healthy', refused: 'Healthy' };

describe('DestinationRules that break clients on a real mesh', () => {
  let mesh: Mesh;
  let member: MeshPod;
  let stranger: MeshPod;

  before(async function () {
    mesh = await meshFor(this);
    await mesh.add(
      { namespace: 'plain', name: 'server', ports: [HTTP] },
      { namespace: 'foreign', name: 'server', ports: [TLS] },
      { namespace: 'mutual', name: 'server', ports: [HTTP] },
      { namespace: 'broad', name: 'server', ports: [HTTP] },
      { namespace: 'dark', name: 'server', ports: [HTTP] },
      { namespace: 'mutual', name: 'bare', ports: [HTTP], meshed: false },
      { namespace: 'front', name: 'member', ports: [], service: false },
      { namespace: 'legacy', name: 'stranger', ports: [], service: false, meshed: false },
    );
    member = mesh.pod('front/member');
    stranger = mesh.pod('legacy/stranger');
    await mesh.startOperator();
  });
  after(() => mesh?.stop());

  it('DISABLE: told as PlaintextRule, served until STRICT, and 503 under it', async function () {
    this.timeout(3 * PATIENCE);
    await ruled('plain', 'server', 'DISABLE');
    const address = await member.addressOf('plain/server', HTTP.port);
    await waitFor(() => plainly(address), 'the client to obey its rule', 20_000);
    await breaks('plain', 'PlaintextRule', address, SEEN);
  });

  it('SIMPLE: told as ForeignTlsRule, served until STRICT, and 503 under it', async function () {
    this.timeout(3 * PATIENCE);
    // the certificate of the application is its own
    await ruled('foreign', 'server', 'SIMPLE', { insecureSkipVerify: true });
    const address = await member.addressOf('foreign/server', TLS.port);
    await waitFor(async () => (await status(member, address)) === 200, 'the client to obey its rule', 20_000);
    await breaks('foreign', 'ForeignTlsRule', address, UNSEEN);
  });

  it('ISTIO_MUTUAL to a pod without sidecar: told as MutualRuleWithoutProxy, 503 before and after', async function () {
    this.timeout(2 * PATIENCE);
    const server = [{ of: 'mutual/server', port: HTTP.port, serves: HTTP.serves }];
    const bare = [{ of: 'mutual/bare', port: HTTP.port, serves: HTTP.serves }];
    const address = await member.addressOf('mutual/bare', HTTP.port);
    assert.equal(await status(member, address), 200);
    await ruled('mutual', 'bare', 'ISTIO_MUTUAL');
    await waitFor(async () => (await status(member, address)) === 503, 'the client to obey its rule', 20_000);
    const members = await Callers.begin(member, server);
    const strangers = await Callers.begin(stranger, bare);
    await begin('mutual', { preflight: { accept: ['UnmeshedWorkload'] } });
    await held('mutual', 'MutualRuleWithoutProxy');
    await change('mutual', { preflight: { accept: ['UnmeshedWorkload', 'MutualRuleWithoutProxy'] } });
    const done = await untilPhase(mesh.api, rolloutPath('move', 'mutual'), 'Completed', PATIENCE);
    printProbes('ISTIO_MUTUAL to a pod without sidecar, under STRICT', done);
    await allGive('refused', stranger, server);
    assert.equal(await status(member, address), 503);
    await members.lostNothing('calls of members to the pod with a sidecar');
    await strangers.lostNothing('calls of a stranger to the pod without one');
  });

  it('DISABLE for a whole namespace, which Auto counters: no call is lost', async function () {
    this.timeout(2 * PATIENCE);
    await ruled('broad', '*', 'DISABLE');
    const address = await member.addressOf('broad/server', HTTP.port);
    await waitFor(() => plainly(address), 'the client to obey its rule', 20_000);
    await securely('broad', { namespace: {} }, address, 'of a namespace with a rule for all its Services');
  });

  it('none, but DISABLE from the namespace of a workload that moves alone, which Auto counters too', async function () {
    this.timeout(2 * PATIENCE);
    await userPolicy(mesh.api, 'dark', 'default', { mtls: { mode: 'DISABLE' } });
    const address = await member.addressOf('dark/server', HTTP.port);
    await waitFor(() => plainly(address), 'the client to obey the policy', 20_000);
    const workloads = [{ name: 'server', selector: { matchLabels: { app: 'server' } } }];
    await securely('dark', { workloads }, address, 'of a workload in a namespace that is DISABLE');
    assert.equal(await effectiveModeOf(mesh.api, 'dark'), 'DISABLE');
  });

  /** Goes STRICT with a rule for the clients, none of which loses a call. */
  async function securely(
    namespace: string,
    target: SpecInput['target'],
    address: string,
    what: string,
  ): Promise<void> {
    const door = [{ of: `${namespace}/server`, port: HTTP.port, serves: HTTP.serves }];
    const members = await Callers.begin(member, door);
    const waves = [{ name: 'all', names: [target.workloads ? 'server' : namespace], soak: '5s' }];
    await begin(namespace, { target, destinationRules: 'Auto', strategy: { waves } });
    const ended = ({ phase }: Status) => phase === 'Completed' || phase === 'RolledBack' || phase === 'Paused';
    const path = rolloutPath('move', namespace);
    const done = await untilStatus(mesh.api, path, ended, `${path} to be Completed`, PATIENCE);
    assert.equal(done.status!.phase, 'Completed', done.status!.message);
    printProbes(`with a rule for the clients ${what}, under STRICT`, done);
    await allGive('refused', stranger, door);
    assert.equal(await status(member, address), 200);
    assert.equal(await plainly(address), false);
    await members.lostNothing(`calls of members to Services ${what}`);
  }

  /** Whether the server sees no certificate of this client, which it serves. */
  async function plainly(address: string): Promise<boolean> {
    const answer = await member.request({ address, timeoutMs: 3000 });
    return answer.failed === undefined && answer.status === 200 && answer.clientCertificate === null;
  }

  /** A rule that breaks what its clients do under STRICT: held, then taken on, and back. */
  async function breaks(namespace: string, code: string, address: string, verdicts: object): Promise<void> {
    const path = rolloutPath('move', namespace);
    const load = await member.load({ kind: 'http', address, perSecond: 10, fresh: true, timeoutMs: 3000 });
    await begin(namespace, {});
    await held(namespace, code);
    await change(namespace, { preflight: { accept: [code] } });
    const plaintext = new RegExp(`from front/member to ${namespace}/server without mutual TLS`);
    const isSeen = ({ probes = [] }: Status) =>
      probes.some(({ verdict, message }) => verdict === 'Unhealthy' && plaintext.test(message));
    const seen = await untilStatus(mesh.api, path, isSeen, 'the evidence to hold it', PATIENCE);
    printProbes(`${code} taken on, before STRICT`, seen);
    assert.equal(await effectiveModeOf(mesh.api, namespace), 'PERMISSIVE');
    assert.equal((await load.counts()).failed, 0, 'nothing must be lost before');
    const accept = [code, 'NoEntryEvidence'];
    // so that each probe has its time
    const analysis = { ...HASTY.analysis, failureLimit: 100 };
    await change(namespace, { probes: LOOKS, preflight: { accept }, analysis });
    const isLookedAt = ({ phase, probes = [] }: Status) =>
      phase === 'Soaking' &&
      LOOKS.every(({ name }) => probes.some(each => each.name === name && each.verdict !== 'NoData'));
    const broken = await untilStatus(mesh.api, path, isLookedAt, 'every probe to have its say', PATIENCE);
    printProbes(`${code} taken on, without a look for plaintext, under STRICT`, broken);
    const said = broken.status!.probes!.map(({ name, verdict }) => [name, verdict]);
    assert.deepEqual(Object.fromEntries(said), verdicts);
    assert.equal(await status(member, address), 503);
    const before = (await load.counts()).failed;
    await change(namespace, { mode: 'Revert' });
    await untilPhase(mesh.api, path, 'Reverted', PATIENCE);
    await waitFor(async () => (await status(member, address)) === 200, 'the client to be served again', 20_000);
    await told(code, load, before);
  }

  async function told(code: string, load: Load, whileStrict: number): Promise<void> {
    const { sent, failed, byKind } = await load.stop();
    figure(
      `${code}: requests, failed, how`,
      `${sent}, ${failed} (${whileStrict} until it went back), ${JSON.stringify(byKind)}`,
    );
    assert.deepEqual(Object.keys(byKind), ['status 503']);
    assert.ok(whileStrict > 0);
  }

  async function ruled(namespace: string, service: string, mode: string, more: object = {}): Promise<void> {
    await apply(mesh.api, {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { namespace, name: 'team' },
      spec: { host: `${service}.${namespace}.svc.cluster.local`, trafficPolicy: { tls: { mode, ...more } } },
    });
  }

  async function begin(namespace: string, spec: Partial<SpecInput>): Promise<void> {
    const strategy = { waves: [{ name: 'all', names: [namespace], soak: '60s' }] };
    const target = { namespace: {} };
    await create(mesh.api, 'move', { target, strategy, destinationRules: 'Never', ...HASTY, ...spec }, namespace);
  }

  async function change(namespace: string, spec: Partial<SpecInput>): Promise<void> {
    await patch(mesh.api, rolloutPath('move', namespace), { spec });
  }

  /** The hazard is told, stands in the way, and nothing was written. */
  async function held(namespace: string, code: string): Promise<void> {
    const isTold = ({ phase, hazards = [], message = '' }: Status) =>
      phase === 'Pending' && hazards.some(hazard => hazard.code === code && message.includes(hazard.message));
    const path = rolloutPath('move', namespace);
    const found = await untilStatus(mesh.api, path, isTold, `${code} to hold it`, PATIENCE);
    figure('it was told', found.status!.message!);
    assert.equal(await effectiveModeOf(mesh.api, namespace), 'PERMISSIVE');
  }
});

function printProbes(when: string, { status: { probes = [], message = '' } = {} }: RolloutObject): void {
  const lines = probes.map(({ name, verdict, message: said }) => `\n      ${name}: ${verdict}: ${said}`);
  figure(when, `${message}${lines.join('')}`);
}

async function status(client: MeshPod, address: string): Promise<number | undefined> {
  const answer = await client.request({ address, timeoutMs: 3000 });
  return answer.failed === undefined ? answer.status : undefined;
}
