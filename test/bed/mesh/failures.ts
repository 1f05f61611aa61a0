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
      await sealedIs(mesh, 'PERMISSIVE');
      return () => sealedIs(mesh, 'STRICT');
    },
    says: /9090/,
  },
];

async function sealedIs(mesh: Mesh, mode: Mode): Promise<void> {
  const path = '/apis/security.istio.io/v1/namespaces/sealed/peerauthentications/default';
  await patch(mesh.api, path, { spec: { mtls: { mode } } });
}
