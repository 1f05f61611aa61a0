/** Callers that have no proxy, or whose calls pass by their proxy: what they send is plaintext, whatever the mesh says. */
import { type Inventory, inNamespace } from '../inventory/inventory.ts';
import type { SeenPod } from '../inventory/shapes.ts';
import { ownerName } from './backends.ts';
import { type Calls, callsOf } from './calls.ts';
import type { Family, Finding, Move } from './family.ts';
import type { Mention } from './mentions.ts';
import { exceptionFor, oncePerObject } from './findings.ts';
import { reachedServices } from './reach.ts';
import { listed, ports } from './wording.ts';

const PROXY_USER = 1337;

export const clients: Family = {
  about: 'Clients without mutual TLS',
  codes: [
    {
      code: 'UnmeshedClient',
      severity: 'Block',
      title: 'a workload without proxy that names a Service of the scope',
      needs: ['Pod', 'Service', 'Deployment', 'StatefulSet', 'DaemonSet', 'Rollout'],
    },
    {
      code: 'UnmeshedJob',
      severity: 'Block',
      title: 'a Job or CronJob without proxy that names a Service of the scope',
      needs: ['Pod', 'Job', 'CronJob', 'Service'],
    },
    {
      code: 'ExcludedOutbound',
      severity: 'Warn',
      title: 'a client whose calls pass by its proxy, because an annotation says so',
      needs: ['Pod', 'Service'],
    },
    {
      code: 'InitContainerCalls',
      severity: 'Warn',
      title: 'an init container that names a Service of the scope and runs before the proxy does',
      needs: ['Pod', 'Service'],
    },
    {
      code: 'RunsAsProxyUser',
      severity: 'Warn',
      title: 'a container that runs as the user of the proxy, so that its calls pass by the proxy',
      needs: ['Pod'],
    },
    {
      code: 'StartsBeforeProxy',
      severity: 'Info',
      title: 'an application that may call a Service of the scope before its proxy is ready',
      needs: ['Pod', 'Service'],
    },
  ],
  find: (inventory, move) => {
    const own = move.namespaces.flatMap(namespace => [...inNamespace(inventory.pods, namespace)]);
    const meshed = own.filter(({ mesh, gateway }) => mesh === 'Sidecar' && !gateway);
    const calls = callsOf(inventory, move, kindOfCall(inventory, move));
    return oncePerObject([
      ...outsiders(calls.get('Outside') ?? []),
      ...excluded(inventory, move, meshed),
      ...(calls.get('Initial') ?? []).map(initial),
      ...meshed.flatMap(proxyUser),
      ...(calls.get('Early') ?? []).map(early),
    ]);
  },
};

/** Why a call may be plaintext; undefined where a proxy takes it. Of callers with a proxy the scope's own are meant. */
function kindOfCall(
  inventory: Inventory,
  move: Move,
): (mention: Mention) => 'Outside' | 'Initial' | 'Early' | undefined {
  const namespaces = new Set(move.namespaces);
  return ({ pod, init }) => {
    if (pod.gateway) return undefined;
    if (pod.mesh === 'None' && !pod.proxied) return 'Outside';
    if (pod.mesh !== 'Sidecar' || !namespaces.has(pod.namespace) || isFirst(pod)) return undefined;
    if (init) return 'Initial';
    return waits(inventory, pod) ? undefined : 'Early';
  };
}

/** Its proxy starts before any container of the application. */
function isFirst({ nativeSidecar, foretold, annotations }: SeenPod): boolean {
  return nativeSidecar || (foretold && annotations['sidecar.istio.io/nativeSidecar'] === 'true');
}

const HOLDS = /holdApplicationUntilProxyStarts["']?\s*:\s*["']?true/;

function waits({ mesh }: Inventory, { annotations }: SeenPod): boolean {
  return mesh.holdApplicationUntilProxyStarts || HOLDS.test(annotations['proxy.istio.io/config'] ?? '');
}

function outsiders(calls: readonly Calls[]): Finding[] {
  const callers = new Set(calls.map(({ caller }) => caller));
  // a Job that a CronJob made is gone tomorrow: the CronJob is the one to name
  return calls.filter(({ pod }) => !callers.has(`CronJob ${madeBy(pod)}`)).map(outsider);
}

function madeBy({ namespace, owner }: SeenPod): string {
  return owner.kind === 'Job' ? `${namespace}/${owner.name.replace(/-[0-9]+$/, '')}` : '';
}

function outsider(calls: Calls): Finding {
  const { caller, pod, struck } = calls;
  const isJob = pod.owner.kind === 'Job' || pod.owner.kind === 'CronJob';
  const schedule = isJob ? '. Traffic shows its calls only if it was watched while the Job ran' : '';
  return {
    code: isJob ? 'UnmeshedJob' : 'UnmeshedClient',
    severity: 'Block',
    object: caller,
    message: `${caller} has no proxy and names ${named(calls)}: what it sends there is plaintext, which STRICT refuses${schedule}`,
    fix: `take ${caller} into the mesh, or keep container ${ports([...struck].map(({ port }) => port))} PERMISSIVE with an entry in spec.exceptions`,
    ...exceptionFor([...struck], `${caller} calls without proxy`),
  };
}

/** `cart.shop:8080, which leads to container port 8080 of Deployment shop/cart`. */
function named({ hosts, struck }: Calls): string {
  const led = [...struck].map(({ pod, port }) => `container port ${port} of ${ownerName(pod)}`);
  return `${listed(hosts)}, which leads to ${listed(led)}`;
}

const OUTBOUND = 'traffic.sidecar.istio.io/';

function excluded(inventory: Inventory, move: Move, meshed: readonly SeenPod[]): Finding[] {
  const steered = meshed.filter(({ annotations }) => Object.keys(annotations).some(key => key.startsWith(OUTBOUND)));
  if (steered.length === 0) return [];
  const called = new Set<number>();
  for (const { service, struck } of reachedServices(inventory, move))
    for (const { port, servicePort } of struck) called.add(service.headless ? port : servicePort.port);
  return steered.flatMap(pod => {
    const ways = called.size > 0 ? waysPast(pod, called) : [];
    if (ways.length === 0) return [];
    return [
      {
        code: 'ExcludedOutbound',
        severity: 'Warn' as const,
        object: ownerName(pod),
        message: `${ownerName(pod)} keeps calls from its proxy by ${listed(ways)}; if they go to a port of this scope, they are plaintext, which STRICT refuses`,
        fix: 'take away the annotation, or narrow it to addresses outside the mesh; then restart the pods',
      },
    ];
  });
}

/** The annotations by which calls to these ports of Services may pass by the proxy. */
function waysPast({ annotations }: SeenPod, called: ReadonlySet<number>): string[] {
  const listOf = (key: string) => annotations[OUTBOUND + key]?.split(',').map(item => item.trim());
  const excludedPorts = (listOf('excludeOutboundPorts') ?? []).filter(port => called.has(Number(port)));
  // nothing of the mesh has a link-local address: that is the metadata server of a cloud
  const excludedRanges = (listOf('excludeOutboundIPRanges') ?? []).filter(
    range => range && !range.startsWith('169.254.'),
  );
  const included = listOf('includeOutboundIPRanges');
  return [
    ...(excludedPorts.length > 0 ? [`annotation ${OUTBOUND}excludeOutboundPorts (${listed(excludedPorts)})`] : []),
    ...(excludedRanges.length > 0 ? [`annotation ${OUTBOUND}excludeOutboundIPRanges (${listed(excludedRanges)})`] : []),
    ...(included && !included.includes('*') ? [`annotation ${OUTBOUND}includeOutboundIPRanges`] : []),
  ];
}

function initial(calls: Calls): Finding {
  const { caller, pod, struck } = calls;
  return {
    code: 'InitContainerCalls',
    severity: 'Warn',
    object: caller,
    message: `an init container of ${caller} names ${named(calls)}; ${pod.foretold ? 'unless its proxy is a native sidecar, the proxy' : 'its proxy'} does not run yet by then, so what the container sends is plaintext, which STRICT refuses`,
    fix: 'run the proxy as a native sidecar (annotation sidecar.istio.io/nativeSidecar: "true", or ENABLE_NATIVE_SIDECARS on istiod), or let the application make the call',
    ...exceptionFor([...struck], `an init container of ${caller} calls before its proxy runs`),
  };
}

function proxyUser(pod: SeenPod): Finding[] {
  const containers = pod.containers.filter(({ runAsUser }) => runAsUser === PROXY_USER);
  if (containers.length === 0) return [];
  return [
    {
      code: 'RunsAsProxyUser',
      severity: 'Warn',
      object: ownerName(pod),
      message: `${listed(containers.map(({ name }) => name))} of ${ownerName(pod)} runs as user ${PROXY_USER}, which is the proxy's: what it sends passes by the proxy as plaintext, which STRICT refuses`,
      fix: `give the container another runAsUser than ${PROXY_USER}`,
    },
  ];
}

function early(calls: Calls): Finding {
  return {
    code: 'StartsBeforeProxy',
    severity: 'Info',
    object: calls.caller,
    message: `${calls.caller} names ${named(calls)}, and may start before its proxy does; calls that it makes by then fail in any mode, and look as if STRICT had refused them`,
    fix: 'set holdApplicationUntilProxyStarts: true in annotation proxy.istio.io/config, or run the proxy as a native sidecar',
  };
}
