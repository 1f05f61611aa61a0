/**
 * What must hold whatever happens, checked by replaying every revision of the cluster; and what a rollout leaves
 * behind, to compare one run with another.
 */
import assert from 'node:assert/strict';
import { ROLLOUT_ANNOTATION } from '../../src/api/resource.ts';
import type { Status } from '../../src/api/status.ts';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import type { Mode, PeerAuthentication } from '../../src/istio/objects.ts';
import { type Policies, policiesOf } from '../../src/istio/policies.ts';
import { weaker } from '../../src/istio/slots.ts';
import type { Revision } from '../../src/sim/server/store.ts';
import type { KubeObject } from '../../src/sim/server/value.ts';
import type { Bench } from './harness.ts';
import { POLICY_API, PORT, ROOT, RULE_API } from './scene.ts';

const POLICIES = 'peerauthentications.security.istio.io';
const RULES = 'destinationrules.networking.istio.io';
const ROLLOUTS = 'mtlsrollouts.mtlsrollout.io';
const OURS = 'mtlsrollout.io/';

type Spec = PeerAuthentication['spec'];

/**
 * Every revision since the scene was set: throws at the first one that breaks a promise. With `others` somebody else
 * edits labels and annotations of policies meanwhile, so that only their identity and spec are compared.
 */
export function checkHistory(bench: Bench, { others = false } = {}): void {
  const policies = new Map<string, PeerAuthentication>();
  const statuses = new Map<string, Status>();
  const pins = new Set<string>();
  const { history } = bench;
  for (const revision of history.filter(({ revision: number }) => number <= bench.begun)) take(policies, revision);
  const users = [...policies.values()];
  const places = placesOf(bench);
  const floor = modes(places, policies);
  let before = floor;
  const later = history.filter(({ revision: number }) => number > bench.begun);
  for (const revision of later) {
    const where = `at revision ${revision.revision}`;
    if (revision.table === ROLLOUTS) checkEpoch(statuses, revision, where);
    if (revision.table === RULES) checkPins(pins, policies, places, revision, where);
    if (revision.table !== POLICIES) continue;
    take(policies, revision);
    const now = modes(places, policies);
    for (const [place, mode] of now) {
      assert.ok(!weaker(mode, floor.get(place)!), `${place} is ${mode} ${where}, below ${floor.get(place)} of before`);
      if (mode === 'STRICT' && before.get(place) !== 'STRICT') {
        checkIntent(place, statuses, where);
        assert.ok(!pins.has(place.split('/')[0]!), `${place} became STRICT ${where} while its clients were pinned`);
      }
    }
    for (const user of users) checkUntouched(user, policies.get(keyOf(user.metadata)), others, where);
    before = now;
  }
}

/** No write of a leader was accepted after one of its successor. Leases and events bind nobody. */
export function checkOneWriter(bench: Bench): void {
  const seen: string[] = [];
  const served = bench.writes().filter(call => call.served !== undefined);
  for (const { by, kind, status = 500, path } of served.toSorted((a, b) => a.served! - b.served!)) {
    if (status >= 300 || kind === 'leases' || kind === 'events') continue;
    if (!seen.includes(by)) seen.push(by);
    assert.equal(seen.at(-1), by, `${by} wrote ${path} after ${seen.at(-1)} had begun`);
  }
}

/** What is left in the end, without what differs from run to run: times, versions and uids. */
export function outcomeOf(bench: Bench, name = 'shop') {
  const { phase, strict, waves = [] } = bench.status(name);
  const changes = bench.history.filter(({ table, revision }) => table === POLICIES && revision > bench.begun);
  return {
    phase,
    strict,
    waves: waves.map(({ name: wave, phase: is, done, total, plan }) => ({ wave, is, done, total, plan })),
    policies: policiesLeft(bench),
    rules: rulesLeft(bench),
    told: clientsTold(bench),
    counting: bench.cluster.list(POLICY_API, 'AuthorizationPolicy').map(({ metadata }) => keyOf(metadata)),
    created: changes.filter(({ verb }) => verb === 'create').length,
    deleted: changes.filter(({ verb }) => verb === 'delete').length,
  };
}

/** Spec and metadata of every policy; of the marks that a rollout leaves only that they are there. */
export function policiesLeft(bench: Bench) {
  return bench.cluster.list(POLICY_API, 'PeerAuthentication').map(({ metadata, spec }) => ({
    policy: keyOf(metadata),
    spec,
    labels: metadata.labels ?? {},
    annotations: foreign(metadata.annotations),
    governed: metadata.annotations?.[ROLLOUT_ANNOTATION] !== undefined,
  }));
}

/** DestinationRules in the cluster; pins are there for seconds only. */
export function rulesLeft(bench: Bench): string[] {
  return bench.cluster.list(RULE_API, 'DestinationRule').map(({ metadata }) => keyOf(metadata));
}

/** What each DestinationRule says, and whether it carries marks. */
function clientsTold(bench: Bench) {
  return bench.cluster.list(RULE_API, 'DestinationRule').map(({ metadata, spec }) => ({
    rule: keyOf(metadata),
    spec,
    marks: Object.keys(metadata.annotations ?? {}).toSorted(),
  }));
}

function take(policies: Map<string, PeerAuthentication>, { table, verb, object }: Revision): void {
  if (table !== POLICIES) return;
  if (verb === 'delete') policies.delete(keyOf(object.metadata));
  else policies.set(keyOf(object.metadata), object as unknown as PeerAuthentication);
}

/** Everything whose mode is watched: the application port and another one of each pod, and a pod that nothing selects. */
function placesOf(bench: Bench): { namespace: string; labels: Record<string, string> }[] {
  const pods = bench.cluster.list('v1', 'Pod').map(({ metadata: { namespace = '', labels = {} } }) => ({
    namespace,
    labels,
  }));
  return [...pods, ...pods.map(({ namespace }) => ({ namespace, labels: { app: 'nobody' } }))];
}

function modes(places: ReturnType<typeof placesOf>, policies: Map<string, PeerAuthentication>): Map<string, Mode> {
  const all: Policies = policiesOf(policies.values());
  const found = new Map<string, Mode>();
  for (const { namespace, labels } of places) {
    const { workload, ports } = effectiveModes(all, ROOT, namespace, labels);
    found.set(`${namespace}/${labels['app']}`, workload.mode);
    found.set(`${namespace}/${labels['app']}:${PORT}`, (ports.get(PORT) ?? workload).mode);
  }
  return found;
}

/** Clients are pinned only while the namespace is DISABLE, and told to use mutual TLS while it is STRICT. */
function checkPins(
  pins: Set<string>,
  policies: Map<string, PeerAuthentication>,
  places: ReturnType<typeof placesOf>,
  { verb, object }: Revision,
  where: string,
): void {
  const { namespace = '', name, annotations } = object.metadata;
  if (annotations?.[ROLLOUT_ANNOTATION] === undefined) return;
  const mode = modes(places, policies).get(`${namespace}/${namespace}`);
  if (!name.startsWith('mtls-rollout-pin-'))
    return assert.notEqual(mode, 'STRICT', `${namespace}/${name} was written or removed ${where}`);
  if (verb === 'delete') return void pins.delete(namespace);
  if (verb === 'create') assert.equal(mode, 'DISABLE', `${namespace}/${name} ${where}`);
  pins.add(namespace);
}

/** STRICT is only ever written by a step that said so before, and to nothing else. */
function checkIntent(place: string, statuses: Map<string, Status>, where: string): void {
  const [namespace = ''] = place.split('/');
  const about = (scope: string) => scope === '(mesh)' || scope.split('/')[0] === namespace;
  const announced = [...statuses.values()].some(
    ({ step }) => step?.stage === 'Enforcing' && step.changedAt !== undefined && step.scopes.some(about),
  );
  assert.ok(announced, `${place} became STRICT ${where} and no status had announced it`);
}

function checkEpoch(statuses: Map<string, Status>, { object, verb }: Revision, where: string): void {
  const key = keyOf(object.metadata);
  if (verb === 'delete') return void statuses.delete(key);
  const status = (object['status'] ?? {}) as Status;
  const before = statuses.get(key)?.epoch ?? 0;
  assert.ok((status.epoch ?? 0) >= before, `epoch of ${key} went from ${before} to ${status.epoch} ${where}`);
  statuses.set(key, status);
}

/** A policy that was there before is the same object, and only its mode and our marks may differ. */
function checkUntouched(
  user: PeerAuthentication,
  now: PeerAuthentication | undefined,
  others: boolean,
  where: string,
): void {
  const key = keyOf(user.metadata);
  assert.ok(now, `${key} is gone ${where}`);
  const kept = ({ metadata, spec }: PeerAuthentication) => ({
    uid: metadata.uid,
    creationTimestamp: metadata.creationTimestamp,
    ...(others ? {} : { labels: metadata.labels, annotations: foreign(metadata.annotations) }),
    spec: withoutMode(spec),
  });
  assert.deepEqual(kept(now), kept(user), `${key} ${where}`);
}

function withoutMode({ mtls, ...spec }: Spec): Spec {
  const { mode: _, ...rest } = mtls ?? {};
  return Object.keys(rest).length > 0 ? { ...spec, mtls: rest } : spec;
}

function foreign(annotations: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !name.startsWith(OURS)));
}

function keyOf({ namespace = '', name }: Pick<KubeObject['metadata'], 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}
