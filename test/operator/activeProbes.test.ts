/** Probes that call something: what they see decides about the step. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { HttpRequest } from '../../src/probes/probe.ts';
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
