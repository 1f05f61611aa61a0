/** What a client learns about the server before it asks for objects. */
import type { Case } from '../script.ts';

const GROUPS = ['contract.test', 'coordination.k8s.io', 'mtlsrollout.io', 'networking.istio.io', 'security.istio.io'];
const CORE = new Set(['namespaces', 'configmaps', 'events', 'pods', 'pods/status', 'services', 'namespaces/status']);
const ISTIO = new Set(['peerauthentications', 'destinationrules']);

interface Resource {
  name: string;
  [field: string]: unknown;
}

export const discovery: Record<string, Case> = {
  'groups and their versions': async s => {
    const core = await s.quietly({ method: 'GET', path: '/api' });
    s.note('/api', [core.status, core.body['kind'], core.body['versions']]);
    const { body } = await s.quietly({ method: 'GET', path: '/apis' });
    const groups = body['groups'] as { name: string; versions: { groupVersion: string }[]; preferredVersion: object }[];
    const known = groups.filter(({ name }) => GROUPS.includes(name)).sort((a, b) => a.name.localeCompare(b.name));
    for (const { name, versions, preferredVersion } of known) {
      // Istio's networking group has versions for kinds that nobody here reads
      const served = versions.map(({ groupVersion }) => groupVersion).filter(v => !v.endsWith('alpha3'));
      s.note(name, [served, preferredVersion]);
    }
    await s.get('/apis/contract.test');
    await s.get('/apis/absent.test');
  },

  'resources of a version': async s => {
    const look = async (path: string, wanted: (name: string) => boolean) => {
      const { status, body } = await s.quietly({ method: 'GET', path });
      const resources = (body['resources'] as Resource[]).filter(({ name }) => wanted(name));
      const comparable = resources.map(({ storageVersionHash: _hash, verbs, ...resource }) => {
        return { ...resource, verbs: (verbs as string[]).sort() };
      });
      s.note(path, [status, body['kind'], comparable.sort((a, b) => a.name.localeCompare(b.name))]);
    };
    await look('/api/v1', name => CORE.has(name));
    await look('/apis/contract.test/v1', () => true);
    await look('/apis/mtlsrollout.io/v1alpha1', () => true);
    await look('/apis/security.istio.io/v1', name => ISTIO.has(name));
    await look('/apis/security.istio.io/v1beta1', name => ISTIO.has(name));
    await look('/apis/networking.istio.io/v1', name => ISTIO.has(name));
    await look('/apis/coordination.k8s.io/v1', name => name === 'leases');
    await s.get('/apis/contract.test/v2');
  },

  'version and health': async s => {
    const { status, body } = await s.quietly({ method: 'GET', path: '/version' });
    s.note('/version', [status, body['major'], typeof body['minor'], typeof body['gitVersion']]);
    for (const path of ['/readyz', '/livez', '/healthz']) await s.get(path);
  },
};
