/**
 * Exceptions on a real API server: a watch proves that no version of the cluster ever has a scope STRICT and a port of
 * an exception not explicitly PERMISSIVE, on the way there and on the way back; and the status tells what stays open.
 */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Transport } from '../../src/cluster/transport.ts';
import { type Bed, bedFor } from './bed.ts';
import { namespaceObject } from './boutique.ts';
import { addressOf, apply } from './boutiqueObjects.ts';
import { type Happened, record, type Recording } from './observe.ts';
import type { OperatorProcess } from './operatorProcess.ts';
import {
  condition,
  create,
  identity,
  patch,
  policiesIn,
  type Policy,
  POLICIES,
  quick,
  rolloutPath,
  untilHeld,
  untilPhase,
  untilStatus,
  userPolicy,
} from './rollouts.ts';
import type { Traffic } from './prometheusStub.ts';
import { type Sidecars, startSidecars } from './sidecars.ts';
import { createWorkload, type PodPlace } from './workloads.ts';

type Exception = NonNullable<SpecInput['exceptions']>[number];

const DAY = 86_400_000;
const dayIn = (days: number) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);

const exception = (namespace: string, app: string, rest: Partial<Exception>): Exception => ({
  name: app,
  namespace,
  selector: { matchLabels: { app } },
  reason: 'called from outside the mesh',
  until: dayIn(90),
  ...rest,
});

/** The first port of each is what an exception is about, if any is. */
const WORKLOADS: [string, string, number[]][] = [
  ['hooks', 'guard', [9443, 8080]],
  ['hooks', 'legacy', [9090]],
  ['pay', 'bank', [9000, 8080]],
  ['doors', 'door', [8443, 8080]],
];
const PORT = exception('hooks', 'guard', { ports: [9443] });
const WHOLE = exception('hooks', 'legacy', { until: dayIn(3) });
const ADOPTED = exception('pay', 'bank', { ports: [9000] });

describe('exceptions on a real API server', () => {
  let bed: Bed | undefined;
  let operator: OperatorProcess;
  let sidecars: Sidecars;
  let recording: Recording;
  let original: Policy;
  let late: Traffic;
  const path = rolloutPath('shop');

  before(async function () {
    bed = await bedFor(this);
    const { api, prometheus } = bed;
    operator = await bed.startOperator();
    sidecars = await startSidecars(api, bed.plane.folder, await install(api));
    const { selector } = ADOPTED;
    const tags = { labels: { team: 'pay' }, annotations: { 'example.com/ticket': 'PAY-1' } };
    original = await userPolicy(api, 'pay', 'own', { selector, mtls: { mode: 'PERMISSIVE' } }, tags);
    for (const to of ['hooks/guard', 'hooks/legacy', 'pay/bank', 'doors/door'])
      prometheus.traffic({ from: 'frontend/frontend', to, secured: true, perSecond: 20 });
    // what the exceptions are for
    for (const to of ['hooks/guard', 'pay/bank']) prometheus.traffic({ to, secured: false, perSecond: 20 });
    late = prometheus.traffic({ from: 'old/batch', to: 'hooks/legacy', secured: false, perSecond: 20 });
    recording = await record(api, POLICIES);
    await create(api, 'shop', quick(['hooks', 'pay'], { exceptions: [PORT, WHOLE, ADOPTED] }));
  });
  after(async () => {
    await operator?.stop();
    await sidecars?.stop();
    await bed?.stop();
  });

  it('let everything around them go STRICT, and the status says what does not', async () => {
    const { api } = bed!;
    const { status } = await untilPhase(api, path, 'Completed');
    assert.equal(
      status!.message,
      '2 scopes STRICT, except hooks: guard (port 9443), hooks: legacy and pay: bank (port 9000)',
    );
    assert.deepEqual(status!.strict, { done: 0, total: 2 });
    const specs = (await policiesIn(api, 'hooks')).map(({ metadata, spec }) => [metadata.name, spec]);
    assert.deepEqual(specs, [
      ['mtls-rollout', { mtls: { mode: 'STRICT' } }],
      [
        'mtls-rollout-except-guard',
        {
          selector: PORT.selector,
          mtls: { mode: 'STRICT' },
          portLevelMtls: { '9443': { mode: 'PERMISSIVE' } },
        },
      ],
      ['mtls-rollout-except-legacy', { selector: WHOLE.selector, mtls: { mode: 'PERMISSIVE' } }],
    ]);
  });

  it('take over a policy of a user with the same selector', async () => {
    const found = await policiesIn(bed!.api, 'pay');
    assert.deepEqual(
      found.map(({ metadata }) => metadata.name),
      ['mtls-rollout', 'own'],
    );
    assert.equal(found[1]!.metadata.uid, original.metadata.uid);
    assert.deepEqual(found[1]!.spec, {
      ...original.spec,
      mtls: { mode: 'STRICT' },
      portLevelMtls: { '9000': { mode: 'PERMISSIVE' } },
    });
  });

  it('tell of their end by a condition and by an event: a week before it, and after it', async () => {
    const { api, plane } = bed!;
    const isDue = (reason: string) => () =>
      untilStatus(
        api,
        path,
        ({ conditions }) => conditions?.find(({ type }) => type === 'ExceptionsDue')?.reason === reason,
        reason,
      );
    const soon = condition(await isDue('ExpireSoon')(), 'ExceptionsDue');
    assert.equal(soon?.status, 'True');
    assert.equal(soon.message, `end within a week: legacy (until ${WHOLE.until})`);

    await patch(api, path, { spec: { exceptions: [PORT, { ...WHOLE, until: dayIn(-1) }, ADOPTED] } });
    const over = condition(await isDue('Expired')(), 'ExceptionsDue');
    assert.equal(over?.status, 'True');
    assert.match(over.message, /^past their end: legacy \(until .*stay in force until they are taken from/);
    const events = (await plane.kubectl(['describe', 'mtlsrollout', 'shop', '-n', 'istio-system'])).stdout;
    assert.match(events, /Warning +ExceptionsExpireSoon /);
    assert.match(events, /Warning +ExceptionsExpired /);
    assert.equal((await policiesIn(api, 'hooks')).length, 3, 'nothing is closed by itself');

    await patch(api, path, { spec: { exceptions: [PORT, { ...WHOLE, until: dayIn(90) }, ADOPTED] } });
    assert.equal(condition(await isDue('NoneDue')(), 'ExceptionsDue')?.status, 'False');
  });

  it('that are taken from the spec are closed by a step of their own, when nobody needs them any more', async () => {
    const { api } = bed!;
    await patch(api, path, { spec: { exceptions: [PORT, ADOPTED] } });
    const held = await untilStatus(
      api,
      path,
      ({ step, probes }) => step?.stage === 'Observing' && probes?.some(each => each.verdict === 'Unhealthy') === true,
      'the step to see who still sends plaintext',
    );
    assert.match(held.status!.message!, /\d+ requests from old\/batch to hooks\/legacy without mutual TLS/);
    late.setRate(0);
    const { status } = await untilPhase(api, path, 'Completed');
    assert.equal(status!.message, '2 scopes STRICT, except hooks: guard (port 9443) and pay: bank (port 9000)');
    assert.deepEqual(
      (await policiesIn(api, 'hooks')).map(({ metadata }) => metadata.name),
      ['mtls-rollout', 'mtls-rollout-except-guard'],
    );
  });

  it('leave nothing behind by mode Revert', async () => {
    const { api } = bed!;
    await patch(api, path, { spec: { mode: 'Revert' } });
    await untilPhase(api, path, 'Reverted');
    assert.deepEqual(await policiesIn(api, 'hooks'), []);
    const [now, ...others] = await policiesIn(api, 'pay');
    assert.deepEqual(others, []);
    assert.equal(JSON.stringify(now!.spec), JSON.stringify(original.spec));
    assert.deepEqual(identity(now!), identity(original));
  });

  it('were never closed for a moment, as the API server itself tells', async () => {
    const events = await recording.stop();
    const wanted = [PORT, ADOPTED];
    for (const each of wanted) {
      const seen = versionsOf(events, each);
      assert.ok(
        seen.some(({ strict }) => strict),
        `${each.name}: the namespace was STRICT`,
      );
      assert.deepEqual(
        seen.filter(({ strict, mode }) => strict && mode !== 'PERMISSIVE'),
        [],
        each.name,
      );
    }
    // closed once, by its own step
    const strict = versionsOf(events, WHOLE).filter(version => version.strict);
    const modes = strict.map(({ mode }) => mode).filter((mode, i, all) => i === 0 || mode !== all[i - 1]);
    assert.deepEqual(modes, ['PERMISSIVE', undefined]);
  });

  it('that name the port of a Service are held, with the port that is meant', async () => {
    const { api } = bed!;
    const doors = rolloutPath('doors');
    const wrong = exception('doors', 'door', { ports: [443] });
    await create(api, 'doors', quick(['doors'], { exceptions: [wrong] }));
    const { status } = await untilHeld(api, doors, 'ServicePortMeant');
    assert.match(
      status!.message!,
      /exception door names port 443, which no container of Deployment doors\/door has; .* leads to container port 8443; give the container port, 8443/,
    );
    assert.equal(status!.hazards?.[0]?.object, 'Deployment doors/door');
    assert.deepEqual(await policiesIn(api, 'doors'), []);
    await patch(api, doors, { spec: { exceptions: [{ ...wrong, ports: [8443] }] } });
    await untilPhase(api, doors, 'Completed');
  });
});

/** Workloads with sidecars that have more than one port. */
async function install(api: Transport): Promise<PodPlace[]> {
  const pods: PodPlace[] = [];
  for (const [namespace, name, numbers] of WORKLOADS) {
    await apply(api, namespaceObject(namespace, { 'istio-injection': 'enabled' }));
    const ports = numbers.map(port => ({ name: `http-${port}`, port, servicePort: port - 8000 }));
    pods.push(...(await createWorkload(api, { namespace, name, ports }, pod => addressOf(namespace, pod))));
  }
  return pods;
}

interface Version {
  resourceVersion: string;
  /** Whether the oldest policy without selector makes the namespace STRICT. */
  strict: boolean;
  /** What a policy says of the port of the exception, or of its workload, explicitly; undefined: nothing does. */
  mode: string | undefined;
}

/** What every version of the cluster says about an exception, in order. */
function versionsOf(events: readonly Happened[], { namespace, selector, ports }: Exception): Version[] {
  const now = new Map<string, Policy>();
  return events
    .filter(({ object }) => object.metadata.namespace === namespace)
    .map(({ type, object }) => {
      const { name, resourceVersion } = object.metadata;
      if (type === 'DELETED') now.delete(name);
      else now.set(name, object as Policy);
      const all = [...now.values()];
      const wide = all.find(({ spec }) => !spec.selector);
      const own = all.find(({ spec }) => spec.selector?.matchLabels?.['app'] === selector.matchLabels['app']);
      const mode = ports ? own?.spec.portLevelMtls?.[ports[0]!]?.mode : own?.spec.mtls?.mode;
      return {
        resourceVersion,
        strict: wide?.spec.mtls?.mode === 'STRICT',
        // ztunnel honours the port of a policy only where the policy itself has a mode
        mode: own?.spec.mtls?.mode === undefined ? undefined : mode,
      };
    });
}
