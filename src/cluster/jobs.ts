/** Jobs that are made from CronJobs, for one look of a probe each. */
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import type { KubeObject, Resource } from './resource.ts';
import { NotLeading } from './writer.ts';

const batch = { group: 'batch', version: 'v1', namespaced: true };
const JOBS: Resource = { ...batch, plural: 'jobs', kind: 'Job' };
const CRON_JOBS: Resource = { ...batch, plural: 'cronjobs', kind: 'CronJob' };

export class JobRunner {
  readonly #client: KubeClient;
  readonly #allowed: () => boolean;

  /** @param allowed asked right before each write: whether this process still leads */
  constructor(client: KubeClient, allowed: () => boolean) {
    this.#client = client;
    this.#allowed = allowed;
  }

  /** Undefined for what is not there. */
  async find(namespace: string, name: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    return await rightsNamed(namespace, this.#client.get({ resource: JOBS, namespace, name }, signal), 'NotFound');
  }

  /** The CronJob; undefined for one that is not there. */
  async template(namespace: string, name: string, signal: AbortSignal): Promise<KubeObject | undefined> {
    return await rightsNamed(namespace, this.#client.get({ resource: CRON_JOBS, namespace, name }, signal), 'NotFound');
  }

  /** One that is there already is as good. */
  async start(namespace: string, job: object, signal: AbortSignal): Promise<void> {
    if (!this.#allowed()) throw new NotLeading(`a Job in namespace ${namespace}`);
    const creating = this.#client.create(JOBS, namespace, job, signal);
    await rightsNamed(namespace, creating, 'AlreadyExists');
  }

  /** One that is gone or another one by now is none of ours. */
  async remove(job: { namespace: string; name: string; uid: string }): Promise<void> {
    const { namespace, name, uid } = job;
    if (!this.#allowed()) throw new NotLeading(`Job ${namespace}/${name}`);
    await rightsNamed(
      namespace,
      this.#client.delete({ resource: JOBS, namespace, name }, { uid }),
      'NotFound',
      'Conflict',
    );
  }
}

/** Undefined for what is fine to go wrong. Where RBAC refuses, the role with the rights is named. */
async function rightsNamed<T>(
  namespace: string,
  call: Promise<T>,
  ...fine: KubeError['kind'][]
): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    if (fine.includes(error.kind)) return undefined;
    if (error.kind !== 'Forbidden' || !error.message.includes('lacks the verb')) throw error;
    const advice = `bind the ClusterRole mtls-rollout-jobs to it in namespace ${namespace}`;
    throw new KubeError('Forbidden', `${error.message}: ${advice}`, { cause: error });
  }
}
