import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import { managerOf } from '../../src/istio/ownership.ts';
import { IGNORED_NAMESPACES, projectNamespace, projectPod } from '../../src/istio/pods.ts';
import { projectWorkload, together, workloadOfPod } from '../../src/istio/workloads.ts';
import { policiesOf } from '../../src/istio/policies.ts';

const LABELS = { app: 'cart', 'security.istio.io/tlsMode': 'istio' };
const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`;
const ms = (second: number) => Date.parse(at(second));

function rawPod(change: { labels?: object; annotations?: object; spec?: object; status?: object } = {}) {
  return {
    metadata: {
      namespace: 'shop',
      name: 'cart-1',
      uid: 'u1',
      creationTimestamp: at(1),
      labels: change.labels ?? LABELS,
      annotations: change.annotations ?? {},
    },
    spec: {
      containers: [
        {
          name: 'cart',
          ports: [
            { containerPort: 7070 },
            { containerPort: 53, protocol: 'UDP' },
            { name: 'http', containerPort: 80, protocol: 'TCP' },
          ],
        },
        { name: 'istio-proxy', ports: [{ containerPort: 15090 }] },
      ],
      ...change.spec,
    },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(5) }],
      ...change.status,
    },
  };
}

describe('pods', () => {
  it('have the ports that their sidecar takes, and no others', () => {
    const ports = (annotations: Record<string, string>) =>
      projectPod(
        rawPod({
          annotations: Object.fromEntries(
            Object.entries(annotations).map(([key, value]) => [`traffic.sidecar.istio.io/${key}`, value]),
          ),
        }),
      ).ports;
    assert.deepEqual(ports({ excludeInboundPorts: '15020, 7070' }), [80]);
    assert.deepEqual(ports({ includeInboundPorts: '7070,9000' }), [7070]);
    assert.deepEqual(ports({ includeInboundPorts: '' }), []);
    assert.deepEqual(ports({ includeInboundPorts: '*', excludeInboundPorts: '' }), [80, 7070]);
  });

  it('are gateways by what their proxy was started as', () => {
    const started = (as: string) =>
      projectPod(rawPod({ spec: { containers: [{ name: 'istio-proxy', args: ['proxy', as, '--domain'] }] } })).gateway;
    assert.deepEqual(['router', 'waypoint', 'sidecar'].map(started), [true, true, false]);
  });

  it('are cut down to what is needed', () => {
    assert.deepEqual(projectPod(rawPod()), {
      namespace: 'shop',
      name: 'cart-1',
      uid: 'u1',
      ip: '10.0.0.1',
      labels: LABELS,
      created: ms(1),
      mesh: 'Sidecar',
      gateway: false,
      ready: true,
      readySince: ms(5),
      restarts: 0,
      restartedAt: undefined,
      ports: [80, 7070],
      namedPorts: { http: 80 },
      finished: false,
    });
  });

  const app = { name: 'cart' };
  const proxy = { name: 'istio-proxy', ports: [{ containerPort: 15090 }] };
  const redirected = { 'ambient.istio.io/redirection': 'enabled' };
  const membership: [string, Parameters<typeof rawPod>[0], string][] = [
    ['proxy as container', { spec: { containers: [app, proxy] } }, 'Sidecar'],
    [
      'proxy as native sidecar',
      { spec: { containers: [app], initContainers: [{ ...proxy, restartPolicy: 'Always' }] } },
      'Sidecar',
    ],
    ['proxy as init container', { spec: { containers: [app], initContainers: [proxy] } }, 'Sidecar'],
    ['proxy without the label', { labels: { app: 'cart' } }, 'None'],
    ['proxy with the label disabled', { labels: { 'security.istio.io/tlsMode': 'disabled' } }, 'None'],
    ['label without proxy', { spec: { containers: [app] } }, 'None'],
    ['taken by ztunnel', { labels: {}, annotations: redirected, spec: { containers: [app] } }, 'Ambient'],
    [
      'no longer taken by ztunnel',
      { annotations: { 'ambient.istio.io/redirection': 'disabled' }, spec: { containers: [app] } },
      'None',
    ],
  ];
  for (const [name, change, mesh] of membership)
    it(`are in the mesh or not: ${name}`, () => assert.equal(projectPod(rawPod(change)).mesh, mesh));

  it('count restarts and know the newest one, also in a crash loop', () => {
    const running = { name: 'cart', restartCount: 2, state: { running: { startedAt: at(20) } } };
    const looping = {
      name: 'istio-proxy',
      restartCount: 1,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { startedAt: at(30), finishedAt: at(31) } },
    };
    const fresh = { name: 'other', restartCount: 0, state: { running: { startedAt: at(50) } } };
    const restarted = projectPod(rawPod({ status: { containerStatuses: [running, looping, fresh] } }));
    assert.deepEqual([restarted.restarts, restarted.restartedAt], [3, ms(30)]);
    const first = projectPod(rawPod({ status: { containerStatuses: [fresh] } }));
    assert.deepEqual([first.restarts, first.restartedAt], [0, undefined]);
  });

  it('count restarts of native sidecars but not of init containers', () => {
    const spec = {
      containers: [app],
      initContainers: [
        { name: 'migrate' },
        { name: 'agent', restartPolicy: 'Always', ports: [{ containerPort: 9000 }] },
      ],
    };
    const initContainerStatuses = [
      { name: 'migrate', restartCount: 4, state: {} },
      { name: 'agent', restartCount: 1, state: { running: { startedAt: at(9) } } },
    ];
    const pod = projectPod(rawPod({ spec, status: { initContainerStatuses } }));
    assert.deepEqual([pod.restarts, pod.restartedAt, pod.ports], [1, ms(9), [9000]]);
  });

  it('are finished when they ended, either way', () => {
    const finished = ['Pending', 'Running', 'Unknown', 'Succeeded', 'Failed'].filter(
      phase => projectPod(rawPod({ status: { phase } })).finished,
    );
    assert.deepEqual(finished, ['Succeeded', 'Failed']);
  });

  it('are not ready without the condition, since they were made', () => {
    const pod = projectPod(rawPod({ status: { conditions: [{ type: 'Initialized', status: 'True' }], podIP: '' } }));
    assert.deepEqual([pod.ready, pod.readySince, pod.ip], [false, ms(1), undefined]);
  });
});

describe('namespaces', () => {
  it('are cut down, with the second they were made', () => {
    const metadata = { name: 'shop', uid: 'n1', creationTimestamp: '2026-01-01T00:00:05.900Z', labels: { team: 'a' } };
    const expected = { name: 'shop', uid: 'n1', created: ms(5) / 1000, labels: { team: 'a' }, terminating: false };
    assert.deepEqual(projectNamespace({ metadata }), expected);
    const going = [
      { metadata: { ...metadata, deletionTimestamp: at(9) } },
      { metadata, status: { phase: 'Terminating' } },
    ];
    for (const raw of going) assert.deepEqual(projectNamespace(raw), { ...expected, terminating: true });
  });

  it('of Kubernetes itself are known', () => {
    assert.ok(IGNORED_NAMESPACES.has('kube-system'));
    assert.ok(!IGNORED_NAMESPACES.has('default'));
  });
});

describe('any value at all', () => {
  const part = fc.dictionary(
    fc.constantFrom(
      'name',
      'labels',
      'annotations',
      'containers',
      'ports',
      'conditions',
      'containerStatuses',
      '__proto__',
      'selector',
      'matchLabels',
      'ownerReferences',
      'managedFields',
      'creationTimestamp',
      'restartCount',
      'state',
      'toString',
    ),
    fc.anything(),
    { noNullPrototype: true },
  );
  const whole = fc.oneof(fc.anything(), fc.record({ metadata: part, spec: part, status: part }, { requiredKeys: [] }));

  it('can be read without harm', () => {
    fc.assert(
      fc.property(whole, raw => {
        const pod = projectPod(raw);
        assert.ok(Object.values(pod.labels).every(value => typeof value === 'string'));
        assert.ok(pod.ports.every(port => port >= 1 && port <= 65535));
        assert.ok([pod.created, pod.readySince, pod.restarts].every(number => !Number.isNaN(number)));
        assert.equal(effectiveModes(policiesOf([]), 'istio-system', 'shop', pod.labels).workload.mode, 'PERMISSIVE');
        projectNamespace(raw);
        for (const kind of ['Deployment', 'Job', 'CronJob']) projectWorkload(raw, kind);
        const workload = workloadOfPod(raw);
        if (workload) together([workload, workload]);
        managerOf((raw ?? {}) as Parameters<typeof managerOf>[0]);
      }),
    );
  });
});
