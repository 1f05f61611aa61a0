/** One policy replaces those of every namespace, on a real mesh: each goes without a stranger or a member noticing it. */
import assert from 'node:assert/strict';
import { checkFloor } from '../floor.ts';
import { readAll, record } from '../observe.ts';
import {
  create,
  patch,
  POLICIES,
  type Policy,
  policyPath,
  rolloutPath,
  untilPhase,
  untilStatus,
  userPolicy,
} from '../rollouts.ts';
import { allGive, Callers, type Door } from './doors.ts';
import { ISTIO_NAMESPACE } from './istiod.ts';
import type { Mesh } from './mesh.ts';
import type { MeshPod } from './pods.ts';
import { HASTY, PATIENCE } from './rollouts.ts';
import { figure, meshFor } from './suite.ts';

const PORTS = [
  { name: 'http-web', port: 8080, serves: 'http' as const },
  { name: 'tcp-echo', port: 9090, serves: 'echo' as const },
];
const SERVERS = ['one', 'two', 'three'];
const DOORS: Door[] = SERVERS.flatMap(namespace =>
  PORTS.map(({ port, serves }) => ({ of: `${namespace}/server`, port, serves })),
);
const PATH = rolloutPath('whole');

describe('consolidation on a real mesh', () => {
  let mesh: Mesh;
  let member: MeshPod;
  let stranger: MeshPod;

  before(async function () {
    mesh = await meshFor(this);
    await mesh.add(
      ...SERVERS.map(namespace => ({ namespace, name: 'server', ports: PORTS })),
      { namespace: 'front', name: 'member', ports: [], service: false },
      { namespace: 'legacy', name: 'stranger', ports: [], service: false, meshed: false },
    );
    member = mesh.pod('front/member');
    stranger = mesh.pod('legacy/stranger');
    await mesh.startOperator();
  });
  after(() => mesh?.stop());

  it('leaves one policy, and every port STRICT after each removal', async function () {
    this.timeout(2 * PATIENCE);
    await allGive('served', stranger, DOORS);
    const members = await Callers.begin(member, DOORS);
    const recording = await record(mesh.api, POLICIES);
    await userPolicy(mesh.api, ISTIO_NAMESPACE, 'default', { mtls: { mode: 'PERMISSIVE' } });
    const names = [...SERVERS, 'front', 'legacy', 'default', 'mtls-rollout-system'];
    const waves = [{ name: 'all', names, maxConcurrent: '100%', soak: '3s' }];
    const preflight = { accept: ['UnmeshedWorkload'] };
    await create(mesh.api, 'whole', {
      target: { mesh: {} },
      strategy: { waves, consolidate: true },
      preflight,
      ...HASTY,
    });
    const inMeshWave = await untilStatus(
      mesh.api,
      PATH,
      ({ step }) => step?.wave === 'mesh',
      'the wave of the mesh',
      PATIENCE,
    );
    assert.ok((await policies()).length > SERVERS.length);
    await allGive('refused', stranger, DOORS);
    figure('every namespace STRICT, and then', inMeshWave.status!.message!);
    const begun = recording.events.length;
    const strangers = await Callers.begin(stranger, DOORS, 5);
    // the soak of this wave is ten minutes: somebody else has more courage
    await patch(mesh.api, policyPath(ISTIO_NAMESPACE, 'default'), { spec: { mtls: { mode: 'STRICT' } } });
    const { status } = await untilPhase(mesh.api, PATH, 'Completed', PATIENCE);
    figure('it ends with', status!.message!);
    const left = (await policies()).map(({ metadata, spec }) => [metadata.namespace, metadata.name, spec.mtls?.mode]);
    assert.deepEqual(left, [[ISTIO_NAMESPACE, 'default', 'STRICT']]);
    await allGive('refused', stranger, DOORS);
    await members.lostNothing('calls of members while policies went');
    await strangers.gotNothing('calls of a stranger while policies went');
    const events = await recording.stop();
    const gone = events.filter(({ type }) => type === 'DELETED').length;
    assert.ok(gone >= SERVERS.length, `${gone} policies went`);
    const servers = mesh.pods.filter(({ namespace }) => SERVERS.includes(namespace));
    figure(
      'policies that went, versions of policies since, each with every port STRICT',
      `${gone}, ${checkFloor(events, begun, servers)}`,
    );
  });

  function policies(): Promise<Policy[]> {
    return readAll<Policy>(mesh.api, POLICIES);
  }
});
