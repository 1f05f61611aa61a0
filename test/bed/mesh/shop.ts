/** The Online Boutique on a real mesh: the shop's call graph, names and ports, with an edge proxy before it. */
import { GATEWAY, GATEWAY_NAMESPACE, SHOP, type ShopWorkload, specOf } from '../boutique.ts';
import type { Mesh } from './mesh.ts';
import type { MeshPod, MeshWorkload } from './pods.ts';

const PROGRAMS = [...SHOP, GATEWAY];

export interface Shop {
  /** The eleven namespaces of the shop, sorted. */
  namespaces: string[];
  pods: MeshPod[];
  /** In front of `frontend`; a member of the mesh that strangers may call. */
  gateway: MeshPod;
}

/** Brings the shop up; every service calls its callees whenever it is called. */
export async function openShop(mesh: Mesh): Promise<Shop> {
  for (const { namespace } of SHOP) await mesh.addNamespace(namespace, { 'istio-injection': 'enabled', team: 'shop' });
  const pods = await mesh.add(...PROGRAMS.map(meshWorkload));
  for (const each of PROGRAMS) {
    const pod = mesh.pod(`${each.namespace}/${each.name}`);
    const calls = await Promise.all(each.calls.map(callee => callTo(pod, callee)));
    if (calls.length > 0) await mesh.programs.setCalls(pod.netns, each.port, calls);
  }
  const namespaces = [...new Set(SHOP.map(({ namespace }) => namespace))].sort();
  return { namespaces, pods, gateway: mesh.pod(`${GATEWAY_NAMESPACE}/${GATEWAY.name}`) };
}

function shopWorkload(name: string): ShopWorkload {
  const found = PROGRAMS.find(each => each.name === name);
  if (found === undefined) throw new RangeError(`the shop has no ${name}`);
  return found;
}

/** Port of the Service; the container port where there is no Service. */
export function servicePort({ port, servicePort: other }: ShopWorkload): number {
  return other ?? port;
}

function meshWorkload(each: ShopWorkload): MeshWorkload {
  const spec = specOf(each);
  const serves = each.protocol === 'tcp' ? 'echo' : 'http';
  return { ...spec, ports: spec.ports.map(port => ({ ...port, serves })) };
}

async function callTo(pod: MeshPod, name: string) {
  const callee = shopWorkload(name);
  const address = await pod.addressOf(`${callee.namespace}/${name}`, servicePort(callee));
  return { kind: callee.protocol === 'tcp' ? ('tcp' as const) : ('http' as const), address };
}
