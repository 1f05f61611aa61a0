/** Ports of a spec are container ports; whoever gave the port of a Service has to hear of it before anything moves. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Hazard } from '../api/status.ts';
import { containerPort, ownerName, podsBehind } from '../istio/hazards/backends.ts';
import { type Inventory, inNamespace } from '../istio/inventory/inventory.ts';
import type { SeenPod } from '../istio/inventory/shapes.ts';
import { selects } from '../istio/policies.ts';
import type { ScopeState } from './scopeState.ts';
import { counted, listed } from './text.ts';

/** Ports of the scope, and of its exceptions, that no container has while a Service has them. */
export function meantPorts(
  { spec }: MtlsRollout,
  { scope, key, exceptions }: ScopeState,
  inventory: Inventory,
): Hazard[] {
  const own =
    scope.kind === 'Workload'
      ? [{ what: `workload ${scope.name}`, selector: scope.selector, ports: portsOf(spec, scope.name) }]
      : [];
  const others = exceptions.map(({ exception: { name, selector, ports = [] } }) => ({
    what: `exception ${name}`,
    selector: selector.matchLabels,
    ports,
  }));
  const pods = inNamespace(inventory.pods, scope.namespace);
  return [...own, ...others].flatMap(({ what, selector, ports }) => {
    const selected = pods.filter(pod => selects(selector, pod.labels));
    return ports.flatMap(port => {
      const meant = isContainerPort(selected, port) ? [] : behindServicePort(inventory, selected, port);
      return meant.length > 0 ? [servicePort(key, what, port, meant, selected)] : [];
    });
  });
}

function portsOf({ target }: MtlsRollout['spec'], name: string): readonly number[] {
  return target.workloads?.find(workload => workload.name === name)?.ports ?? [];
}

function isContainerPort(pods: readonly SeenPod[], port: number): boolean {
  return pods.some(pod => pod.containers.some(({ ports }) => ports.some(({ number }) => number === port)));
}

/** Container ports that Services of these pods lead to under this number. */
function behindServicePort(inventory: Inventory, pods: readonly SeenPod[], port: number): number[] {
  const [first] = pods;
  if (!first) return [];
  const found = inNamespace(inventory.services, first.namespace).flatMap(service =>
    service.ports
      .filter(servicePorts => servicePorts.port === port)
      .flatMap(({ targetPort }) => podsBehind(service, pods).map(pod => containerPort(pod, targetPort))),
  );
  return [...new Set(found.filter(target => target !== undefined && target !== port))] as number[];
}

function servicePort(
  scope: string,
  what: string,
  port: number,
  meant: readonly number[],
  pods: readonly SeenPod[],
): Hazard {
  const behind = listed(meant.map(String));
  const owner = pods[0] ? ownerName(pods[0]) : what;
  return {
    code: 'ServicePortMeant',
    severity: 'Block',
    scope,
    object: owner,
    message: `${what} names port ${port}, which no container of ${owner} has; it is the port of a Service that leads to container ${counted(meant.length, 'port').replace(/^\d+ /, '')} ${behind}`,
    fix: `give the container port, ${behind}: Istio knows no others here`,
  };
}
