/** Ways into the cluster that lead to pods of the scope without passing a gateway of the mesh. */
import { type Inventory, inNamespace } from '../inventory/inventory.ts';
import type { SeenIngress, SeenService } from '../inventory/shapes.ts';
import { ownerName, type Struck } from './backends.ts';
import type { Family, Finding } from './family.ts';
import { exceptionFor, oncePerObject } from './findings.ts';
import { controllerOf } from './ingressControllers.ts';
import { type Reached, reachedServices } from './reach.ts';
import { listed, path, ports } from './wording.ts';

const UPSTREAM = 'nginx.ingress.kubernetes.io/service-upstream';
const NEG = 'cloud.google.com/neg';
const ALB_TARGET = 'alb.ingress.kubernetes.io/target-type';

export const exposure: Family = {
  about: 'Ways in from outside',
  codes: [
    {
      code: 'IngressOutsideMesh',
      severity: 'Block',
      title: 'an Ingress whose controller is not in the mesh leads to a port that goes STRICT',
      needs: ['Ingress', 'IngressClass', 'Service', 'Pod'],
    },
    {
      code: 'IngressCallsPods',
      severity: 'Block',
      title: 'an Ingress whose controller is in the mesh, but calls addresses of pods, which passes by its proxy',
      needs: ['Ingress', 'IngressClass', 'Service', 'Pod'],
    },
    {
      code: 'ExposedDirectly',
      severity: 'Block',
      title: 'a Service opens a port that goes STRICT to the outside of the cluster',
      needs: ['Service', 'Pod'],
    },
    {
      code: 'CloudLoadBalancer',
      severity: 'Block',
      title: 'a load balancer or router that is not in the mesh calls pods of the scope itself',
      needs: ['Service', 'Ingress', 'Route', 'TargetGroupBinding', 'Pod'],
    },
  ],
  find: (inventory, move) => {
    const services = reachedServices(inventory, move);
    const byPath = new Map(services.map(reached => [path(reached.service), reached]));
    return oncePerObject([
      ...move.namespaces
        .flatMap(namespace => inNamespace(inventory.ingresses, namespace))
        .flatMap(ingress => ofIngress(inventory, ingress, behindIngress(ingress, byPath))),
      ...services.flatMap(ofService),
      ...move.namespaces.flatMap(namespace => ofBindings(inventory, namespace, byPath)),
    ]);
  },
};

type Services = ReadonlyMap<string, Reached>;

function behindIngress({ kind, namespace, backends }: SeenIngress, services: Services): Struck[] {
  return backends.flatMap(({ service: name, port }) =>
    struckBehind(services, namespace, name).filter(
      ({ servicePort, port: behind }) =>
        [0, '', servicePort.port, servicePort.name].includes(port) ||
        // a Route may name the port of the pods
        (kind === 'Route' && [servicePort.targetPort, behind].includes(port)),
    ),
  );
}

function struckBehind(services: Services, namespace: string, name: string): readonly Struck[] {
  return services.get(path({ namespace, name }))?.struck ?? [];
}

function ofIngress(inventory: Inventory, ingress: SeenIngress, struck: readonly Struck[]): Finding[] {
  if (struck.length === 0) return [];
  const object = `${ingress.kind} ${path(ingress)}`;
  if (ingress.kind === 'Route') return [calledDirectly(object, struck, "OpenShift's router")];
  if (ingress.annotations[ALB_TARGET] === 'ip') return [calledDirectly(object, struck, 'an AWS load balancer')];
  const { by, name, isNginx, pods } = controllerOf(inventory, ingress);
  if (by !== 'Pods') return [];
  const outside = pods.find(({ mesh, proxied }) => mesh === 'None' && !proxied);
  if (pods.length === 0 || outside) {
    const which = outside
      ? `its controller (${ownerName(outside)}) is outside the mesh`
      : `its controller (${name}) was not found among the pods, so it counts as outside the mesh`;
    return [
      finding(
        'IngressOutsideMesh',
        object,
        struck,
        `${object} leads to ${named(struck)}, and ${which}: it calls without mutual TLS`,
        'take the controller into the mesh, or move the way in to a gateway of Istio',
      ),
    ];
  }
  const passesBy = isNginx && pods.some(({ mesh }) => mesh === 'Sidecar') && ingress.annotations[UPSTREAM] !== 'true';
  if (!passesBy) return [];
  return [
    finding(
      'IngressCallsPods',
      object,
      struck,
      `${object} leads to ${named(struck)}, and ingress-nginx, although in the mesh, calls it by the addresses of pods, which its proxy does not know and passes on in plaintext`,
      `set annotation ${UPSTREAM}: "true" on the Ingress, and nginx.ingress.kubernetes.io/upstream-vhost to the full name of the Service`,
    ),
  ];
}

function ofService({ service, struck }: Reached): Finding[] {
  if (struck.length === 0) return [];
  const object = `Service ${path(service)}`;
  const opened = openedBy(service);
  return [
    ...(opened
      ? [
          finding(
            'ExposedDirectly',
            object,
            struck,
            `${object} ${opened}, and leads to ${named(struck)} without passing a gateway of the mesh; callers outside, and health checks of load balancers, have no certificate of it`,
            'let a gateway of Istio take these calls and make the Service ClusterIP',
          ),
        ]
      : []),
    ...(isNetworkEndpointGroup(service) ? [calledDirectly(object, struck, 'a Google Cloud load balancer')] : []),
  ];
}

function openedBy({ type, externalIps }: SeenService): string | undefined {
  if (type === 'NodePort' || type === 'LoadBalancer') return `is of type ${type}`;
  return externalIps.length > 0 ? `has external addresses (${listed(externalIps)})` : undefined;
}

/** The annotation is JSON; `{"ingress": false}` and an empty value ask for nothing. */
function isNetworkEndpointGroup({ annotations }: SeenService): boolean {
  return /"ingress"\s*:\s*true|"exposed_ports"\s*:\s*\{\s*"/.test(annotations[NEG] ?? '');
}

function ofBindings(inventory: Inventory, namespace: string, services: Services): Finding[] {
  return inNamespace(inventory.bindings, namespace).flatMap(({ kind, name, service, port, targetType }) => {
    if (kind !== 'TargetGroupBinding' || targetType !== 'ip') return [];
    const struck = struckBehind(services, namespace, service).filter(({ servicePort }) =>
      [0, '', servicePort.port, servicePort.name].includes(port),
    );
    return struck.length > 0
      ? [calledDirectly(`${kind} ${path({ namespace, name })}`, struck, 'an AWS load balancer')]
      : [];
  });
}

function calledDirectly(object: string, struck: readonly Struck[], who: string): Finding {
  return finding(
    'CloudLoadBalancer',
    object,
    struck,
    `${object} has ${who} call ${named(struck)} itself, requests and health checks alike, without mutual TLS`,
    'let it lead to a gateway of Istio instead',
  );
}

/** `container port 8080 of Deployment shop/cart`. */
function named(struck: readonly Struck[]): string {
  return listed(struck.map(({ pod, port }) => `container port ${port} of ${ownerName(pod)}`));
}

function finding(code: string, object: string, struck: readonly Struck[], message: string, fix: string): Finding {
  return {
    code,
    severity: 'Block',
    object,
    message: `${message}; STRICT refuses that`,
    fix: `${fix}; or keep container ${ports(struck.map(({ port }) => port))} PERMISSIVE with an entry in spec.exceptions`,
    ...exceptionFor(struck, `${object} leads to it without mutual TLS`),
  };
}
