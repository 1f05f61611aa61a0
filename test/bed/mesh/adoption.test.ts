/** Policies of users that hold the slot of a scope: patched, obeyed by Envoy, and given back as they were; or left alone. */
import assert from 'node:assert/strict';
import {
  create,
  patch,
  policiesIn,
  type Policy,
  policyPath,
  remove,
  rolloutPath,
  untilPhase,
  untilStatus,
  userPolicy,
} from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { allGive, Callers, type Door, soonGive } from './doors.ts';
import type { Mesh } from './mesh.ts';
import type { MeshPod } from './pods.ts';
import { HASTY, PATIENCE } from './rollouts.ts';
import { meshFor } from './suite.ts';

const PORTS = [
  { name: 'http-web', port: 8080, serves: 'http' as const },
  { name: 'tcp-echo', port: 9090, serves: 'echo' as const },
];
const NAMESPACES = ['single', 'double', 'helm'];

describe('policies of users in the slot of a scope, on a real mesh', () => {
  let mesh: Mesh;
  let member: MeshPod;
  let stranger: MeshPod;

  before(async function () {
    mesh = await meshFor(this);
    await mesh.add(
      ...NAMESPACES.map(namespace => ({ namespace, name: 'server', ports: PORTS })),
      { namespace: 'front', name: 'member', ports: [], service: false },
      { namespace: 'legacy', name: 'stranger', ports: [], service: false, meshed: false },
    );
    member = mesh.pod('front/member');
    stranger = mesh.pod('legacy/stranger');
    await mesh.startOperator();
  });
  after(() => mesh?.stop());

  it('a PERMISSIVE one goes STRICT, keeps what else it says, and answers as before once it is given back', async function () {
    this.timeout(2 * PATIENCE);
    const theirs = { mtls: { mode: 'PERMISSIVE' } };
    const before = await userPolicy(mesh.api, 'single', 'team', theirs, { labels: { team: 'shop' } });
    const doors = doorsOf('single');
    await allGive('served', stranger, doors);
    const members = await Callers.begin(member, doors);
    await moved('single');
    const [policy, ...others] = await policiesIn(mesh.api, 'single');
    assert.deepEqual(others, []);
    assert.equal(policy?.metadata.uid, before.metadata.uid);
    assert.deepEqual(policy.metadata.labels?.['team'], 'shop');
    assert.deepEqual(policy.spec, { mtls: { mode: 'STRICT' } });
    await allGive('refused', stranger, doors);
    await reverted('single');
    await soonGive('served', stranger, doors);
    await members.lostNothing('calls of members while a policy of a user was taken over and given back');
    const [after] = await policiesIn(mesh.api, 'single');
    assert.deepEqual(plain(after!), plain(before));
  });

  it('the older of two decides what Envoy does, and it is the one that is patched', async function () {
    this.timeout(2 * PATIENCE);
    const older = await userPolicy(mesh.api, 'double', 'zz-older', { mtls: { mode: 'PERMISSIVE' } });
    const second = Date.parse(older.metadata.creationTimestamp);
    await waitFor(() => Date.now() >= second + 1_000, 'the next second', 2_000);
    const younger = await userPolicy(mesh.api, 'double', 'aa-younger', { mtls: { mode: 'STRICT' } });
    assert.notEqual(younger.metadata.creationTimestamp, older.metadata.creationTimestamp);
    const doors = doorsOf('double');
    const members = await Callers.begin(member, doors);
    // it has had the time to reach every proxy when it has reached that of another namespace
    await userPolicy(mesh.api, 'helm', 'witness', { mtls: { mode: 'STRICT' } });
    await soonGive('refused', stranger, doorsOf('helm'));
    await remove(mesh.api, policyPath('helm', 'witness'));
    await allGive('served', stranger, doors);
    await moved('double');
    await allGive('refused', stranger, doors);
    assert.deepEqual(await saidIn('double'), { 'aa-younger': 'STRICT', 'zz-older': 'STRICT' });
    const [untouched, patched] = await policiesIn(mesh.api, 'double');
    assert.equal(untouched?.metadata.resourceVersion, younger.metadata.resourceVersion);
    assert.equal(patched?.metadata.uid, older.metadata.uid);
    await reverted('double');
    await soonGive('served', stranger, doors);
    assert.deepEqual(await saidIn('double'), { 'aa-younger': 'STRICT', 'zz-older': 'PERMISSIVE' });
    await members.lostNothing('calls of members while the older of two policies was taken over and given back');
  });

  it('one that Helm looks after holds the rollout, and Envoy stays as it is', async function () {
    this.timeout(PATIENCE);
    const doors = doorsOf('helm');
    await soonGive('served', stranger, doors);
    const labels = { 'app.kubernetes.io/managed-by': 'Helm' };
    const annotations = { 'meta.helm.sh/release-name': 'shop', 'meta.helm.sh/release-namespace': 'helm' };
    const before = await userPolicy(
      mesh.api,
      'helm',
      'release',
      { mtls: { mode: 'PERMISSIVE' } },
      { labels, annotations },
    );
    const members = await Callers.begin(member, doors);
    await create(mesh.api, 'move', spec('helm'), 'helm');
    const conflict = /managed by Helm release shop, which would undo the step/;
    const { status } = await untilStatus(
      mesh.api,
      rolloutPath('move', 'helm'),
      ({ message = '' }) => conflict.test(message),
      'the policy of Helm to be named',
      PATIENCE,
    );
    assert.equal(status?.phase, 'Pending');
    assert.deepEqual(
      status.hazards?.map(({ code, object }) => [code, object]),
      [['Conflict', 'PeerAuthentication helm/release']],
    );
    await allGive('served', stranger, doors);
    const [after, ...others] = await policiesIn(mesh.api, 'helm');
    assert.deepEqual([after?.metadata.resourceVersion, others], [before.metadata.resourceVersion, []]);
    await patch(mesh.api, rolloutPath('move', 'helm'), { spec: { adopt: 'Always' } });
    await untilPhase(mesh.api, rolloutPath('move', 'helm'), 'Completed', PATIENCE);
    await allGive('refused', stranger, doors);
    assert.deepEqual(await saidIn('helm'), { release: 'STRICT' });
    await members.lostNothing('calls of members while a policy of Helm held the rollout, and then did not');
  });

  async function moved(namespace: string): Promise<void> {
    await create(mesh.api, 'move', spec(namespace), namespace);
    await untilPhase(mesh.api, rolloutPath('move', namespace), 'Completed', PATIENCE);
  }

  async function reverted(namespace: string): Promise<void> {
    await patch(mesh.api, rolloutPath('move', namespace), { spec: { mode: 'Revert' } });
    await untilPhase(mesh.api, rolloutPath('move', namespace), 'Reverted', PATIENCE);
  }

  async function saidIn(namespace: string): Promise<Record<string, string | undefined>> {
    const policies = await policiesIn(mesh.api, namespace);
    return Object.fromEntries(policies.map(({ metadata, spec: { mtls } }) => [metadata.name, mtls?.mode]));
  }
});

function doorsOf(namespace: string): Door[] {
  return PORTS.map(({ port, serves }) => ({ of: `${namespace}/server`, port, serves }));
}

function spec(namespace: string) {
  const strategy = { waves: [{ name: 'all', names: [namespace], soak: '3s' }] };
  return { target: { namespace: {} }, strategy, ...HASTY };
}

/** Without what the API server counts. */
function plain({ metadata, spec: says }: Policy): object {
  const { labels, annotations, uid, name } = metadata;
  return { uid, name, labels, annotations, spec: says };
}
