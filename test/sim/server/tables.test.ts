import assert from 'node:assert/strict';
import { humanDuration } from '../../../src/sim/server/age.ts';
import { find } from '../../../src/sim/server/jsonPath.ts';
import { bench, type Body } from './cluster.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('embedded server: what kubectl get prints', () => {
  const ages: [number, string][] = [
    [-5 * SECOND, '<invalid>'],
    [0, '0s'],
    [119 * SECOND, '119s'],
    [120 * SECOND, '2m'],
    [3 * MINUTE + 12 * SECOND, '3m12s'],
    [10 * MINUTE + 12 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR, '3h'],
    [3 * HOUR + 5 * MINUTE, '3h5m'],
    [9 * HOUR + 5 * MINUTE, '9h'],
    [48 * HOUR, '2d'],
    [50 * HOUR, '2d2h'],
    [20 * DAY, '20d'],
    [729 * DAY, '729d'],
    [730 * DAY, '2y'],
    [800 * DAY, '2y70d'],
    [9 * 365 * DAY + 3 * DAY, '9y'],
  ];
  for (const [ms, text] of ages) {
    it(`an age of ${ms / SECOND} s is ${text}`, () => assert.equal(humanDuration(ms), text));
  }

  const value = {
    spec: { tags: ['a', 'b'], n: 0, 'x.y/z': 1 },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Stalled', status: 'False', n: 2 },
      ],
    },
  };
  const paths: [string, unknown[]][] = [
    ['.spec.n', [0]],
    ['.spec.tags[1]', ['b']],
    ['.spec.tags[*]', ['a', 'b']],
    ['.spec.tags[-1]', ['b']],
    ['.spec.x\\.y/z', [1]],
    [`.spec['x.y/z']`, [1]],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [`.status.conditions[?(@.type != 'Ready')].status`, ['False']],
    ['.status.conditions[?(@.n==2)].type', ['Stalled']],
    ['.status.nothing.at.all', []],
    ['{.spec.n}', [0]],
  ];
  for (const [path, found] of paths) {
    it(`${path} is ${JSON.stringify(found)}`, () => assert.deepEqual(find(value, path), found));
  }

  it('says where a path cannot be read', () => {
    assert.throws(() => find({}, '.a[?(b)]'), /cannot read JSONPath "\.a\[\?\(b\)\]" at "\[\?\(b\)\]"/);
  });

  async function printed(put: object[], path: string): Promise<Record<string, unknown>[]> {
    const { cluster, clock, ask } = bench();
    for (const object of put) cluster.put(object);
    await clock.advance(3 * MINUTE + 12 * SECOND);
    const { body } = await ask('GET', path, undefined, { accept: TABLE });
    return rows(body);
  }

  function rows({ columnDefinitions, rows: lines }: Body): Record<string, unknown>[] {
    return lines.map(({ cells }) =>
      Object.fromEntries(columnDefinitions.map(({ name }, index) => [name, cells[index]])),
    );
  }

  it('pods', async () => {
    const status = (name: string, ready: boolean, restartCount: number, state = {}) => ({
      name,
      ready,
      restartCount,
      state,
    });
    const pod = (name: string, containerStatuses: object[]) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'shop' },
      spec: { nodeName: 'n', containers: [{ name: 'app' }, { name: 'istio-proxy' }] },
      status: { phase: 'Running', podIP: '10.0.0.1', containerStatuses },
    });
    const crashing = { waiting: { reason: 'CrashLoopBackOff' } };
    const table = await printed(
      [
        pod('a', [status('app', true, 0), status('istio-proxy', true, 0)]),
        pod('b', [status('app', false, 4, crashing), status('istio-proxy', true, 1)]),
      ],
      '/api/v1/namespaces/shop/pods',
    );
    const wide = { IP: '10.0.0.1', Node: 'n' };
    assert.deepEqual(table, [
      { Name: 'a', Ready: '2/2', Status: 'Running', Restarts: '0', Age: '3m12s', ...wide },
      { Name: 'b', Ready: '1/2', Status: 'CrashLoopBackOff', Restarts: '5', Age: '3m12s', ...wide },
    ]);
  });

  it('namespaces, services and events', async () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 's', namespace: 'shop' },
      spec: {
        clusterIP: '10.96.0.1',
        ports: [{ port: 80 }, { port: 53, protocol: 'UDP', nodePort: 30053 }],
        selector: { b: '2', a: '1' },
      },
    };
    const [row] = await printed([service], '/api/v1/services');
    assert.deepEqual([row?.['Port(s)'], row?.Selector, row?.Type], ['80/TCP,53:30053/UDP', 'a=1,b=2', 'ClusterIP']);
    const namespaces = await printed([], '/api/v1/namespaces');
    assert.deepEqual(
      namespaces.map(({ Name, Status }) => `${String(Name)} ${String(Status)}`),
      ['default Active', 'kube-system Active', 'shop Active'],
    );
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'shop' },
      eventTime: '2026-11-02T08:02:12.000000Z',
      regarding: { kind: 'MtlsRollout', name: 'shop', namespace: 'shop' },
      reportingController: 'mtlsrollout.io/operator',
      reportingInstance: 'pod-1',
      action: 'Enforce',
      reason: 'StepBegan',
      type: 'Normal',
      note: 'step 1 of 7',
    };
    const shown = {
      Name: 'e',
      'Last Seen': '60s',
      Type: 'Normal',
      Reason: 'StepBegan',
      Object: 'mtlsrollout/shop',
      Message: 'step 1 of 7',
    };
    assert.deepEqual(await printed([event], '/api/v1/namespaces/shop/events'), [shown]);
    assert.deepEqual(await printed([event], '/apis/events.k8s.io/v1/namespaces/shop/events'), [shown]);
  });
});
