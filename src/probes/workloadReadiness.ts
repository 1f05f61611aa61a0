/** The pods of the scope against the moment before STRICT: who turned unready, who restarted since. */
import { formatDuration } from '../api/duration.ts';
import type { Pod } from '../istio/objects.ts';
import { firstFew, observe, worst, type Finding, noData } from './observation.ts';
import type { Look, Probe } from './probe.ts';
import { podsOfScopes } from './scopePods.ts';

/** How long a new pod may take to get ready. */
const START_UP_MS = 5 * 60_000;

export function workloadReadiness(name: string): Probe {
  return { name, rounds: ['Soak'], observe: look => observe(name, look, () => find(look)) };
}

async function find(look: Look): Promise<Finding> {
  const scopes = await podsOfScopes(look);
  // scopes may overlap; a pod counts once
  const pods = new Map(scopes.flatMap(scope => scope.pods.map(pod => [pod.uid, pod] as const)));
  return judgeReadiness([...pods.values()], look.changedAt, look.now);
}

type Condition =
  | { kind: 'Well' }
  /** Was unready before, which is not this step's doing. */
  | { kind: 'IllBefore'; text: string }
  | { kind: 'Starting'; text: string }
  | { kind: 'Harmed'; text: string };

/** Judges pods that neither finished nor are being deleted: those are projected as finished. */
export function judgeReadiness(pods: readonly Pod[], changedAt: number | undefined, now: number): Finding {
  if (changedAt === undefined) {
    return noData('nothing was changed yet', pods.length);
  }
  if (pods.length === 0) return { verdict: 'Healthy', value: 'no pods', samples: 0, message: 'no pods in scope' };
  // times of pods come in whole seconds: the second of the change belongs to the time after it
  const since = Math.floor(changedAt / 1000) * 1000;
  const conditions = pods.map(pod => conditionOf(pod, since, now));
  const texts = (kind: Condition['kind']) =>
    conditions.flatMap(c => (c.kind !== 'Well' && c.kind === kind ? [c.text] : []));
  const verdict = worst(
    conditions.map(({ kind }) => (kind === 'Harmed' ? 'Unhealthy' : kind === 'Starting' ? 'NoData' : 'Healthy')),
  );
  const before = texts('IllBefore');
  const aside = before.length > 0 ? ` (${firstFew(before, 1)})` : '';
  const ready = pods.filter(pod => pod.ready).length;
  return {
    verdict,
    value: `${ready}/${pods.length} ready`,
    samples: pods.length,
    message: `${sentence(verdict, texts)}${aside}`,
  };
}

function sentence(verdict: Finding['verdict'], texts: (kind: Condition['kind']) => string[]): string {
  if (verdict === 'Unhealthy') return `${firstFew(texts('Harmed'))}: see its events and logs`;
  if (verdict === 'NoData') return firstFew(texts('Starting'));
  return 'no pod turned unready or restarted since the change';
}

function conditionOf(pod: Pod, since: number, now: number): Condition {
  return pod.created < since ? oldPod(pod, since) : newPod(pod, now);
}

function oldPod(pod: Pod, since: number): Condition {
  const name = `${pod.namespace}/${pod.name}`;
  const illBefore = !pod.ready && pod.readySince < since;
  if (illBefore) return { kind: 'IllBefore', text: `${name} was unready before the change already` };
  if (pod.restartedAt !== undefined && pod.restartedAt >= since) {
    return { kind: 'Harmed', text: `a container of ${name} restarted at ${clockTime(pod.restartedAt)}` };
  }
  return pod.ready
    ? { kind: 'Well' }
    : { kind: 'Harmed', text: `${name} turned unready at ${clockTime(pod.readySince)}` };
}

function newPod(pod: Pod, now: number): Condition {
  const name = `${pod.namespace}/${pod.name}`;
  if (pod.ready) return { kind: 'Well' };
  if (pod.restarts > 0) return { kind: 'Harmed', text: `new pod ${name} restarts and is not ready` };
  const age = now - pod.created;
  return age > START_UP_MS
    ? { kind: 'Harmed', text: `new pod ${name} is not ready ${formatDuration(age)} after it was made` }
    : { kind: 'Starting', text: `new pod ${name} is starting` };
}

/** RFC 3339 to the second. */
const clockTime = (ms: number) => new Date(ms).toISOString().replace(/\.[0-9]+Z$/, 'Z');
