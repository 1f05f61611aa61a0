/** Who serves an Ingress: the controller behind its class, and the pods that such a controller is known to run as. */
import type { Inventory } from '../inventory/inventory.ts';
import type { SeenIngress, SeenPod } from '../inventory/shapes.ts';

/** What calls the backends of an Ingress. */
export interface Controller {
  /** Istio: its gateways are in the mesh. LoadBalancer: nothing in the cluster. Pods: found among `pods`, or nowhere. */
  by: 'Istio' | 'LoadBalancer' | 'Pods';
  /** As messages name it: `k8s.io/ingress-nginx`, or the class. */
  name: string;
  isNginx: boolean;
  pods: readonly SeenPod[];
}

/** Values of `app.kubernetes.io/name`, by what the controller or the name of the class looks like. */
const KNOWN: readonly { fits: RegExp; names: readonly string[] }[] = [
  { fits: /^k8s\.io\/ingress-nginx|^nginx$/, names: ['ingress-nginx'] },
  { fits: /^nginx\.org\//, names: ['nginx-ingress'] },
  { fits: /traefik/, names: ['traefik'] },
  { fits: /kong/, names: ['kong'] },
  { fits: /^haproxy\.org\//, names: ['kubernetes-ingress'] },
  { fits: /haproxy/, names: ['haproxy-ingress'] },
  { fits: /contour/, names: ['contour'] },
  { fits: /getambassador|emissary|ambassador/, names: ['emissary-ingress'] },
  { fits: /apisix/, names: ['apisix'] },
];

/** Load balancers of clouds. They call nodes or pods; which of the two, Services and annotations tell. */
const OUTSIDE = /^ingress\.k8s\.aws\/|^eks\.amazonaws\.com\/|^alb$|^gce(-internal)?$|^openshift\.io\//;

export function controllerOf(inventory: Inventory, { className }: SeenIngress): Controller {
  const { ingressClasses } = inventory;
  const known = ingressClasses.find(({ name, isDefault }) => (className === '' ? isDefault : name === className));
  const name = known?.controller || className || 'of the default class';
  const fitting = KNOWN.find(({ fits }) => fits.test(name));
  const isIstio = name === 'istio.io/ingress-controller' || name === 'istio';
  return {
    by: isIstio ? 'Istio' : OUTSIDE.test(name) ? 'LoadBalancer' : 'Pods',
    name,
    isNginx: fitting === KNOWN[0],
    pods: fitting?.names.flatMap(app => podsOfApps(inventory).get(app) ?? []) ?? [],
  };
}

const APPS = new WeakMap<Inventory, ReadonlyMap<string, readonly SeenPod[]>>();

/** Parts of a controller that bear its name and serve no Ingress. */
const HELPERS: ReadonlySet<string | undefined> = new Set(['admission-webhook', 'default-backend', 'defaultbackend']);

/** Pods by the application that they say they are, whatever their namespace. */
function podsOfApps(inventory: Inventory): ReadonlyMap<string, readonly SeenPod[]> {
  const known = APPS.get(inventory);
  if (known) return known;
  const serving = [...inventory.pods.values()]
    .flat()
    .filter(({ owner, labels }) => owner.kind !== 'Job' && !HELPERS.has(labels['app.kubernetes.io/component']));
  const apps = Map.groupBy(serving, ({ labels }) => labels['app.kubernetes.io/name'] ?? '');
  APPS.set(inventory, apps);
  return apps;
}
