/**
 * The real istioctl as a second opinion: it finds nothing wrong in what the operator makes, and names the same effective
 * policy as the operator's own rules and its status, before, during and after a rollout.
 */
import assert from 'node:assert/strict';
import { effectiveModes } from '../../../src/istio/effectiveMode.ts';
import { policiesOf } from '../../../src/istio/policies.ts';
import type { SpecInput } from '../../../src/api/schema.ts';
import { read, readAll } from '../observe.ts';
import {
  create,
  patch,
  POLICIES,
  type Policy,
  type RolloutObject,
  rolloutPath,
  untilPhase,
  userPolicy,
} from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { analyze, type Described, describePod } from './istioctl.ts';
import { ISTIO_NAMESPACE } from './istiod.ts';
import type { Mesh } from './mesh.ts';
import { BRISK, PATIENCE } from './rollouts.ts';
import { meshFor } from './suite.ts';

const PORTS = { http: 8080, tcp: 9090 };
const RULES = '/apis/networking.istio.io/v1/destinationrules';

/** One rollout a namespace, with the workloads it is about; `port`: only this one of the workload. */
const TARGETS = {
  whole: [{ workload: 'server' }],
  parts: [{ workload: 'server' }, { workload: 'ported', port: PORTS.tcp }],
  leaving: [{ workload: 'server' }],
} satisfies Record<string, { workload: string; port?: number }[]>;
type Target = keyof typeof TARGETS;
const ALL = Object.keys(TARGETS) as Target[];

describe('istioctl about what the operator makes', () => {
  let mesh: Mesh;

  before(async function () {
    mesh = await meshFor(this);
    const ports = [
      { name: 'http-web', port: PORTS.http, serves: 'http' as const },
      { name: 'tcp-echo', port: PORTS.tcp, serves: 'echo' as const },
    ];
    const servers = ALL.flatMap(namespace =>
      TARGETS[namespace].map(({ workload: name }) => ({ namespace, name, ports })),
    );
    await mesh.add(
      ...servers,
      { namespace: 'parts', name: 'bystander', ports },
      { namespace: 'front', name: 'front', ports: [], service: false },
    );
    await mesh.startOperator();
  });
  after(() => mesh?.stop());

  // without traffic there is no evidence, so no rollout goes on before the loads begin
  it('agrees while everything is prepared', async function () {
    this.timeout(PATIENCE);
    const workloads = TARGETS.parts.map(({ workload: name, port }) => {
      const selector = { matchLabels: { app: name } };
      return { name, selector, ...(port === undefined ? {} : { ports: [port] }) };
    });
    await begin('whole', { namespace: {} }, ['whole']);
    await begin('parts', { workloads }, ['server', 'ported']);
    await until('Observing', ['whole', 'parts']);
    const seen = await agreed(['whole', 'parts']);
    assert.equal(seen['whole/server']?.applied.length, 1);
    assert.deepEqual(seen['parts/ported']?.ports, { [PORTS.tcp]: 'PERMISSIVE' });
    assert.deepEqual(seen['parts/bystander']?.applied, []);
  });

  it('agrees while clients are pinned for a namespace that leaves DISABLE', async function () {
    this.timeout(PATIENCE);
    await userPolicy(mesh.api, 'leaving', 'default', { mtls: { mode: 'DISABLE' } });
    await begin('leaving', { namespace: {} }, ['leaving']);
    const rules = async () => (await readAll(mesh.api, RULES)).length;
    await waitFor(async () => (await rules()) > 0, 'a pin', PATIENCE);
    await soundly();
    const { mode, applied } = await describePod(mesh, mesh.pod('leaving/server'));
    assert.deepEqual([mode, applied], ['DISABLE', ['leaving/default']]);
    assert.ok((await rules()) > 0, 'the pin was gone before istioctl had looked');
    await until('Observing', ['leaving']);
    assert.equal((await agreed())['leaving/server']?.mode, 'PERMISSIVE');
  });

  it('agrees when everything is STRICT', async function () {
    this.timeout(PATIENCE);
    const client = mesh.pod('front/front');
    for (const { namespace, workload } of mesh.pods.filter(pod => pod !== client)) {
      for (const [kind, port] of Object.entries(PORTS) as ['http' | 'tcp', number][]) {
        const address = await client.addressOf(`${namespace}/${workload}`, port);
        await client.load({ kind, address, perSecond: 5, fresh: true, timeoutMs: 3000 });
      }
    }
    await until('Completed', ALL);
    const seen = await agreed();
    for (const name of ['whole', 'parts', 'leaving']) assert.equal(seen[`${name}/server`]?.mode, 'STRICT');
    assert.equal(seen['parts/ported']?.mode, 'PERMISSIVE');
    assert.deepEqual(seen['parts/ported']?.ports, { [PORTS.tcp]: 'STRICT' });
    assert.equal(seen['parts/bystander']?.mode, 'PERMISSIVE');
  });

  it('agrees when everything is as it was', async function () {
    this.timeout(PATIENCE);
    for (const name of ALL) await patch(mesh.api, rolloutPath(name, name), { spec: { mode: 'Revert' } });
    await until('Reverted', ALL);
    const seen = await agreed();
    for (const name of ['whole/server', 'parts/server', 'parts/ported'])
      assert.deepEqual(seen[name], { mode: 'PERMISSIVE', ports: {}, applied: [] });
    assert.equal(seen['leaving/server']?.mode, 'DISABLE');
  });

  async function begin(name: Target, target: SpecInput['target'], names: string[]): Promise<void> {
    const waves = [{ name: 'all', names, maxConcurrent: '100%', soak: '2s' }];
    await create(mesh.api, name, { target, strategy: { waves }, ...BRISK }, name);
  }

  async function until(phase: 'Observing' | 'Completed' | 'Reverted', names: readonly Target[]): Promise<void> {
    await Promise.all(names.map(name => untilPhase(mesh.api, rolloutPath(name, name), phase, PATIENCE)));
  }

  /** Nothing that the operator makes is wrong, and nothing at all is an error. */
  async function soundly(): Promise<void> {
    const findings = await analyze(mesh);
    const bad = findings.filter(
      ({ level, origin }) => level === 'Error' || /^(PeerAuthentication|DestinationRule) /.test(origin),
    );
    assert.deepEqual(bad, []);
    assert.ok(findings.length > 0, 'it knows of nothing that this bed lacks: has it looked?');
  }

  /** What istioctl says about each pod, once everybody was found to say the same. */
  async function agreed(running: readonly Target[] = ALL): Promise<Record<string, Described>> {
    await soundly();
    const policies = policiesOf(await readAll<Policy>(mesh.api, POLICIES));
    const seen: Record<string, Described> = {};
    for (const pod of mesh.pods) {
      const name = `${pod.namespace}/${pod.workload}`;
      const described = (seen[name] = await describePod(mesh, pod));
      const { workload, ports } = effectiveModes(policies, ISTIO_NAMESPACE, pod.namespace, pod.labels);
      const modes = Object.fromEntries([...ports].map(([port, { mode }]) => [`${port}`, mode]));
      assert.deepEqual([described.mode, described.ports], [workload.mode, modes], name);
      for (const { decidedBy } of [workload, ...ports.values()]) {
        if (decidedBy === undefined) continue;
        const { namespace, name: policy } = decidedBy.metadata;
        assert.ok(
          described.applied.includes(`${namespace}/${policy}`),
          `${name}: ${policy} of ${described.applied.join(', ')}`,
        );
      }
    }
    for (const name of running) await counted(name, seen);
    return seen;
  }

  /** The status of a rollout claims as many scopes to be STRICT as istioctl does. */
  async function counted(rollout: Target, seen: Record<string, Described>): Promise<void> {
    const { status } = (await read<RolloutObject>(mesh.api, rolloutPath(rollout, rollout)))!;
    const modes = TARGETS[rollout].map(({ workload, port }: { workload: string; port?: number }) => {
      const { mode, ports } = seen[`${rollout}/${workload}`]!;
      return port === undefined ? mode : ports[port];
    });
    const done = modes.filter(mode => mode === 'STRICT').length;
    assert.deepEqual(status?.strict, { done, total: modes.length }, rollout);
  }
});
