/** Services that clients call although their proxies do not know them: such calls pass through as plaintext. */
import { type Inventory, inNamespace } from '../inventory/inventory.ts';
import type { SeenPod, SeenService, SeenSidecar } from '../inventory/shapes.ts';
import { selects } from '../policies.ts';
import { ownerName } from './backends.ts';
import type { Family, Finding } from './family.ts';
import { type Mention, mentionsOf } from './mentions.ts';
import { type Reached, reachedServices } from './reach.ts';
import { listed, path } from './wording.ts';

export const hiddenServices: Family = {
  about: 'Services that clients do not know',
  codes: [
    {
      code: 'HiddenService',
      severity: 'Block',
      title: 'a Sidecar resource hides a Service from pods that call it',
      needs: ['Sidecar', 'Service', 'Pod'],
    },
    {
      code: 'NotExported',
      severity: 'Block',
      title: 'a Service is not exported to pods that call it',
      needs: ['Sidecar', 'Service', 'Pod'],
    },
  ],
  find: (inventory, move) => {
    const bySidecar = new Map<SeenSidecar, Blind[]>();
    const byService = new Map<SeenService, SeenPod[]>();
    for (const reached of reachedServices(inventory, move)) {
      const { service } = reached;
      for (const { pod, sidecar } of passersThrough(inventory, reached)) {
        if (sidecar && !knows(sidecar, service, pod.namespace)) put(bySidecar, sidecar, { pod, service });
        if (!exportedTo(service, pod.namespace)) put(byService, service, pod);
      }
    }
    return [...[...bySidecar].map(hidden), ...[...byService].map(notExported)];
  },
};

function put<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

/** A pod that names a Service which its proxy does not know. */
interface Blind {
  pod: SeenPod;
  service: SeenService;
}

/** Pods with sidecar that name the Service at a port that goes STRICT, and that may call whatever they like. */
function passersThrough(
  inventory: Inventory,
  { service, struck }: Reached,
): { pod: SeenPod; sidecar: SeenSidecar | undefined }[] {
  if (struck.length === 0) return [];
  const meant = new Set(
    struck.flatMap(({ port, servicePort }) => [servicePort.port, ...(service.headless ? [port] : [])]),
  );
  const isMeant = ({ pod, init, port }: Mention) =>
    !init && pod.mesh === 'Sidecar' && (port === undefined || meant.has(port));
  return mentionsOf(inventory, service)
    .filter(isMeant)
    .map(({ pod }) => ({ pod, sidecar: sidecarOf(inventory, pod) }))
    .filter(({ sidecar }) => (sidecar?.outboundMode || inventory.mesh.outboundMode) === 'ALLOW_ANY');
}

/** The resource that counts for the pod: for chosen pods, for its namespace, for the whole mesh. */
function sidecarOf({ sidecars, rootNamespace }: Inventory, { namespace, labels }: SeenPod): SeenSidecar | undefined {
  const own = inNamespace(sidecars, namespace);
  return (
    own.find(({ selector }) => selector && selects(selector, labels)) ??
    own.find(({ selector }) => selector === undefined) ??
    inNamespace(sidecars, rootNamespace).find(({ selector }) => selector === undefined)
  );
}

/** Whether one of the egress hosts covers the Service; `.` is the namespace of the client, whoever wrote the resource. */
function knows({ hosts }: SeenSidecar, { name, namespace }: SeenService, clientNamespace: string): boolean {
  if (!hosts) return true;
  const host = hostOf({ name, namespace });
  return hosts.some(text => {
    const slash = text.indexOf('/');
    const [from, dns] = slash < 0 ? ['*', text] : [text.slice(0, slash), text.slice(slash + 1)];
    const isFrom = from === '*' || from === namespace || (from === '.' && clientNamespace === namespace);
    return isFrom && (dns.startsWith('*') ? host.endsWith(dns.slice(1)) : dns === host);
  });
}

function hostOf({ name, namespace }: { name: string; namespace: string }): string {
  return `${name}.${namespace}.svc.cluster.local`;
}

function exportedTo({ annotations, namespace }: SeenService, clientNamespace: string): boolean {
  const said = annotations['networking.istio.io/exportTo'];
  if (!said) return true;
  const audience = said.split(',').map(text => text.trim());
  return (
    audience.includes('*') ||
    audience.includes(clientNamespace) ||
    (audience.includes('.') && clientNamespace === namespace)
  );
}

function hidden([sidecar, blind]: [SeenSidecar, Blind[]]): Finding {
  const services = blind.map(({ service }) => path(service));
  return {
    code: 'HiddenService',
    severity: 'Block',
    object: `Sidecar ${path(sidecar)}`,
    message: `its egress hosts leave out ${listed(services)}, a name that stands in ${listed(blind.map(({ pod }) => ownerName(pod)))}; such calls pass through the proxy as plaintext, and STRICT refuses them`,
    fix: `add ${listed(blind.map(({ service }) => `${service.namespace}/${hostOf(service)}`))} to its egress hosts`,
  };
}

function notExported([service, pods]: [SeenService, SeenPod[]]): Finding {
  return {
    code: 'NotExported',
    severity: 'Block',
    object: `Service ${path(service)}`,
    message: `annotation networking.istio.io/exportTo hides it from ${listed(pods.map(ownerName))}, where its name stands; such calls pass through the proxy as plaintext, and STRICT refuses them`,
    fix: `add ${listed(pods.map(({ namespace }) => namespace))} to the annotation`,
  };
}
