/** What else decides about connections to a scope, and what a switch does to those that are open. */
import { type Inventory, inNamespace } from '../inventory/inventory.ts';
import type { SeenNetworkPolicy, SeenPod } from '../inventory/shapes.ts';
import { ownerName } from './backends.ts';
import type { Family, Finding, Move } from './family.ts';
import { likelyProtocol } from './protocols.ts';
import { byWorkload, declaredPorts, goesStrict, isTcp, reachedServices, selectedPods } from './reach.ts';
import { listed, path } from './wording.ts';

export const traffic: Family = {
  about: 'What else decides about connections',
  codes: [
    {
      code: 'NetworkPolicyWithoutHbone',
      severity: 'Warn',
      title: 'a NetworkPolicy that keeps the mesh away from ambient pods',
      needs: ['NetworkPolicy', 'Pod'],
    },
    {
      code: 'CallerPolicy',
      severity: 'Info',
      title: 'an AuthorizationPolicy that asks who calls, which plaintext cannot tell',
      needs: ['AuthorizationPolicy', 'Pod'],
    },
    {
      code: 'LongLivedConnections',
      severity: 'Warn',
      title: 'connections that clients keep for long, and that each switch cuts',
      needs: ['Service', 'Pod'],
    },
    {
      code: 'NotTcp',
      severity: 'Info',
      title: 'ports of UDP or SCTP, which mutual TLS does not cover',
      needs: ['Service', 'Pod'],
    },
  ],
  find: (inventory, move) => [
    ...withoutHbone(inventory, move),
    ...callers(inventory, move),
    ...longLived(inventory, move),
    ...notTcp(inventory, move),
  ],
};

const HBONE = 15008;

/** NetworkPolicies add up: one that lets HBONE in is enough. */
function withoutHbone(inventory: Inventory, move: Move): Finding[] {
  return move.namespaces.flatMap(namespace => {
    const governing = inNamespace(inventory.networkPolicies, namespace).filter(policy => policy.governsIngress);
    const selected = ({ selector }: SeenNetworkPolicy) =>
      selectedPods(move.pods, namespace, selector).filter(({ mesh }) => mesh === 'Ambient');
    const reachable = new Set(governing.filter(letsHboneIn).flatMap(selected));
    return governing.flatMap(policy => {
      const { selector, ingressPorts } = policy;
      // one with expressions may select anybody; one without ports lets nobody in, with or without mesh
      if (!selector || !ingressPorts || ingressPorts.length === 0) return [];
      const [cutOff] = selected(policy).filter(pod => !reachable.has(pod));
      return cutOff ? [blocked(policy, ingressPorts, cutOff)] : [];
    });
  });
}

type Ports = NonNullable<SeenNetworkPolicy['ingressPorts']>;

function blocked(policy: SeenNetworkPolicy, ingressPorts: Ports, pod: SeenPod): Finding {
  return {
    code: 'NetworkPolicyWithoutHbone',
    severity: 'Warn',
    object: `NetworkPolicy ${path(policy)}`,
    message: `it lets port ${listed(ingressPorts.map(({ from, to }) => (from === to ? from : `${from}-${to}`)))} of ambient ${ownerName(pod)} be reached, but not ${HBONE}, through which all calls of the mesh arrive`,
    fix: `allow TCP port ${HBONE} in its ingress rules`,
  };
}

function letsHboneIn({ ingressPorts }: SeenNetworkPolicy): boolean {
  return !ingressPorts || ingressPorts.some(({ from, to }) => Number(from) <= HBONE && HBONE <= Number(to));
}

function callers(inventory: Inventory, move: Move): Finding[] {
  return move.namespaces
    .flatMap(namespace => inNamespace(inventory.authorizationPolicies, namespace))
    .filter(({ asksWhoCalls, namespace, selector }) => {
      if (!asksWhoCalls) return false;
      return selectedPods(move.pods, namespace, selector).some(({ mesh }) => mesh !== 'None');
    })
    .map(policy => ({
      code: 'CallerPolicy',
      severity: 'Info',
      object: `AuthorizationPolicy ${path(policy)}`,
      message: `it asks who calls (${policy.action}); as long as its pods are PERMISSIVE, plaintext has no identity to compare with, and after STRICT it holds for every call`,
      fix: 'look through its rules: what they let pass or refuse for callers without identity ends with the step',
    }));
}

function longLived(inventory: Inventory, move: Move): Finding[] {
  const kept = new Map<SeenPod, Set<string>>();
  for (const { pod, port, servicePort } of reachedServices(inventory, move).flatMap(({ struck }) => struck)) {
    const likely = likelyProtocol(servicePort, port);
    if (likely?.lasting) kept.set(pod, (kept.get(pod) ?? new Set()).add(`${likely.name} on port ${port}`));
  }
  const workloads = byWorkload(move.pods, pod => {
    // ztunnel closes only what the policy refuses from now on
    if (pod.mesh !== 'Sidecar') return [];
    const isStateful =
      pod.owner.kind === 'StatefulSet' && declaredPorts(pod, isTcp).some(port => goesStrict(move, pod, port));
    return [...(kept.get(pod) ?? (isStateful ? ['a StatefulSet'] : []))];
  });
  return [...workloads].map(([object, reasons]) => ({
    code: 'LongLivedConnections',
    severity: 'Warn',
    object,
    message: `clients are likely to keep connections to it (${listed(reasons)}); every switch of mode cuts open ones after about 45 s, those with mutual TLS too, and a rollback does it again`,
    fix: 'let its step begin in a quiet hour, and make sure that its clients connect anew by themselves',
  }));
}

function notTcp(inventory: Inventory, move: Move): Finding[] {
  const other = (protocol: string) => protocol !== 'TCP';
  const served = new Map<SeenPod, Set<number>>();
  for (const { service, pods } of reachedServices(inventory, move))
    for (const { protocol, targetPort } of service.ports)
      for (const pod of other(protocol) ? pods : [])
        if (typeof targetPort === 'number') served.set(pod, (served.get(pod) ?? new Set()).add(targetPort));
  const workloads = byWorkload(move.pods, pod =>
    pod.mesh === 'None' ? [] : [...declaredPorts(pod, other), ...(served.get(pod) ?? [])],
  );
  return [...workloads].map(([object, numbers]) => ({
    code: 'NotTcp',
    severity: 'Info',
    object,
    message: `mutual TLS does not cover UDP and SCTP: port ${listed(numbers)} stays as it is, whatever the mode`,
    fix: 'protect it in another way if it has to be, for example with a NetworkPolicy',
  }));
}
