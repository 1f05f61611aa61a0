/** Makes the demo's view from what the cluster says: the status of the rollout, and the mode on the pods. */
import type { Status } from '../../api/status.ts';
import type { Mode } from '../../istio/objects.ts';
import { rolloutObject, userPolicy } from './rollout.ts';
import type { Scene } from './scene.ts';
import { modeOf, statusOf } from './story.ts';
import type { DemoEvent, DemoView, ModeRow } from './view.ts';

export function pictureOf(scene: Scene, speed: number, events: readonly DemoEvent[]): DemoView {
  const status = statusOf(scene);
  const report = refusals(scene);
  return {
    title: 'mtls-rollout: the Online Boutique goes STRICT',
    now: scene.clock.now(),
    speed,
    phase: status.phase ?? 'Pending',
    step: status.summary?.step ?? '',
    strict: status.summary?.strict ?? '',
    message: status.message ?? 'waiting for the operator',
    waves: (rolloutObject.spec.strategy?.waves ?? []).map(({ name, names = [] }) => ({
      name,
      phase: status.waves?.find(wave => wave.name === name)?.phase ?? 'Pending',
      rows: names.map(namespace => rowOf(scene, status, namespace, report.get(namespace) ?? [])),
    })),
    // what a probe saw of an earlier step says nothing about this one
    probes: (status.probes ?? [])
      .filter(({ at }) => !status.step || at >= status.step.startedAt)
      .map(({ name, verdict, value, message }) => ({ name, verdict, value, message })),
    events: [...events],
  };
}

function rowOf(scene: Scene, { step }: Status, namespace: string, refused: string[]): ModeRow {
  const now = (modeOf(scene, namespace) ?? 'PERMISSIVE') as Mode;
  const before = namespace === userPolicy.metadata.namespace ? (userPolicy.spec.mtls.mode as Mode) : 'PERMISSIVE';
  const moving =
    step !== undefined && !['Pending', 'RolledBack', 'Done'].includes(step.stage) && step.scopes.includes(namespace);
  const note = refused.length > 0 ? `refused: ${refused.join(', ')}` : now === 'STRICT' ? 'mutual TLS only' : '';
  return { namespace, before, now, moving, note, tone: refused.length > 0 ? 'Bad' : 'Quiet' };
}

/** Clients that were refused in the last seconds, by the namespace they call. */
function refusals({ mesh, clock }: Scene): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { call, refused } of mesh.reports(clock.now() - 10_000, clock.now())) {
    if (refused <= 0) continue;
    const known = found.get(call.to.namespace) ?? [];
    found.set(call.to.namespace, [...known, `${call.from.namespace}/${call.from.workload}`]);
  }
  return found;
}
