/** Services of a scope, and what they leave out, by which plaintext reaches a pod although everybody has a proxy. */
import type { ByNamespace, Inventory } from '../inventory/inventory.ts';
import type { SeenPod, SeenService } from '../inventory/shapes.ts';
import { ownerName, type Struck } from './backends.ts';
import type { Family, Finding, Move } from './family.ts';
import { exceptionFor } from './findings.ts';
import { declaredProtocol, likelyProtocol } from './protocols.ts';
import { byWorkload, declaredPorts, goesStrict, isTcp, type Reached, reachedServices } from './reach.ts';
import { olderControlPlane } from './versions.ts';
import { listed, path, ports } from './wording.ts';

export const services: Family = {
  about: 'Services and protocols',
  codes: [
    {
      code: 'UncoveredPort',
      severity: 'Info',
      title: 'a port that goes STRICT and that no Service leads to',
      needs: ['Pod', 'Service'],
    },
    {
      code: 'HeadlessService',
      severity: 'Warn',
      title: 'a headless Service, whose clients may call pods by address',
      needs: ['Service', 'Pod'],
    },
    {
      code: 'SelectorlessService',
      severity: 'Warn',
      title: 'a Service without selector, whose endpoints are spoken to in plaintext',
      needs: ['Service'],
    },
    {
      code: 'ExternalNameService',
      severity: 'Info',
      title: 'an alias of a Service, through which an old control plane does not bring mutual TLS',
      needs: ['Service', 'Pod', 'Deployment'],
    },
    {
      code: 'ServerFirstPort',
      severity: 'Warn',
      title: 'a protocol in which the server speaks first, on a port that is not declared as TCP',
      needs: ['Service', 'Pod'],
    },
    {
      code: 'OwnTls',
      severity: 'Warn',
      title: 'a port on which the application ends TLS of its own',
      needs: ['Service', 'Pod'],
    },
  ],
  find: (inventory, move) => {
    const reached = reachedServices(inventory, move);
    return [
      ...uncovered(move, reached),
      ...reached.flatMap(one => [...headless(one), ...selectorless(one), ...serverFirst(one), ...ownTls(one)]),
      ...aliases(inventory, reached),
    ];
  },
};

function objectOf(service: SeenService): string {
  return `Service ${path(service)}`;
}

/** Ambient is left out: ztunnel knows a pod by its address too. */
function uncovered(move: Move, reached: readonly Reached[]): Finding[] {
  const covered = new Map<SeenPod, Set<number>>();
  for (const { pod, port } of reached.flatMap(({ struck }) => struck))
    covered.set(pod, (covered.get(pod) ?? new Set()).add(port));
  const workloads = byWorkload(move.pods, pod =>
    pod.mesh === 'Sidecar'
      ? declaredPorts(pod, isTcp).filter(port => !covered.get(pod)?.has(port) && goesStrict(move, pod, port))
      : [],
  );
  return [...workloads].map(([object, missing]) => ({
    code: 'UncoveredPort',
    severity: 'Info',
    object,
    message: `no Service leads to container ${ports(missing)}; clients that call its pods there by address send plaintext, even with a sidecar`,
    fix: 'add the port to a Service and call it by that name, or keep it PERMISSIVE with an entry in spec.exceptions',
  }));
}

function headless({ service, struck }: Reached): Finding[] {
  const sidecars = struck.filter(({ pod }) => pod.mesh === 'Sidecar');
  const [first] = sidecars;
  if (!service.headless || !first) return [];
  return [
    {
      code: 'HeadlessService',
      severity: 'Warn',
      object: objectOf(service),
      message: `it is headless and leads to ${ownerName(first.pod)} on container ${ports(sidecars.map(({ port }) => port))}; peers that call pods by address, or on ports that it does not declare, send plaintext, which STRICT refuses`,
      fix: 'declare every port that peers use, call pods as <pod>.<service>, and look for plaintext before the step',
    },
  ];
}

function selectorless({ service }: Reached): Finding[] {
  const isCluster = service.namespace === 'default' && service.name === 'kubernetes';
  if (Object.keys(service.selector).length > 0 || service.type === 'ExternalName' || isCluster) return [];
  return [
    {
      code: 'SelectorlessService',
      severity: 'Warn',
      object: objectOf(service),
      message:
        'it has no selector; endpoints that somebody made by hand are spoken to in plaintext, so those that are pods of the scope refuse it under STRICT',
      fix: 'give the Service a selector, or make sure that its endpoints are no pods of the scope',
    },
  ];
}

function serverFirst({ service, struck }: Reached): Finding[] {
  const named = struck.flatMap(({ port, servicePort }) => {
    const likely = likelyProtocol(servicePort, port);
    const sniffed = likely?.serverFirst && declaredProtocol(servicePort) === undefined;
    return sniffed ? [`${servicePort.port} (${likely.name})`] : [];
  });
  if (named.length === 0) return [];
  return [
    {
      code: 'ServerFirstPort',
      severity: 'Warn',
      object: objectOf(service),
      message: `on its port ${listed(named)} the server speaks first, and Istio is not told that it is TCP; it works under STRICT, but connections hang under PERMISSIVE, so while it prepares and after a rollback`,
      fix: 'set appProtocol: tcp on the port, or let its name begin with tcp-',
    },
  ];
}

function ownTls({ service, struck }: Reached): Finding[] {
  const own = struck.filter(isOwnTls);
  const [first] = own;
  if (!first) return [];
  return [
    {
      code: 'OwnTls',
      severity: 'Warn',
      object: objectOf(service),
      message: `its port ${listed(own.map(({ servicePort }) => servicePort.port))} leads to TLS that ${ownerName(first.pod)} ends itself; clients outside the mesh reach it with that TLS today and are refused under STRICT, clients in the mesh go on`,
      fix: `if somebody outside the mesh needs it, keep container ${ports(own.map(({ port }) => port))} PERMISSIVE with an entry in spec.exceptions`,
      ...exceptionFor(own, 'clients outside the mesh bring TLS that the application ends'),
    },
  ];
}

function isOwnTls({ pod, port, servicePort }: Struck): boolean {
  if (['https', 'tls'].includes(declaredProtocol(servicePort) ?? '')) return true;
  const declared = pod.containers.flatMap(container => container.ports).filter(({ number }) => number === port);
  return declared.some(({ name }) => /^(https|tls)(-|$)/.test(name));
}

const ALIASES = new WeakMap<ByNamespace<SeenService>, ReadonlyMap<string, SeenService[]>>();

/** ExternalName Services by the full name that they stand for. */
function aliasesOf(all: ByNamespace<SeenService>): ReadonlyMap<string, SeenService[]> {
  const known = ALIASES.get(all);
  if (known) return known;
  const external = [...all.values()].flat().filter(({ type }) => type === 'ExternalName');
  const found = Map.groupBy(external, ({ externalName }) => externalName.replace(/\.$/, ''));
  ALIASES.set(all, found);
  return found;
}

function aliases(inventory: Inventory, reached: readonly Reached[]): Finding[] {
  const old = olderControlPlane(inventory, '1.21');
  if (!old) return [];
  const all = aliasesOf(inventory.services);
  return reached
    .filter(({ struck }) => struck.length > 0)
    .flatMap(({ service }) =>
      (all.get(`${service.name}.${service.namespace}.svc.cluster.local`) ?? []).map(
        (alias): Finding => ({
          code: 'ExternalNameService',
          severity: 'Info',
          object: objectOf(alias),
          message: `it stands for Service ${path(service)}; with Istio ${old.version}, clients that call it by this name send plaintext`,
          fix: `let clients call ${service.name}.${service.namespace} itself, or update Istio to 1.21 or newer`,
        }),
      ),
    );
}
