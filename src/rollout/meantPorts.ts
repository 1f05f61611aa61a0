/** Ports of a spec are container ports; whoever gave the port of a Service has to hear of it before anything moves. */
import type { Hazard } from '../api/status.ts';
import { containerPort, ownerName } from '../istio/hazards/backends.ts';
import { podsBehind, selectedPods } from '../istio/hazards/reach.ts';
import { type Inventory, inNamespace } from '../istio/inventory/inventory.ts';
import type { SeenPod } from '../istio/inventory/shapes.ts';
import type { ScopeState } from './scopeState.ts';
import { listed } from './text.ts';

/** Ports of the scope, and of its exceptions, that no container has while a Service has them. */
export function meantPorts({ scope, key, exceptions }: ScopeState, inventory: Inventory): Hazard[] {
  const own =
    scope.kind === 'Workload'
      ? [{ what: `workload ${scope.name}`, selector: scope.selector, ports: scope.ports ?? [] }]
      : [];
  const others = exceptions.map(({ exception: { name, selector, ports = [] } }) => ({
    what: `exception ${name}`,
    selector: selector.matchLabels,
    ports,
  }));
  const pods = inNamespace(inventory.pods, scope.namespace);
  return [...own, ...others].flatMap(({ what, selector, ports }) => {
    const selected = selectedPods(pods, scope.namespace, selector);
    return ports.flatMap(port => {
      const meant = isContainerPort(selected, port) ? [] : behindServicePort(inventory, selected, port);
      return meant.length > 0 ? [servicePort(key, what, port, meant, selected)] : [];
    });
  });
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
    message: `${what} names port ${port}, which no container of ${owner} has; it is the port of a Service that leads to container ${meant.length === 1 ? 'port' : 'ports'} ${behind}`,
    fix: `give the container port, ${behind}: Istio knows no others here`,
  };
}
