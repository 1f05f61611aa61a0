/**
 * Runs a Job from a CronJob's template, one for each look; its exit code decides. A look goes on over several rounds, so
 * that no other probe and no other rollout waits for it, and finds the Job that is under way by its name.
 */
import { formatDuration } from '../api/duration.ts';
import type { Jobs, LongProbe, Look } from './probe.ts';
import {
  type Author,
  CONSENT,
  consents,
  jobFrom,
  jobName,
  KEEP_SECONDS,
  type Occasion,
  type ProbeJob,
} from './jobObject.ts';
import { countOf, type Finding, observe, unseen } from './observation.ts';

/** So long one round waits for the end. */
const SLICE_MS = 5_000;
const POLL_MS = 1_000;

export interface JobOptions {
  cronJob: string;
  namespace: string;
}

export function job(name: string, options: JobOptions, author: Author, jobs: Jobs): LongProbe {
  return {
    name,
    rounds: ['Soak'],
    observeOn: look => observe(name, look, () => find(look, options, { author, probe: name, turn: look.turn }, jobs)),
  };
}

/** Undefined while the Job runs. */
async function find(
  look: Look,
  { cronJob, namespace }: JobOptions,
  occasion: Occasion,
  jobs: Jobs,
): Promise<Finding | undefined> {
  const { now, timeoutMs, signal } = look;
  const name = jobName(occasion);
  const known = await jobs.find(namespace, name, occasion.author, signal);
  if (!known) {
    const template = await jobs.template(namespace, cronJob, signal);
    const obstacle = hindrance(template, `CronJob ${namespace}/${cronJob}`);
    if (obstacle !== undefined) return unseen(obstacle);
    await jobs.start(namespace, jobFrom(template, occasion, { namespace, now, timeoutMs }), signal);
  } else if (!known.isOwn)
    return unseen(`Job ${namespace}/${name} is there already and was not made for this rollout: delete it`);
  const began = known?.began ?? now;
  const last = await followed(known, { name, namespace, occasion, jobs, signal, waitMs: began + timeoutMs - now });
  if (!last) return undefined;
  return last.end === undefined ? await overdue(last, look, jobs) : await ended(last, look, jobs);
}

function hindrance(template: unknown, what: string): string | undefined {
  if (template === undefined)
    return `there is no ${what}: make one with \`suspend: true\` whose jobTemplate is the test, annotated with ${CONSENT}: "true"`;
  return consents(template)
    ? undefined
    : `${what} does not say that rollouts may run it: annotate it with ${CONSENT}: "true"`;
}

interface Pursuit {
  namespace: string;
  name: string;
  occasion: Occasion;
  jobs: Jobs;
  signal: AbortSignal;
  /** Until its time is over. */
  waitMs: number;
}

/** The Job once it has ended or its time is over; undefined: another round goes on with it. */
async function followed(known: ProbeJob | undefined, pursuit: Pursuit): Promise<ProbeJob | undefined> {
  const { namespace, name, occasion, jobs, signal, waitMs } = pursuit;
  let seen = known;
  for (let waited = 0; seen?.end === undefined; waited += POLL_MS) {
    if (waited >= waitMs && seen) return seen;
    if (waited >= SLICE_MS) return undefined;
    await jobs.wait(Math.max(0, Math.min(POLL_MS, waitMs - waited)), signal);
    signal.throwIfAborted();
    seen = await jobs.find(namespace, name, occasion.author, signal);
  }
  return seen;
}

/** Its time is over: what runs is deleted. Pods that failed meanwhile have decided already. */
async function overdue(made: ProbeJob, { timeoutMs }: Look, jobs: Jobs): Promise<Finding> {
  const kept = await removed(made, jobs);
  const { began, failures } = made;
  const what = `Job ${made.namespace}/${made.name}`;
  const time = formatDuration(timeoutMs);
  if (failures > 0)
    return {
      verdict: 'Unhealthy',
      value: countOf(failures, 'failure'),
      samples: failures,
      message: `${countOf(failures, 'pod')} of ${what} failed and none succeeded within ${time}; with backoffLimit: 0 in its template the first one decides, and stays for its logs${kept}`,
      began,
    };
  return { ...unseen(`${what} was not done within ${time} and was ended: raise the probe's timeout${kept}`), began };
}

async function ended(made: ProbeJob, { now }: Look, jobs: Jobs): Promise<Finding> {
  const { namespace, name, began, end, message, failures } = made;
  const what = `Job ${namespace}/${name}`;
  if (end === 'Complete') {
    const kept = await removed(made, jobs);
    const took = formatDuration(Math.max(1000, Math.round((now - began) / 1000) * 1000));
    return {
      verdict: 'Healthy',
      value: 'succeeded',
      samples: 1,
      message: `${what} succeeded within ${took}${kept}`,
      began,
    };
  }
  if (end === 'DeadlineExceeded')
    return { ...unseen(`${what} ran out of time (activeDeadlineSeconds): raise it in the template`), began };
  return {
    verdict: 'Unhealthy',
    value: 'failed',
    samples: Math.max(1, failures),
    message: `${what} failed (${message}): kubectl -n ${namespace} logs job/${name} (for ${formatDuration(KEEP_SECONDS * 1000)})`,
    began,
  };
}

/** What keeps a Job that is not needed any more, in words; empty where nothing does. */
async function removed(made: ProbeJob, jobs: Jobs): Promise<string> {
  try {
    await jobs.remove(made);
    return '';
  } catch (error) {
    return `; it could not be deleted: ${error instanceof Error ? error.message : String(error)}`;
  }
}
