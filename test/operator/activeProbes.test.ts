/** Probes that call something: what they see decides about the step. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { HttpRequest } from '../../src/probes/probe.ts';
import type { KubeObject } from '../../src/sim/server/value.ts';
import { Bench } from './harness.ts';
import { PORT, QUICK, rollout, scene, SMALL_SHOP } from './scene.ts';

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'cart' },
  spec: { clusterIP: '10.96.0.11', selector: { app: 'cart' }, ports: [{ port: 80, protocol: 'TCP' }] },
};
type ProbeInput = NonNullable<SpecInput['probes']>[number];

/** A rollout of one namespace with a probe beside the usual ones. */
function bench(probe: ProbeInput, more: readonly object[] = [], given: Partial<SpecInput> = {}): Bench {
  const spec: SpecInput = {
    ...given,
    target: { namespaces: { names: ['cart'] } },
    strategy: { waves: [{ name: 'all', names: ['cart'], soak: '20s' }] },
    ...QUICK,
    probes: [...QUICK.probes!, probe],
  };
  return new Bench([...scene(SMALL_SHOP), ...more, rollout(spec)]);
}

describe('a rollout with the probe http', () => {
  const probe: ProbeInput = { name: 'door', http: { service: 'web', namespace: 'cart', port: 80, path: '/healthz' } };

  it('asks the Service after STRICT, and completes', async () => {
    const it = bench(probe, [SERVICE]);
    const asked: HttpRequest[] = [];
    it.sight.answer = request => {
      asked.push(request);
      assert.equal(it.sight.mode('cart'), 'STRICT');
      return { kind: 'Answer', status: 200, text: '' };
    };
    await it.start();
    await it.untilPhase('Completed');
    assert.ok(asked.length >= 2, `${asked.length} requests`);
    assert.equal(asked[0]?.origin, 'http://10.96.0.11:80');
    it.end();
  });

  it('rolls back when the Service does not answer as it should', async () => {
    const it = bench(probe, [SERVICE]);
    it.sight.answer = () => ({ kind: 'Answer', status: 503, text: '' });
    await it.start();
    await it.untilPhase('RolledBack');
    assert.match(it.status().message ?? '', /probe door: .*Service cart\/web answered with status 503, not 200-399/);
    assert.equal(it.sight.mode('cart'), 'PERMISSIVE');
    it.end();
  });

  it('holds, and does not roll back, while there is no Service', async () => {
    const it = bench(probe);
    await it.start();
    await it.untilPhase('Soaking');
    await it.clock.advance(600_000);
    assert.match(it.status().message ?? '', /probe door says Error: there is no Service cart\/web/);
    it.cluster.put(SERVICE);
    await it.untilPhase('Completed');
    it.end();
  });
});

describe('a rollout with the probe kubernetesApi', () => {
  const probe: ProbeInput = { name: 'hooks', kubernetesApi: {} };
  const hook = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'things', singular: 'thing', kind: 'Thing' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      conversion: {
        strategy: 'Webhook',
        webhook: {
          conversionReviewVersions: ['v1'],
          clientConfig: { service: { namespace: 'cart', name: 'web', port: 80 } },
        },
      },
    },
  };
  const behind = { ...SERVICE, spec: { ...SERVICE.spec, ports: [{ port: 80, targetPort: PORT, protocol: 'TCP' }] } };

  it('rolls back when STRICT has shut the API server out, although the author took that on', async () => {
    const it = bench(probe, [behind, hook], { preflight: { accept: ['WebhookPort'] } });
    await it.start();
    await it.untilPhase('RolledBack');
    assert.match(
      it.status().message ?? '',
      /probe hooks: port 8080 of cart\/cart-.* cannot call the conversion of things\.example\.com/,
    );
    assert.equal(it.sight.mode('cart'), 'PERMISSIVE');
    it.end();
  });

  it('completes where the API server calls nothing in scope', async () => {
    const it = bench(probe, [behind]);
    await it.start();
    await it.untilPhase('Completed');
    const seen = it.status().probes?.find(({ name }) => name === 'hooks');
    assert.equal(seen?.value, 'no calls');
    it.end();
  });
});

describe('a rollout with the probe job', () => {
  const JOB_API = 'batch/v1';
  const probe: ProbeInput = { name: 'smoke', timeout: '1m', job: { cronJob: 'smoke-test', namespace: 'cart' } };
  const cronJob = {
    apiVersion: JOB_API,
    kind: 'CronJob',
    metadata: { name: 'smoke-test', namespace: 'cart', annotations: { 'mtlsrollout.io/probe': 'true' } },
    spec: {
      schedule: '0 0 1 1 *',
      suspend: true,
      jobTemplate: {
        metadata: { labels: { team: 'shop' } },
        spec: { backoffLimit: 0, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'test' }] } } },
      },
    },
  };
  const jobsOf = (it: Bench) => it.cluster.list(JOB_API, 'Job', 'cart');

  /** What the Job controller of a cluster does: every Job ends like this after a while, unless it is gone by then. */
  function control(it: Bench, afterMs: number, status: object): KubeObject[] {
    const made: KubeObject[] = [];
    it.cluster.subscribe(({ table, verb, object }) => {
      if (table !== 'jobs.batch' || verb !== 'create') return;
      made.push(object);
      void it.clock.wait(afterMs).then(() => {
        const { namespace = '', name } = object.metadata;
        const now = it.cluster.get(JOB_API, 'Job', namespace, name);
        if (now) it.cluster.put({ ...now, status });
      });
    });
    return made;
  }
  const ended = (type: string, more: object = {}) => ({ conditions: [{ type, status: 'True', ...more }] });

  it('completes when each look has had a Job of its own that succeeded, and leaves none that has ended behind', async () => {
    const it = bench(probe, [cronJob]);
    const made = control(it, 12_000, ended('Complete'));
    await it.start();
    await it.untilPhase('Completed');
    assert.ok(made.length >= 2, `${made.length} Jobs`);
    assert.equal(new Set(made.map(({ metadata }) => metadata.name)).size, made.length);
    const left = jobsOf(it) as (KubeObject & { status?: object; spec: { ttlSecondsAfterFinished: number } })[];
    // one that runs when the step ends is removed by Kubernetes
    assert.ok(left.length <= 1, `${left.length} Jobs are left`);
    for (const { status, spec } of left) assert.deepEqual([status, spec.ttlSecondsAfterFinished], [undefined, 600]);
    const { labels, annotations } = made[0]!.metadata;
    assert.deepEqual(labels, { team: 'shop', 'app.kubernetes.io/managed-by': 'mtls-rollout' });
    assert.match(annotations?.['mtlsrollout.io/rollout'] ?? '', /^istio-system\/shop\//);
    it.end();
  });

  it('goes on with the other probes while a Job runs, and its time is no gap in the soak', async () => {
    const it = bench(probe, [cronJob]);
    control(it, 45_000, ended('Complete'));
    await it.start();
    await it.untilPhase('Soaking');
    const since = it.status().step?.since;
    await it.clock.advance(40_000);
    const ready = it.status().probes?.find(({ name }) => name === 'ready');
    assert.ok(it.clock.now() - Date.parse(ready!.at) < 15_000, `ready looked at ${ready?.at}`);
    assert.equal(it.status().step?.since, since);
    assert.equal(jobsOf(it).length, 1);
    await it.untilPhase('Completed');
    it.end();
  });

  it('rolls back when a Job fails, which stays for its logs', async () => {
    const it = bench(probe, [cronJob]);
    control(it, 3_000, ended('Failed', { reason: 'BackoffLimitExceeded', message: 'Job has reached the limit' }));
    await it.start();
    await it.untilPhase('RolledBack');
    assert.match(it.status().message ?? '', /probe smoke: Job cart\/smoke-\w+ failed \(BackoffLimitExceeded: Job has/);
    assert.equal(jobsOf(it).length, 1);
    it.end();
  });

  it('is an Error when a Job takes too long, which is deleted, and holds', async () => {
    const it = bench(probe, [cronJob]);
    const made = control(it, 3_600_000, {});
    await it.start();
    await it.untilPhase('Soaking');
    await it.clock.advance(80_000);
    assert.match(it.status().message ?? '', /probe smoke says Error: Job .* was not done within 1m and was ended/);
    assert.equal(it.cluster.get(JOB_API, 'Job', 'cart', made[0]!.metadata.name), undefined);
    assert.equal(it.status().phase, 'Soaking');
    it.end();
  });

  it('finds the Job that runs when the operator starts anew', async () => {
    const it = bench(probe, [cronJob]);
    const made = control(it, 20_000, ended('Complete'));
    const first = await it.start();
    await it.clock.runUntil(() => made.length === 1, 600_000);
    await it.clock.advance(2_000);
    first.kill();
    await it.start('second');
    await it.clock.runUntil(() => it.status().probes?.some(({ name }) => name === 'smoke') === true, 120_000);
    const seen = it.status().probes?.find(({ name }) => name === 'smoke');
    assert.equal(seen?.verdict, 'Healthy');
    assert.ok(seen.message.includes(made[0]!.metadata.name), seen.message);
    await it.untilPhase('Completed');
    it.end();
  });

  const hindered: [string, object[], RegExp][] = [
    ['there is no CronJob', [], /there is no CronJob cart\/smoke-test: make one with `suspend: true`/],
    [
      'the CronJob does not consent',
      [{ ...cronJob, metadata: { ...cronJob.metadata, annotations: {} } }],
      /CronJob cart\/smoke-test does not say that rollouts may run it: annotate it with mtlsrollout\.io\/probe/,
    ],
  ];
  for (const [what, more, says] of hindered)
    it(`holds, and runs nothing, where ${what}`, async () => {
      const it = bench(probe, more);
      await it.start();
      await it.untilPhase('Soaking');
      await it.clock.advance(60_000);
      assert.match(it.status().message ?? '', says);
      assert.deepEqual(jobsOf(it), []);
      it.end();
    });
});

describe('a rollout with the probe webhook', () => {
  const probe: ProbeInput = { name: 'orders', webhook: { name: 'checks' } };
  const receiver = { name: 'checks', url: 'http://checks.example.com/', timeoutMs: 10_000, namespaces: [] };

  it('tells the receiver of its plan, and rolls back when that says no', async () => {
    const it = bench(probe);
    it.receivers = [receiver];
    const told: unknown[] = [];
    it.sight.answer = ({ body = '' }) => {
      told.push(JSON.parse(body));
      return { kind: 'Answer', status: 500, text: 'orders fail' };
    };
    await it.start();
    await it.untilPhase('Soaking');
    const { plan: checksum } = it.status();
    await it.untilPhase('RolledBack');
    assert.match(it.status().message ?? '', /probe orders: webhook checks answered with status 500: orders fail/);
    assert.deepEqual(told, [{ name: 'shop', namespace: 'istio-system', phase: 'Promoting', checksum, metadata: {} }]);
    it.end();
  });
});
