/** Every kind of scope on a real mesh: what goes STRICT refuses strangers, what lies beside it serves them as before. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../../src/api/schema.ts';
import type { Status } from '../../../src/api/status.ts';
import type { DestinationRule } from '../../../src/istio/objects.ts';
import {
  create,
  patch,
  POLICIES,
  policiesIn,
  type Policy,
  rolloutPath,
  type RolloutObject,
  untilPhase,
  untilStatus,
  userPolicy,
} from '../rollouts.ts';
import { type Happened, record } from '../observe.ts';
import { allGive, Callers, type Door, soonGive } from './doors.ts';
import { ISTIO_NAMESPACE } from './istiod.ts';
import type { Mesh } from './mesh.ts';
import type { MeshPod } from './pods.ts';
import { HASTY, PATIENCE } from './rollouts.ts';
import { figure, meshFor } from './suite.ts';

const HTTP = { name: 'http-web', port: 8080, serves: 'http' as const };
const TCP = { name: 'tcp-echo', port: 9090, serves: 'echo' as const };
const HOOK = { name: 'http-hook', port: 9443, serves: 'http' as const };
/** A day that has not come when the suite runs. */
const LATER = new Date(Date.now() + 90 * 24 * 3_600_000).toISOString().slice(0, 10);

const RULES = '/apis/networking.istio.io/v1/destinationrules';
const RULE_FOR_CLIENTS = {
  host: 'server.ruled.svc.cluster.local',
  trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } },
};
/** One order over all objects, as etcd counts. */
const versionOf = ({ object }: Happened) => Number(object.metadata.resourceVersion);

const isHeld = ({ phase, probes = [] }: Status) =>
  phase === 'Observing' && probes.some(({ name, verdict }) => name === 'no-plaintext' && verdict === 'Unhealthy');

const doors = (of: string, ...ports: (typeof HTTP | typeof TCP)[]): Door[] =>
  ports.map(({ port, serves }) => ({ of, port, serves }));
const selecting = (app: string) => ({ matchLabels: { app } });

describe('scopes of every kind on a real mesh', () => {
  let mesh: Mesh;
  let member: MeshPod;
  let stranger: MeshPod;

  before(async function () {
    mesh = await meshFor(this);
    const ports = [HTTP, TCP];
    await mesh.add(
      { namespace: 'chosen', name: 'cart', ports },
      { namespace: 'chosen', name: 'ledger', ports },
      { namespace: 'ported', name: 'server', ports },
      { namespace: 'kept', name: 'guard', ports: [...ports, HOOK] },
      { namespace: 'kept', name: 'shop', ports },
      { namespace: 'ruled', name: 'server', ports },
      { namespace: 'ruled', name: 'other', ports },
      { namespace: 'heir', name: 'server', ports },
      { namespace: 'heirs-part', name: 'server', ports },
      { namespace: 'front', name: 'member', ports: [], service: false },
      { namespace: 'legacy', name: 'stranger', ports: [], service: false, meshed: false },
    );
    member = mesh.pod('front/member');
    stranger = mesh.pod('legacy/stranger');
    await mesh.startOperator();
  });
  after(() => mesh?.stop());

  it('a workload goes STRICT, and the others of its namespace are as they were', async function () {
    this.timeout(2 * PATIENCE);
    const [cart, ledger] = [doors('chosen/cart', HTTP, TCP), doors('chosen/ledger', HTTP, TCP)];
    await allGive('served', stranger, [...cart, ...ledger]);
    const members = await Callers.begin(member, [...cart, ...ledger]);
    const strangers = await Callers.begin(stranger, ledger);
    const target = { workloads: [{ name: 'cart', selector: selecting('cart') }] };
    assert.deepEqual((await moved('chosen', { target }, ['cart'])).strict, { done: 1, total: 1 });
    await allGive('refused', stranger, cart);
    await allGive('served', stranger, ledger);
    await members.lostNothing('calls of members while one workload of two went STRICT');
    await strangers.lostNothing('calls of a stranger to the workload beside it');
  });

  it('a port of a workload goes STRICT, and another one serves strangers', async function () {
    this.timeout(2 * PATIENCE);
    const [open, closed] = [doors('ported/server', HTTP), doors('ported/server', TCP)];
    await allGive('served', stranger, [...open, ...closed]);
    const members = await Callers.begin(member, [...open, ...closed]);
    const strangers = await Callers.begin(stranger, open);
    const target = { workloads: [{ name: 'server', selector: selecting('server'), ports: [TCP.port] }] };
    const moving = moved('ported', { target }, ['server']);
    // metrics do not tell ports apart, so a stranger at either of them holds the step
    const { status } = await untilStatus(
      mesh.api,
      rolloutPath('move', 'ported'),
      isHeld,
      'the step to be held',
      PATIENCE,
    );
    figure('of a stranger at the other port it was told', status!.message!);
    await strangers.lostNothing('calls of that stranger');
    await moving;
    await allGive('served', stranger, open);
    await allGive('refused', stranger, closed);
    await members.lostNothing('calls of members while one port of two went STRICT');
  });

  it('a namespace goes STRICT around a port that is an exception, and comes back', async function () {
    this.timeout(2 * PATIENCE);
    const hook = doors('kept/guard', HOOK);
    const others = [...doors('kept/guard', HTTP, TCP), ...doors('kept/shop', HTTP, TCP)];
    await allGive('served', stranger, [...hook, ...others]);
    const members = await Callers.begin(member, [...hook, ...others]);
    const strangers = await Callers.begin(stranger, hook);
    const exceptions = [
      { name: 'hook', selector: selecting('guard'), ports: [HOOK.port], reason: 'called from outside', until: LATER },
    ];
    const { message } = await moved('kept', { target: { namespace: {} }, exceptions }, ['kept']);
    assert.match(message!, /except kept: hook \(port 9443\)/);
    await allGive('served', stranger, hook);
    await allGive('refused', stranger, others);
    await reverted('kept');
    assert.deepEqual(await policiesIn(mesh.api, 'kept'), []);
    await members.lostNothing('calls of members while a namespace went STRICT around a port, and came back');
    await strangers.lostNothing('calls of a stranger to that port');
    await soonGive('served', stranger, [...hook, ...others]);
  });

  it('a workload goes STRICT with a rule for its clients before it, and comes back with the policy before the rule', async function () {
    this.timeout(2 * PATIENCE);
    const all = [...doors('ruled/server', HTTP, TCP), ...doors('ruled/other', HTTP, TCP)];
    const members = await Callers.begin(member, all);
    const [policies, rules] = await Promise.all([record(mesh.api, POLICIES), record(mesh.api, RULES)]);
    const target = { workloads: [{ name: 'server', selector: selecting('server') }] };
    await moved('ruled', { target, destinationRules: 'Always' }, ['server']);
    await allGive('refused', stranger, doors('ruled/server', HTTP, TCP));
    await reverted('ruled');
    await soonGive('served', stranger, all);
    await members.lostNothing('calls of members while a rule for them, and STRICT, came and went');
    const inRuled = ({ object }: Happened) => object.metadata.namespace === 'ruled';
    const ofPolicies = (await policies.stop()).filter(inRuled);
    const ofRules = (await rules.stop()).filter(inRuled);
    const isStrict = ({ object }: Happened) => (object as Policy).spec.mtls?.mode === 'STRICT';
    assert.deepEqual(
      ofRules.map(({ type, object }) => [type, object.metadata.name, (object as unknown as DestinationRule).spec]),
      (['ADDED', 'DELETED'] as const).map(type => [type, 'mtls-rollout-client-server', RULE_FOR_CLIENTS]),
    );
    const [made, taken] = ofRules.map(versionOf) as [number, number];
    assert.ok(made < versionOf(ofPolicies.find(isStrict)!), 'the rule was there before STRICT');
    assert.equal(ofPolicies.at(-1)!.type, 'DELETED');
    assert.ok(versionOf(ofPolicies.at(-1)!) < taken, 'STRICT was gone before the rule');
  });

  it('what inherits STRICT from the mesh needs no policy of its own', async function () {
    this.timeout(2 * PATIENCE);
    const all = [...doors('heir/server', HTTP, TCP), ...doors('heirs-part/server', HTTP, TCP)];
    const members = await Callers.begin(member, all);
    await userPolicy(mesh.api, ISTIO_NAMESPACE, 'default', { mtls: { mode: 'STRICT' } });
    await soonGive('refused', stranger, all);
    await moved('heir', { target: { namespace: {} } }, ['heir']);
    const workloads = [{ name: 'server', selector: selecting('server'), ports: [TCP.port] }];
    await moved('heirs-part', { target: { workloads } }, ['server']);
    for (const namespace of ['heir', 'heirs-part']) assert.deepEqual(await policiesIn(mesh.api, namespace), []);
    await allGive('refused', stranger, all);
    await members.lostNothing('calls of members while the mesh went STRICT by hand');
  });

  async function reverted(namespace: string): Promise<void> {
    const path = rolloutPath('move', namespace);
    await patch(mesh.api, path, { spec: { mode: 'Revert' } });
    await untilPhase(mesh.api, path, 'Reverted', PATIENCE);
  }

  /** Status of the rollout `move` of the namespace once it has completed; what else becomes of it is an error. */
  async function moved(
    namespace: string,
    spec: Partial<SpecInput> & Pick<SpecInput, 'target'>,
    names: string[],
  ): Promise<Status> {
    const strategy = { waves: [{ name: 'all', names, soak: '3s' }] };
    await create(mesh.api, 'move', { strategy, ...HASTY, ...spec }, namespace);
    const path = rolloutPath('move', namespace);
    const ended = ({ phase }: Status) => phase === 'Completed' || phase === 'RolledBack';
    const { status }: RolloutObject = await untilStatus(mesh.api, path, ended, `${path} to be Completed`, PATIENCE);
    assert.equal(status?.phase, 'Completed', JSON.stringify(status));
    return status;
  }
});
