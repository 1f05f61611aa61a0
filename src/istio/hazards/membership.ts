/** Who is in the mesh and who only seems to be: pods that STRICT does not protect, and pods that clients take for plain. */
import { type Inventory, inNamespace } from '../inventory/inventory.ts';
import { foretellMesh } from '../inventory/podShape.ts';
import type { SeenPod } from '../inventory/shapes.ts';
import { IGNORED_NAMESPACES } from '../pods.ts';
import { ownerName } from './backends.ts';
import type { Family, Finding, Move } from './family.ts';
import { oncePerObject } from './findings.ts';

const DATA_PLANE = 'istio.io/dataplane-mode';
const INJECT = 'sidecar.istio.io/inject';

export const membership: Family = {
  about: 'Who is in the mesh',
  codes: [
    {
      code: 'UnmeshedWorkload',
      severity: 'Warn',
      title: 'a workload without proxy, on which STRICT has no effect',
      needs: ['Pod', 'Namespace'],
    },
    {
      code: 'NotRestarted',
      severity: 'Warn',
      title: 'pods that run without the proxy that they would get if they were made anew',
      needs: ['Pod', 'Namespace'],
    },
    {
      code: 'HostNetworkPod',
      severity: 'Warn',
      title: 'pods in the network of their node, which the mesh never takes in',
      needs: ['Pod'],
    },
    {
      code: 'UnlabelledProxy',
      severity: 'Block',
      title: 'a proxy that clients do not know of, so that they go on sending plaintext',
      needs: ['Pod'],
    },
    {
      code: 'PodSecurityGroup',
      severity: 'Warn',
      title: 'ambient pods whose probes may be stopped by an AWS security group of their own',
      needs: ['SecurityGroupPolicy', 'Pod'],
    },
  ],
  find: (inventory, move) =>
    oncePerObject([
      ...move.pods.flatMap(pod => outside(inventory, pod)),
      ...neighbours(inventory, move).flatMap(hostNetwork),
      ...move.pods.flatMap(pod => unlabelled(move, pod)),
      ...securityGroups(inventory, move),
    ]),
};

/** Pods of the namespaces, whether the scope governs them or not: they are likely to be its clients. */
function neighbours(inventory: Inventory, { namespaces }: Move): SeenPod[] {
  return namespaces.flatMap(namespace => [...inNamespace(inventory.pods, namespace)]);
}

function isOutside({ mesh, proxied }: SeenPod): boolean {
  return mesh === 'None' && !proxied;
}

function outside(inventory: Inventory, pod: SeenPod): Finding[] {
  // of pods in the network of their node a finding of its own tells
  if (!isOutside(pod) || pod.hostNetwork) return [];
  const labels = inventory.namespaces.get(pod.namespace)?.labels ?? {};
  return foretellMesh({ ...pod, foretold: true }, labels).mesh === 'Sidecar'
    ? [notRestarted(pod)]
    : [unmeshed(pod, labels)];
}

function notRestarted(pod: SeenPod): Finding {
  const { kind, name } = pod.owner;
  const again = ['Deployment', 'StatefulSet', 'DaemonSet'].includes(kind)
    ? `kubectl -n ${pod.namespace} rollout restart ${kind.toLowerCase()}/${name}`
    : 'delete its pods, so that new ones are made';
  return {
    code: 'NotRestarted',
    severity: 'Warn',
    object: ownerName(pod),
    message: `pod ${pod.name} of ${ownerName(pod)} would get a proxy today, yet it has none: it was made before its namespace was labelled, or while the injector was away. STRICT has no effect on it, and as a client it sends plaintext`,
    fix: `restart it: ${again}`,
  };
}

function unmeshed(pod: SeenPod, namespaceLabels: Record<string, string>): Finding {
  return {
    code: 'UnmeshedWorkload',
    severity: 'Warn',
    object: ownerName(pod),
    message: `${ownerName(pod)} has no proxy, so STRICT has no effect on it and it goes on taking plaintext: ${whyOutside(pod, namespaceLabels)}`,
    fix: 'take it into the mesh and restart it, or accept that it stays outside',
  };
}

function whyOutside(pod: SeenPod, namespaceLabels: Record<string, string>): string {
  if (pod.labels[INJECT] === 'false') return `its label ${INJECT} is "false"`;
  if (pod.annotations[INJECT] === 'false' && pod.labels[INJECT] === undefined)
    return `its annotation ${INJECT} is "false"`;
  if (IGNORED_NAMESPACES.has(pod.namespace)) return `Istio injects nothing into namespace ${pod.namespace}`;
  const dataPlane = pod.labels[DATA_PLANE] ?? namespaceLabels[DATA_PLANE];
  if (dataPlane === 'ambient')
    return `it is to be ambient, but ztunnel on its node has not taken it in; restart it, or look at the istio-cni pod there`;
  if (pod.labels[DATA_PLANE] !== undefined) return `its label ${DATA_PLANE} is "${pod.labels[DATA_PLANE]}"`;
  if (namespaceLabels['istio-injection'] === 'disabled')
    return `label istio-injection of namespace ${pod.namespace} is "disabled"`;
  return `namespace ${pod.namespace} is labelled neither for injection nor for ambient`;
}

function hostNetwork(pod: SeenPod): Finding[] {
  if (!pod.hostNetwork || !isOutside(pod)) return [];
  return [
    {
      code: 'HostNetworkPod',
      severity: 'Warn',
      object: ownerName(pod),
      message: `${ownerName(pod)} runs in the network of its node, so it never gets a proxy: STRICT has no effect on it, and what it calls in the mesh gets plaintext`,
      fix: 'run it without hostNetwork; or keep the ports that it calls PERMISSIVE with entries in spec.exceptions',
    },
  ];
}

function unlabelled(move: Move, pod: SeenPod): Finding[] {
  if (!pod.proxied || pod.mesh !== 'None' || !isHardened(move, pod)) return [];
  const label = 'security.istio.io/tlsMode';
  const value = pod.labels[label];
  return [
    {
      code: 'UnlabelledProxy',
      severity: 'Block',
      object: ownerName(pod),
      message: `${ownerName(pod)} has a proxy, but its label ${label} is ${value === undefined ? 'missing' : `"${value}"`} instead of "istio": clients in the mesh send plaintext to it, which STRICT refuses`,
      fix: `let the injector add the proxy and its labels, or set label ${label}: istio on the pods`,
    },
  ];
}

/** A pod that declares no port may listen anywhere. */
function isHardened(move: Move, pod: SeenPod): boolean {
  const ports = pod.containers.flatMap(container => container.ports);
  return ports.length === 0 || ports.some(({ number, protocol }) => protocol === 'TCP' && move.hardens(pod, number));
}

function securityGroups(inventory: Inventory, move: Move): Finding[] {
  const ambient = new Set(move.pods.filter(({ mesh }) => mesh === 'Ambient').map(({ namespace }) => namespace));
  return [...ambient].flatMap(namespace =>
    inNamespace(inventory.bindings, namespace)
      .filter(({ kind }) => kind === 'SecurityGroupPolicy')
      .map(({ name }) => ({
        code: 'PodSecurityGroup',
        severity: 'Warn' as const,
        object: `SecurityGroupPolicy ${namespace}/${name}`,
        message: `namespace ${namespace} has ambient pods, and SecurityGroupPolicy ${name} may give pods of it a network interface of its own; unless the AWS network plugin enforces groups in its standard mode, probes of such ambient pods are misrouted and fail`,
        fix: 'set POD_SECURITY_GROUP_ENFORCING_MODE=standard on the AWS network plugin (aws-node), and restart the pods',
      })),
  );
}
