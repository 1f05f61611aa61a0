import assert from 'node:assert/strict';
import type { Pod } from '../../src/istio/objects.ts';
import { aggregatedApi } from '../../src/istio/inventory/aggregatedApi.ts';
import { callbacksOf, seenService } from '../../src/istio/inventory/projections.ts';
import type { Callback } from '../../src/istio/inventory/shapes.ts';
import { kubernetesApi } from '../../src/probes/kubernetesApi.ts';
import type { Called, HelloAnswer } from '../../src/probes/probe.ts';
import { HOUR, look, NOW, pod } from './scene.ts';

const CLIENT = { service: { namespace: 'cart', name: 'hook', port: 443 } };
const HOOK: [Callback['kind'], object] = [
  'ValidatingWebhookConfiguration',
  { metadata: { name: 'guard' }, webhooks: [{ name: 'guard.example.com', clientConfig: CLIENT }] },
];
const CONVERSION: [Callback['kind'], object] = [
  'CustomResourceDefinition',
  { metadata: { name: 'things.example.com' }, spec: { conversion: { webhook: { clientConfig: CLIENT } } } },
];
const api = (status: string, since: number) => ({
  metadata: { name: 'v1.example.com' },
  spec: CLIENT,
  status: {
    conditions: [
      {
        type: 'Available',
        status,
        lastTransitionTime: new Date(since).toISOString(),
        message: 'failing or missing response',
      },
    ],
  },
});
const SERVICE = {
  metadata: { namespace: 'cart', name: 'hook' },
  spec: { selector: { app: 'hook' }, ports: [{ port: 443, targetPort: 'webhook' }] },
};
const HOOK_POD = pod({ name: 'hook-0', labels: { app: 'hook' }, ports: [9443], namedPorts: { webhook: 9443 } });
const MESH: HelloAnswer = { kind: 'Certificate', spiffe: 'spiffe://cluster.local/ns/cart/sa/hook', validTo: undefined };
const OWN: HelloAnswer = { kind: 'Certificate', spiffe: undefined, validTo: undefined };
const CHANGED = NOW - HOUR;

interface Scene {
  hooks?: [Callback['kind'], object][];
  apis?: object[];
  missing?: string[];
  pods?: Pod[];
  service?: object | undefined;
  answer?: (address: string, port: number) => HelloAnswer;
  changedAt?: number | undefined;
}

async function observed(scene: Scene) {
  const { hooks = [HOOK], apis = [], missing = [], pods = [HOOK_POD], answer = () => OWN } = scene;
  const asked: string[] = [];
  const called: Called = {
    callbacks: [...hooks, ...apis.map(raw => ['APIService', raw] as const)].flatMap(([kind, raw]) =>
      callbacksOf(kind, raw),
    ),
    apis: apis.flatMap(raw => aggregatedApi(raw) ?? []),
    missing,
  };
  const service = 'service' in scene ? scene.service : SERVICE;
  const probe = kubernetesApi(
    'calls',
    {
      hello: (address, port) => {
        asked.push(`${address}:${port}`);
        return Promise.resolve(answer(address, port));
      },
    },
    { called: () => Promise.resolve(called), service: () => Promise.resolve(service && seenService(service)) },
  );
  const seen = await probe.observe(look(pods, 'changedAt' in scene ? {} : { changedAt: CHANGED }));
  return { ...seen, asked };
}

describe('the probe kubernetesApi', () => {
  it('is Healthy where the webhook itself answers, and asks the port behind the name of the port', async () => {
    const { verdict, value, asked } = await observed({});
    assert.deepEqual([verdict, value, asked], ['Healthy', '1/1 ports', ['10.0.0.1:9443']]);
  });

  it('is Unhealthy where the mesh answers a stranger, and names what the API server cannot call, and the way out', async () => {
    const { verdict, message } = await observed({ hooks: [HOOK, CONVERSION], answer: () => MESH });
    assert.equal(verdict, 'Unhealthy');
    assert.match(
      message,
      /^port 9443 of cart\/hook-0 \(Service cart\/hook\) .* cannot call webhook guard\.example\.com; the conversion of things\.example\.com: keep the port PERMISSIVE with an entry in spec\.exceptions$/,
    );
  });

  it('is Unhealthy for one pod of several', async () => {
    const second = { ...HOOK_POD, name: 'hook-1', uid: 'cart/hook-1', ip: '10.0.0.2' };
    const answer = (address: string) => (address === '10.0.0.2' ? MESH : OWN);
    const { verdict, value, message } = await observed({ pods: [HOOK_POD, second], answer });
    assert.deepEqual([verdict, value], ['Unhealthy', '1/2 ports']);
    assert.match(message, /cart\/hook-1/);
  });

  const unclear: [string, HelloAnswer, RegExp][] = [
    ['that does not speak TLS', { kind: 'Plaintext' }, /does not speak TLS, which the API server asks for/],
    ['that resets', { kind: 'Reset' }, /does anything listen there\?/],
    ['that is silent', { kind: 'Timeout' }, /can the operator reach it \(NetworkPolicy\)\?/],
  ];
  for (const [what, answer, says] of unclear)
    it(`cannot tell of a port ${what}`, async () => {
      const { verdict, message } = await observed({ answer: () => answer });
      assert.equal(verdict, 'NoData');
      assert.match(message, says);
    });

  const nothing: [string, Scene][] = [
    ['the API server calls nothing', { hooks: [] }],
    ['what it calls is elsewhere', { pods: [pod({ labels: { app: 'other' } })] }],
    ['the Service is not there', { service: undefined }],
    ['the Service selects nothing', { service: { ...SERVICE, spec: { ports: SERVICE.spec.ports } } }],
  ];
  for (const [what, scene] of nothing)
    it(`is Healthy, and asks nobody, where ${what}`, async () => {
      const { verdict, value, asked } = await observed(scene);
      assert.deepEqual([verdict, value, asked], ['Healthy', 'no calls', []]);
    });

  it('asks no port before STRICT was written', async () => {
    const { verdict, asked } = await observed({ changedAt: undefined });
    assert.deepEqual([verdict, asked], ['NoData', []]);
  });

  const apis: [string, object, string, RegExp][] = [
    ['is available', api('True', CHANGED), 'Healthy', /can call what it calls/],
    [
      'went after the change',
      api('False', CHANGED + 1000),
      'Unhealthy',
      /v1\.example\.com is not available any more: failing/,
    ],
    ['was gone before', api('False', CHANGED - 1000), 'Healthy', /was unavailable before the change already/],
    ['is not judged yet', api('Unknown', CHANGED), 'NoData', /does not say yet/],
  ];
  for (const [what, raw, expected, says] of apis)
    it(`is ${expected} for an API that ${what}`, async () => {
      const { verdict, message } = await observed({ hooks: [], apis: [raw] });
      assert.equal(verdict, expected);
      assert.match(message, says);
    });

  it('says which rights are missing, unless it knows worse already', async () => {
    const missing = ['list apiservices.apiregistration.k8s.io', 'list customresourcedefinitions.apiextensions.k8s.io'];
    const blind = await observed({ missing });
    assert.equal(blind.verdict, 'Error');
    assert.match(blind.message, /allow the operator to list apiservices\.apiregistration\.k8s\.io, and to list custom/);
    assert.equal((await observed({ missing, answer: () => MESH })).verdict, 'Unhealthy');
  });
});
