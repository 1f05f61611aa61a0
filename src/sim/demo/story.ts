/**
 * What people do in the demo, and what must come of it. The operator acts alone; here somebody applies the rollout,
 * repairs what it named, and asks for a second try.
 */
import { RETRY_ANNOTATION } from '../../api/resource.ts';
import type { Status } from '../../api/status.ts';
import { timestamp } from '../../rollout/text.ts';
import { FORGOTTEN, LATE, SHOP_NAMESPACES } from '../boutique/shop.ts';
import type { KubeObject } from '../server/value.ts';
import { ROLLOUT, rolloutObject, userPolicy } from './rollout.ts';
import type { Scene } from './scene.ts';
import type { Tone } from './view.ts';

/** Times of the people, in the demo's time: long enough to be read. */
const READING_MS = 60_000;
const LOOK_MS = 1_000;

export interface Claim {
  what: string;
  true: boolean;
}

type Tell = (tone: Tone, text: string) => void;

/** Plays the demo to its end. Resolves with what was to be shown, and whether it was. */
export async function play(scene: Scene, tell: Tell, signal: AbortSignal): Promise<Claim[]> {
  const claims: Claim[] = [];
  const begin = scene.clock.now();
  const before = policiesOf(scene);
  scene.cluster.put(rolloutObject, 'kubectl');
  tell('Plain', `kubectl apply: MtlsRollout ${ROLLOUT.namespace}/${ROLLOUT.name}, eleven namespaces in three waves`);

  const forgotten = `${FORGOTTEN.namespace}/${FORGOTTEN.name}`;
  await until(
    scene,
    signal,
    status => status.step?.stage === 'Observing' && (status.message ?? '').includes(forgotten),
  );
  const refused = () => lost(scene, begin, name => name.startsWith(FORGOTTEN.name));
  claims.push({
    what: `${forgotten} was named before its calls could break`,
    true: modeOf(scene, 'cart') !== 'STRICT' && refused() === 0,
  });
  await scene.clock.wait(READING_MS, signal);
  scene.boutique.repairForgotten();
  tell('Good', `its team takes ${forgotten} into the mesh; its plaintext of the last 5 minutes has to pass first`);

  const late = `${LATE.namespace}/${LATE.name}`;
  await until(scene, signal, status => status.phase === 'RolledBack');
  const reason = statusOf(scene).rollback?.reason ?? '';
  claims.push({
    what: 'it rolled back by itself and said why',
    true: reason.includes(late) && reason.includes('shipping'),
  });
  const exact =
    JSON.stringify(policiesOf(scene, wave(scene))) ===
    JSON.stringify(before.filter(policy => wave(scene).includes(policy.namespace)));
  claims.push({
    what: 'the wave is exactly as it was before: same policies, same uids, nothing left over',
    true: exact,
  });
  if (exact)
    tell(
      'Good',
      `restored exactly: ${userPolicy.metadata.namespace}/${userPolicy.metadata.name} as its owner had left it, policies of our own gone`,
    );
  await scene.clock.wait(READING_MS, signal);
  scene.boutique.repairLate();
  tell('Good', `its team gives ${late} its sidecar back`);
  await scene.clock.wait(READING_MS / 2, signal);
  annotate(scene);
  tell('Plain', `kubectl annotate: ${RETRY_ANNOTATION}: the second try`);

  await until(scene, signal, status => status.phase === 'Completed');
  const strict = SHOP_NAMESPACES.filter(namespace => modeOf(scene, namespace) === 'STRICT').length;
  claims.push({ what: 'every namespace of the shop is STRICT', true: strict === SHOP_NAMESPACES.length });
  const outsiders = [FORGOTTEN.name, LATE.name];
  const failures = lost(scene, begin, name => !outsiders.some(outsider => name.startsWith(outsider)));
  claims.push({
    what: 'no request between members of the mesh was lost, the gateway among them',
    true: failures === 0,
  });
  return claims;
}

export function statusOf({ cluster }: Scene): Status {
  const { namespace, name } = ROLLOUT;
  return cluster.get(rolloutObject.apiVersion, rolloutObject.kind, namespace, name)?.['status'] ?? {};
}

/** The mode in force on every pod of a namespace; undefined while they differ, or where there are none. */
export function modeOf({ mesh, cluster }: Scene, namespace: string): string | undefined {
  const pods = cluster
    .list('v1', 'Pod', namespace)
    .flatMap(({ metadata }) => mesh.topology.pod(`${namespace}/${metadata.name}`) ?? []);
  const modes = new Set(pods.map(pod => mesh.modeInForce(pod, 0)));
  return modes.size === 1 ? [...modes][0] : undefined;
}

async function until(scene: Scene, signal: AbortSignal, condition: (status: Status) => boolean): Promise<void> {
  while (!condition(statusOf(scene))) {
    signal.throwIfAborted();
    await scene.clock.wait(LOOK_MS, signal);
  }
}

function wave(scene: Scene): string[] {
  const failed = statusOf(scene).rollback?.wave;
  const waves = rolloutObject.spec.strategy?.waves ?? [];
  return waves.find(({ name }) => name === failed)?.names ?? [];
}

/** What must be the same after a rollback; annotations that are gone leave an empty map or none. */
function policiesOf({ cluster }: Scene, namespaces: readonly string[] = SHOP_NAMESPACES) {
  return cluster
    .list('security.istio.io/v1', 'PeerAuthentication')
    .filter(({ metadata }) => namespaces.includes(metadata.namespace ?? ''))
    .map(({ metadata, spec }: KubeObject) => ({
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      uid: metadata.uid,
      created: metadata.creationTimestamp,
      labels: metadata.labels ?? {},
      annotations: metadata.annotations ?? {},
      spec,
    }));
}

function lost({ mesh, clock }: Scene, since: number, whose: (call: string) => boolean): number {
  const reports = mesh.reports(since, clock.now()).filter(({ call }) => whose(call.name));
  return reports.reduce((sum, { refused, failed }) => sum + refused + failed, 0);
}

function annotate({ cluster, clock }: Scene): void {
  const { namespace, name } = ROLLOUT;
  const current = cluster.get(rolloutObject.apiVersion, rolloutObject.kind, namespace, name);
  if (!current) return;
  const annotations = { ...current.metadata.annotations, [RETRY_ANNOTATION]: timestamp(Math.floor(clock.now())) };
  cluster.put({ ...current, metadata: { ...current.metadata, annotations } }, 'kubectl');
}
