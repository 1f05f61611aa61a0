/** What goes wrong in a mesh, and which probe is there to see it. */
import type { Mode } from '../../../src/istio/objects.ts';
import { apply, markRunning } from '../boutiqueObjects.ts';
import { patch, remove } from '../rollouts.ts';
import type { Mesh } from './mesh.ts';
import type { Watch } from './watch.ts';

interface Failure {
  /** Name of the probe. */
  probe: string;
  what: string;
  /** Makes it happen; what comes back puts it right again. */
  happens: (mesh: Mesh, watch: Watch) => Promise<() => Promise<void>>;
  says: RegExp;
}

export const FAILURES: readonly Failure[] = [
  {
    probe: 'no-plaintext',
    what: 'a plaintext client before the switch',
    happens: async (_, watch) => {
      await watch.load('legacy/stranger', 'open', 2);
      return () => watch.rest('legacy/stranger', 'open');
    },
    says: /from legacy\/stranger to open\/server without mutual TLS/,
  },
  {
    probe: 'refused',
    what: 'a plaintext client that STRICT refuses',
    happens: async (_, watch) => {
      await watch.load('legacy/stranger', 'sealed', 2);
      return () => watch.rest('legacy/stranger', 'sealed');
    },
    says: /to sealed\/server/,
  },
  {
    probe: 'traffic',
    what: 'a client that does not come any more',
    happens: async (_, watch) => {
      await watch.rest('partner/sync', 'sealed');
      return () => watch.load('partner/sync', 'sealed', 5);
    },
    says: /partner\/sync → sealed\/server fell/,
  },
  {
    probe: 'clients',
    what: 'a rule by which clients of the mesh speak plaintext',
    happens: async mesh => {
      const path = '/apis/networking.istio.io/v1/namespaces/sealed/destinationrules/plain';
      const spec = { host: 'server.sealed.svc.cluster.local', trafficPolicy: { tls: { mode: 'DISABLE' } } };
      const metadata = { namespace: 'sealed', name: 'plain' };
      await apply(mesh.api, { apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule', metadata, spec });
      return () => remove(mesh.api, path);
    },
    says: /client/,
  },
  {
    probe: 'ready',
    what: 'a pod that turns unready',
    happens: async mesh => {
      const { namespace, name, ip } = mesh.pod('sealed/server');
      await markRunning(mesh.api, { namespace, name, ip }, { ready: false });
      return () => markRunning(mesh.api, { namespace, name, ip });
    },
    says: /server-\S+ /,
  },
  {
    probe: 'enforced',
    what: 'a policy that somebody set back',
    happens: async mesh => {
      await set(mesh, 'sealed', 'PERMISSIVE');
      return () => set(mesh, 'sealed', 'STRICT');
    },
    says: /9090/,
  },
  {
    probe: 'api',
    what: 'an admission webhook behind STRICT',
    happens: async mesh => {
      await set(mesh, 'hooks', 'STRICT');
      return () => set(mesh, 'hooks', 'PERMISSIVE');
    },
    says: /guard\.example\.com/,
  },
  {
    probe: 'istiod',
    what: 'configuration that proxies reject',
    happens: async mesh => {
      const path = '/apis/networking.istio.io/v1alpha3/namespaces/open/envoyfilters/broken';
      const patched = { operation: 'MERGE', value: { connect_timeout: '-1s' } };
      const configPatches = [{ applyTo: 'CLUSTER', match: { context: 'SIDECAR_OUTBOUND' }, patch: patched }];
      const object = { apiVersion: 'networking.istio.io/v1alpha3', kind: 'EnvoyFilter' };
      await apply(mesh.api, { ...object, metadata: { namespace: 'open', name: 'broken' }, spec: { configPatches } });
      return () => remove(mesh.api, path);
    },
    says: /reject/,
  },
  {
    probe: 'busy',
    what: 'a number beyond its limit',
    happens: async (_, watch) => {
      await watch.load('partner/sync', 'sealed', 80);
      return () => watch.rest('partner/sync', 'sealed');
    },
    says: /1000/,
  },
  {
    probe: 'gate',
    what: 'a receiver that says no',
    happens: async (_, watch) => {
      watch.receiverAnswers = 500;
      return async () => void (watch.receiverAnswers = 200);
    },
    says: /500/,
  },
];

async function set(mesh: Mesh, namespace: string, mode: Mode): Promise<void> {
  const path = `/apis/security.istio.io/v1/namespaces/${namespace}/peerauthentications/default`;
  await patch(mesh.api, path, { spec: { mtls: { mode } } });
}

/** The API server is to ask `hooks/guard` about objects that there are none of. */
export async function addWebhook(mesh: Mesh): Promise<void> {
  const rule = { apiGroups: ['example.com'], apiVersions: ['v1'], resources: ['nothings'], operations: ['CREATE'] };
  const webhook = {
    name: 'guard.example.com',
    clientConfig: { service: { namespace: 'hooks', name: 'guard', port: 9443 } },
    rules: [rule],
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const kind = 'ValidatingWebhookConfiguration';
  const object = { apiVersion: 'admissionregistration.k8s.io/v1', kind, metadata: { name: 'guard' } };
  await apply(mesh.api, { ...object, webhooks: [webhook] });
}
