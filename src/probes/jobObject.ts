/** The Job that a probe makes from a CronJob, as `kubectl create job --from` does, and what a Job says of its end. */
import { checksum } from '../api/hash.ts';
import { GROUP, KIND, ROLLOUT_ANNOTATION, VERSION } from '../api/resource.ts';
import { countOf, type Fields, fieldsOf, labelsOf, listOf, textOf, timeOf } from '../istio/fields.ts';
import { MANAGED_BY } from '../rollout/marks.ts';

/** On a CronJob: whoever may write it allows that rollouts of its namespace run it. */
export const CONSENT = 'mtlsrollout.io/probe';
/** On a Job: when the look began, by the clock that also ends it. */
const BEGAN = 'mtlsrollout.io/began';
/** So long a Job that has failed stays, for its logs. */
export const KEEP_SECONDS = 600;
/** An operator that is away does not end the Job in time; then Kubernetes does. */
const GRACE_SECONDS = 60;
const MAX_NAME = 63;

/** The rollout that a Job is for. */
export interface Author {
  namespace: string;
  name: string;
  uid: string;
}

/** What tells a look from every other: the same after a crash, another for the next look. */
export interface Occasion {
  author: Author;
  probe: string;
  turn: string;
}

export interface ProbeJob {
  namespace: string;
  name: string;
  uid: string;
  /** Made by the operator for this very rollout. */
  isOwn: boolean;
  /** Milliseconds since the epoch. */
  began: number;
  end: 'Complete' | 'Failed' | 'DeadlineExceeded' | undefined;
  /** Why it failed, in Kubernetes' words. */
  message: string;
  /** Pods that failed so far. */
  failures: number;
}

export function jobName({ author, probe, turn }: Occasion): string {
  const hash = checksum([author.uid, probe, turn]);
  return `${probe.slice(0, MAX_NAME - hash.length - 1).replace(/-+$/, '')}-${hash}`;
}

export function consents(cronJob: unknown): boolean {
  return labelsOf(fieldsOf(fieldsOf(cronJob)['metadata'])['annotations'])[CONSENT] === 'true';
}

/** What the template says, but for how long it may run and stay. */
export function jobFrom(
  cronJob: unknown,
  occasion: Occasion,
  { namespace, now, timeoutMs }: { namespace: string; now: number; timeoutMs: number },
): object {
  const template = fieldsOf(fieldsOf(fieldsOf(cronJob)['spec'])['jobTemplate']);
  const { labels, annotations } = fieldsOf(template['metadata']);
  const { suspend: _, ...spec } = fieldsOf(template['spec']);
  const { author } = occasion;
  const longest = Math.ceil(timeoutMs / 1000) + GRACE_SECONDS;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      namespace,
      name: jobName(occasion),
      labels: { ...labelsOf(labels), ...MANAGED_BY },
      annotations: {
        ...labelsOf(annotations),
        [ROLLOUT_ANNOTATION]: markOf(author),
        [BEGAN]: new Date(now).toISOString(),
      },
      ...(author.namespace === namespace ? { ownerReferences: [ownerOf(author)] } : {}),
    },
    spec: {
      ...spec,
      activeDeadlineSeconds: Math.min(countOf(spec['activeDeadlineSeconds']) || longest, longest),
      ttlSecondsAfterFinished: KEEP_SECONDS,
    },
  };
}

export function readJob(raw: unknown, author: Author): ProbeJob {
  const { metadata, status } = fieldsOf(raw);
  const meta = fieldsOf(metadata);
  const annotations = labelsOf(meta['annotations']);
  const end = listOf(fieldsOf(status)['conditions']).find(isEnd) ?? {};
  const { type, reason, message } = end;
  return {
    namespace: textOf(meta['namespace']),
    name: textOf(meta['name']),
    uid: textOf(meta['uid']),
    isOwn: annotations[ROLLOUT_ANNOTATION] === markOf(author),
    began: timeOf(annotations[BEGAN]) ?? timeOf(meta['creationTimestamp']) ?? 0,
    end: type === 'Failed' && reason === 'DeadlineExceeded' ? reason : (type as 'Complete' | 'Failed' | undefined),
    message: [textOf(reason), textOf(message)].filter(Boolean).join(': '),
    failures: countOf(fieldsOf(status)['failed']),
  };
}

function isEnd({ type, status }: Fields): boolean {
  return status === 'True' && (type === 'Complete' || type === 'Failed');
}

function markOf({ namespace, name, uid }: Author): string {
  return `${namespace}/${name}/${uid}`;
}

/** A Job is no policy: what is left of it goes with its rollout. */
function ownerOf({ name, uid }: Author): object {
  return { apiVersion: `${GROUP}/${VERSION}`, kind: KIND, name, uid };
}
