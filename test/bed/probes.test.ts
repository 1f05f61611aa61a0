/**
 * Probes that call something, on a real API server: Jobs that it validates and RBAC lets be made, a receiver behind a
 * real address, a webhook whose port goes STRICT, and Services that no operator should call.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { SpecInput } from '../../src/api/schema.ts';
import { type Bed, bedFor } from './bed.ts';
import { apply } from './boutiqueObjects.ts';
import { readAll, type Seen } from './observe.ts';
import type { OperatorProcess } from './operatorProcess.ts';
import { create, patch, policiesIn, QUICK, quick, rolloutPath, untilPhase, untilStatus } from './rollouts.ts';
import { waitFor } from './waiting.ts';

const ROLE = join(import.meta.dirname, '../../config/rbac/jobs.yaml');
const GROUP = 'calls.bed.example.com';
type ProbeInput = NonNullable<SpecInput['probes']>[number];
type Job = Seen & {
  metadata: { name: string };
  spec: { activeDeadlineSeconds: number; ttlSecondsAfterFinished: number };
};

describe('probes that call something, on a real API server', () => {
  let bed: Bed | undefined;
  let operator: OperatorProcess;
  let receiver: Server;
  let status = 200;
  const told: { authorization: string | undefined; body: Record<string, unknown> }[] = [];

  before(async function () {
    bed = await bedFor(this);
    receiver = createServer((request, answer) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        told.push({ authorization: request.headers.authorization, body: JSON.parse(body) as Record<string, unknown> });
        answer.writeHead(status).end('orders fail');
      });
    });
    await new Promise<void>(done => receiver.listen(0, '127.0.0.1', done));
    const { port } = receiver.address() as AddressInfo;
    operator = await bed.startOperator({ webhooks: [{ name: 'checks', url: `http://127.0.0.1:${port}/gate` }] });
  });
  after(async () => {
    await operator?.stop();
    receiver?.close();
    await bed?.stop();
  });

  /** A quick rollout of a namespace of the shop with a probe beside the usual ones. */
  const begin = (namespace: string, probe: ProbeInput, more: Partial<SpecInput> = {}) =>
    create(bed!.api, namespace, quick([namespace], { probes: [...QUICK.probes, probe], ...more }));
  const untilSaid = (namespace: string, says: RegExp) =>
    untilStatus(bed!.api, rolloutPath(namespace), ({ message = '' }) => says.test(message), `${namespace}: ${says}`);

  describe('job', () => {
    const probe: ProbeInput = { name: 'smoke', job: { cronJob: 'smoke-test', namespace: 'ad' } };
    const jobs = () => readAll<Job>(bed!.api, '/apis/batch/v1/namespaces/ad/jobs');

    it('says which role is missing before anybody has bound it', async () => {
      const { api } = bed!;
      const container = { name: 'test', image: 'example.com/test' };
      await apply(api, {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata: { namespace: 'ad', name: 'smoke-test' },
        spec: {
          schedule: '0 0 1 1 *',
          suspend: true,
          jobTemplate: {
            spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', containers: [container] } } },
          },
        },
      });
      await begin('ad', probe);
      await untilSaid('ad', /probe smoke says Error: .*bind the ClusterRole mtls-rollout-jobs to it in namespace ad/);
    });

    it('asks for the consent of whoever may write the CronJob', async () => {
      const { api, plane } = bed!;
      await plane.kubectl(['apply', '-f', ROLE]);
      await apply(api, {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { namespace: 'ad', name: 'mtls-rollout-jobs' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'mtls-rollout-jobs' },
        subjects: [{ kind: 'ServiceAccount', name: 'mtls-rollout', namespace: 'mtls-rollout-system' }],
      });
      await untilSaid('ad', /CronJob ad\/smoke-test does not say that rollouts may run it/);
      assert.deepEqual(await jobs(), []);
    });

    it('makes a Job that the API server takes, completes when it succeeded, and takes it away', async () => {
      const { api } = bed!;
      const consent = { metadata: { annotations: { 'mtlsrollout.io/probe': 'true' } } };
      await patch(api, '/apis/batch/v1/namespaces/ad/cronjobs/smoke-test', consent);
      const made = await waitFor(async () => nonEmpty(await jobs()), 'a Job', 60_000);
      const [{ metadata, spec }] = made as [Job];
      assert.deepEqual([spec.activeDeadlineSeconds, spec.ttlSecondsAfterFinished], [90, 600]);
      await end(bed!, metadata.name, 'Complete');
      await untilPhase(api, rolloutPath('ad'), 'Completed');
      await waitFor(async () => (await jobs()).length === 0, 'the Job to be gone', 60_000);
    });
  });

  it('webhook: sends the plan, and rolls the step back when the receiver says no', async () => {
    const { api } = bed!;
    status = 500;
    await begin('email', { name: 'orders', webhook: { name: 'checks', metadata: { team: 'shop' } } });
    const { status: seen } = await untilPhase(api, rolloutPath('email'), 'RolledBack');
    assert.match(seen!.message!, /probe orders: webhook checks answered with status 500: orders fail/);
    const [{ authorization, body }] = told as [(typeof told)[number]];
    const { checksum, ...rest } = body;
    assert.equal(authorization, undefined);
    assert.match(String(checksum), /^[0-9a-f]{8}$/);
    assert.deepEqual(rest, {
      name: 'email',
      namespace: 'istio-system',
      phase: 'Promoting',
      metadata: { team: 'shop' },
    });
  });

  it('kubernetesApi: sees that STRICT has shut the API server out of a webhook, and rolls back', async () => {
    const { api, shop } = bed!;
    const { port } = shop.workloads.find(({ namespace }) => namespace === 'currency')!;
    await apply(api, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'calls' },
      webhooks: [
        {
          name: `guard.${GROUP}`,
          clientConfig: {
            service: { namespace: 'currency', name: 'currencyservice', port },
            caBundle: '',
          },
          rules: [{ apiGroups: [GROUP], apiVersions: ['v1'], operations: ['CREATE'], resources: ['things'] }],
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
        },
      ],
    });
    await begin('currency', { name: 'api', kubernetesApi: {} }, { preflight: { accept: ['WebhookPort'] } });
    const { status: seen } = await untilPhase(api, rolloutPath('currency'), 'RolledBack');
    assert.match(seen!.message!, new RegExp(`probe api: port .* cannot call webhook guard\\.${GROUP}`));
    assert.ok((await policiesIn(api, 'currency')).every(({ spec }) => spec.mtls?.mode !== 'STRICT'));
  });

  it('http: follows no ExternalName, whatever it leads to', async () => {
    const { api } = bed!;
    await apply(api, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'payment', name: 'elsewhere' },
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port: 80 }] },
    });
    const http = { service: 'elsewhere', namespace: 'payment', port: 80, path: '/' };
    await begin('payment', { name: 'door', http });
    await untilSaid('payment', /Service payment\/elsewhere is of type ExternalName, which is not followed/);
  });
});

/** What the Job controller would write when the pod has ended. */
async function end({ api }: Bed, name: string, type: 'Complete'): Promise<void> {
  const path = `/apis/batch/v1/namespaces/ad/jobs/${name}`;
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const condition = (what: string) => ({ type: what, status: 'True', lastProbeTime: now, lastTransitionTime: now });
  await patch(api, `${path}/status`, { status: { startTime: now } });
  await patch(api, `${path}/status`, {
    status: {
      completionTime: now,
      succeeded: 1,
      uncountedTerminatedPods: {},
      conditions: [condition('SuccessCriteriaMet'), condition(type)],
    },
  });
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined;
}
