import assert from 'node:assert/strict';
import { projectWorkload, together, workloadOfPod } from '../../src/istio/workloads.ts';

const CART = { app: 'cart' };
const TEMPLATE = { metadata: { labels: { ...CART, tier: 'core' } } };
const metadata = { namespace: 'shop', name: 'cart', labels: { team: 'a' } };
const all = { namespace: 'shop', name: 'cart', labels: { team: 'a' }, podLabels: { ...CART, tier: 'core' } };

function owned(apiVersion: string, kind: string, name = 'above'): object {
  return { ...metadata, ownerReferences: [{ apiVersion, kind, name, controller: true }] };
}

describe('workloads', () => {
  for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout'])
    it(`of a ${kind} go by its selector`, () => {
      const raw = { metadata, spec: { selector: { matchLabels: CART, matchExpressions: [] }, template: TEMPLATE } };
      assert.deepEqual(projectWorkload({ kind, ...raw }), { ...all, kind, selector: CART });
      assert.deepEqual(projectWorkload(raw, kind), { ...all, kind, selector: CART }, 'an item of a list');
    });

  const expression = { key: 'app', operator: 'Exists' };
  for (const [what, selector] of [
    ['with expressions', { matchLabels: CART, matchExpressions: [expression] }],
    ['without labels', { matchLabels: {} }],
    ['that is damaged', { matchLabels: { ...CART, tier: 7 } }],
    ['that is missing', undefined],
  ] as const)
    it(`whose selector is one ${what} go by the labels of their template`, () => {
      const made = projectWorkload({ kind: 'Deployment', metadata, spec: { selector, template: TEMPLATE } });
      assert.deepEqual(made?.selector, { ...CART, tier: 'core' });
    });

  it('of a Job or CronJob go by the labels of their template, without those that Kubernetes generates', () => {
    const generated = {
      'controller-uid': 'u',
      'job-name': 'cart',
      'batch.kubernetes.io/controller-uid': 'u',
      'batch.kubernetes.io/job-name': 'cart',
    };
    const template = { metadata: { labels: { ...CART, ...generated } } };
    const selector = { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } };
    const job = projectWorkload({ kind: 'Job', metadata, spec: { selector, template } });
    assert.deepEqual([job?.kind, job?.selector], ['Job', CART]);
    assert.deepEqual(job?.podLabels, { ...CART, ...generated });
    const cron = projectWorkload({ kind: 'CronJob', metadata, spec: { jobTemplate: { spec: { template } } } });
    assert.deepEqual([cron?.kind, cron?.selector], ['CronJob', CART]);
  });

  it('without a label that lasts have no selector', () => {
    const template = { metadata: { labels: { 'job-name': 'cart' } } };
    assert.deepEqual(projectWorkload({ kind: 'Job', metadata, spec: { template } })?.selector, {});
    const labels = { 'security.istio.io/tlsMode': 'istio', 'service.istio.io/canonical-name': 'cart' };
    assert.deepEqual(workloadOfPod({ metadata: { ...metadata, labels } })?.selector, {});
  });

  for (const type of ['Complete', 'Failed'])
    it(`of a Job are none once it is ${type}`, () => {
      const job = (status: string) => ({
        metadata,
        spec: { template: TEMPLATE },
        status: { conditions: [{ type, status }] },
      });
      assert.equal(projectWorkload(job('True'), 'Job'), undefined);
      assert.ok(projectWorkload(job('False'), 'Job'));
    });

  it('of other kinds, and nameless ones, are none', () => {
    const spec = { selector: { matchLabels: CART }, template: TEMPLATE };
    assert.equal(projectWorkload({ kind: 'ReplicaSet', metadata, spec }), undefined);
    assert.equal(projectWorkload({ metadata, spec }), undefined);
    assert.equal(projectWorkload({ metadata: { name: 'cart' }, spec }, 'Deployment'), undefined);
  });

  it('that belong to a workload are no workloads of their own, but those of any other controller are', () => {
    const spec = { template: TEMPLATE };
    assert.equal(projectWorkload({ metadata: owned('batch/v1', 'CronJob'), spec }, 'Job'), undefined);
    assert.ok(projectWorkload({ metadata: owned('jobset.x-k8s.io/v1alpha2', 'JobSet'), spec }, 'Job'));
    assert.ok(projectWorkload({ metadata: owned('monitoring.coreos.com/v1', 'Prometheus'), spec }, 'StatefulSet'));
    const apps = { ...metadata, ownerReferences: [{ apiVersion: 'batch/v1', kind: 'CronJob', name: 'above' }] };
    assert.ok(projectWorkload({ metadata: apps, spec }, 'Job'), 'an owner that does not control it');
  });
});

describe('a Rollout that refers to a Deployment', () => {
  it('is no workload beside it', () => {
    const spec = { workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart' } };
    assert.equal(projectWorkload({ metadata, spec }, 'Rollout'), undefined);
  });
});

describe('pods', () => {
  it('that nobody controls are workloads, as long as they run', () => {
    const pod = { metadata: { ...metadata, labels: CART } };
    const expected = {
      namespace: 'shop',
      name: 'cart',
      kind: 'Pod',
      selector: CART,
      podLabels: CART,
      labels: CART,
    };
    assert.deepEqual(workloadOfPod({ ...pod, status: { phase: 'Running' } }), expected);
    for (const phase of ['Succeeded', 'Failed']) assert.equal(workloadOfPod({ ...pod, status: { phase } }), undefined);
    const going = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    assert.equal(workloadOfPod({ metadata: going }), undefined);
  });

  for (const [apiVersion, kind, labels] of [
    ['apps/v1', 'StatefulSet', {}],
    ['apps/v1', 'DaemonSet', {}],
    ['batch/v1', 'Job', {}],
    ['v1', 'Node', {}],
    ['apps/v1', 'ReplicaSet', { 'pod-template-hash': '5d9c7b6f48' }],
    ['apps/v1', 'ReplicaSet', { 'rollouts-pod-template-hash': '5d9c7b6f48' }],
  ] as const)
    it(`of a ${kind} ${Object.keys(labels).join()} are none`, () => {
      const meta = { ...owned(apiVersion, kind), labels: { ...CART, ...labels } };
      assert.equal(workloadOfPod({ metadata: meta }), undefined);
    });

  it('of any other controller make one workload, with the labels that all of them share', () => {
    const database = (name: string, labels: object) =>
      workloadOfPod({ metadata: { ...owned('postgresql.cnpg.io/v1', 'Cluster', 'db'), name, labels } })!;
    const found = together([
      database('db-1', { ...CART, role: 'primary' }),
      database('db-2', { ...CART, role: 'replica' }),
    ]);
    assert.deepEqual(
      found.map(({ kind, name, selector, podLabels }) => ({ kind, name, selector, podLabels })),
      [{ kind: 'Cluster', name: 'db', selector: CART, podLabels: CART }],
    );
    for (const [apiVersion, kind] of [
      ['apps/v1', 'ReplicaSet'],
      ['batch.volcano.sh/v1alpha1', 'Job'],
    ] as const)
      assert.equal(workloadOfPod({ metadata: { ...owned(apiVersion, kind), labels: CART } })?.kind, kind);
  });

  it('stand for themselves where the name of their controller fits nowhere', () => {
    for (const [kind, name] of [
      ['Odd/Kind', 'db'],
      ['Cluster', 'No Name'],
    ] as const) {
      const found = workloadOfPod({ metadata: { ...owned('x/v1', kind, name), labels: CART } });
      assert.deepEqual([found?.kind, found?.name], ['Pod', 'cart']);
    }
  });
});
