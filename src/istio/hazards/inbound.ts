/** Pods of a scope that steer which of their ports a sidecar takes: there STRICT governs something else than it seems. */
import { type Inventory, inNamespace } from '../inventory/inventory.ts';
import type { Family, Finding, Move } from './family.ts';
import { byWorkload, declaredPorts, isTcp, leftOutBy, selectedPods } from './reach.ts';
import { path, ports } from './wording.ts';

export const inbound: Family = {
  about: 'Ports past the sidecar',
  codes: [
    {
      code: 'ExcludedInboundPort',
      severity: 'Warn',
      title: 'a port that leads past the sidecar, where STRICT is not enforced',
      needs: ['Pod'],
    },
    {
      code: 'SidecarIngress',
      severity: 'Warn',
      title: 'a Sidecar resource that names other ports than the containers do',
      needs: ['Sidecar', 'Pod'],
    },
  ],
  find: (inventory, move) => [...excluded(move), ...ingress(inventory, move)],
};

function excluded(move: Move): Finding[] {
  const workloads = byWorkload(move.pods, pod =>
    declaredPorts(pod, isTcp).filter(port => leftOutBy(pod, port) !== undefined && move.hardens(pod, port)),
  );
  return [...workloads].map(([object, left]) => ({
    code: 'ExcludedInboundPort',
    severity: 'Warn',
    object,
    message: `annotations traffic.sidecar.istio.io/excludeInboundPorts or includeInboundPorts lead container ${ports(left)} past the sidecar; STRICT is not enforced there, and plaintext goes on unseen`,
    fix: 'take the port out of the annotation, or name it in spec.exceptions so that it is on record',
  }));
}

function ingress(inventory: Inventory, move: Move): Finding[] {
  return move.namespaces
    .flatMap(namespace => inNamespace(inventory.sidecars, namespace))
    .filter(({ ingressPorts, namespace, selector }) => {
      if (ingressPorts.length === 0) return false;
      return selectedPods(move.pods, namespace, selector).some(({ mesh }) => mesh === 'Sidecar');
    })
    .map(sidecar => ({
      code: 'SidecarIngress',
      severity: 'Warn',
      object: `Sidecar ${path(sidecar)}`,
      message: `its ingress listeners take ${ports(sidecar.ingressPorts)} in place of the ports that the containers declare; STRICT and every exception go by these`,
      fix: 'name ports of the listeners, not of the containers, in spec.exceptions and in portLevelMtls',
    }));
}
