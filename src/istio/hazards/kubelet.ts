/**
 * What the kubelet sends to pods with a sidecar. It has no identity in the mesh; the injector therefore leads its
 * probes through the agent, where it sees them. Source of the rules: `app_probe.go` of Istio's injector.
 */
import type { Inventory } from '../inventory/inventory.ts';
import { tagOf } from '../inventory/projections.ts';
import type { PortRef, SeenContainer, SeenPod, SeenProbe } from '../inventory/shapes.ts';
import { ownerName } from './backends.ts';
import type { Family, Finding, Move } from './family.ts';
import { oncePerObject } from './findings.ts';
import { refuses, refusesSomewhere, rewritesProbes } from './listener.ts';
import { releaseOf } from './versions.ts';
import { listed } from './wording.ts';

const REWRITE = 'sidecar.istio.io/rewriteAppHTTPProbers';
/** Hooks are led through the agent from this release on. */
const HOOKS_SINCE = 1025;

export const kubelet: Family = {
  about: 'What the kubelet sends',
  codes: [
    {
      code: 'ProbeNotRewritten',
      severity: 'Block',
      title: 'a probe of the kubelet that goes to the application itself, on a port that goes STRICT',
      needs: ['Pod', 'ConfigMap'],
    },
    {
      code: 'ProbePortUnknown',
      severity: 'Block',
      title: 'a probe on a named port that its container does not declare',
      needs: ['Pod'],
    },
    { code: 'ProbeOfHost', severity: 'Warn', title: 'a probe that goes to a host of its own', needs: ['Pod'] },
    {
      code: 'HookNotRewritten',
      severity: 'Warn',
      title: 'a lifecycle hook by HTTP that goes to the application itself, on a port that goes STRICT',
      needs: ['Pod', 'ConfigMap', 'Deployment'],
    },
  ],
  find: (inventory, move) =>
    oncePerObject(
      move.pods
        .filter(({ mesh }) => mesh === 'Sidecar')
        .flatMap(pod => [...probeFindings(inventory, move, pod), ...hookFindings(inventory, move, pod)]),
    ),
};

interface OfContainer<T> {
  container: SeenContainer;
  item: T;
}

function probeFindings(inventory: Inventory, move: Move, pod: SeenPod): Finding[] {
  const all = pod.containers.flatMap(container => container.probes.map(item => ({ container, item })));
  if (all.length === 0) return [];
  const toPod = all.filter(({ item }) => !item.host);
  const unknown = toPod.filter(({ container, item }) => numberOf(container, item.port) === undefined);
  const isDirect = directly(inventory, move, pod);
  const direct = toPod.filter(({ container, item }) => isDirect(container, item.port));
  const elsewhere = all.filter(({ item }) => item.host);
  return [
    ...(direct.length > 0 ? [notRewritten(inventory, pod, direct)] : []),
    ...(unknown.length > 0 && refusesSomewhere(move, pod) ? [portUnknown(pod, unknown)] : []),
    ...(elsewhere.length > 0 && refusesSomewhere(move, pod) ? [ofHost(pod, elsewhere)] : []),
  ];
}

/** Where a pod runs its ports tell whether the injector led them through the agent; else its settings do. */
function directly(
  inventory: Inventory,
  move: Move,
  pod: SeenPod,
): (container: SeenContainer, port: PortRef) => boolean {
  const isLed = pod.foretold && rewritesProbes(pod, inventory.mesh);
  return (container, port) => {
    const number = numberOf(container, port);
    return !isLed && number !== undefined && refuses(move, pod, number);
  };
}

/** A name means a port of the same container, to the kubelet as to the injector. */
function numberOf({ ports }: SeenContainer, port: PortRef): number | undefined {
  return typeof port === 'number' ? port : ports.find(({ name }) => name === port)?.number;
}

/** `liveness probe of web on port 8080`. */
function probeNamed({ container, item }: OfContainer<SeenProbe>): string {
  return `${item.when} probe of ${container.name} on port ${numberOf(container, item.port) ?? `"${item.port}"`}`;
}

function notRewritten(inventory: Inventory, pod: SeenPod, probes: OfContainer<SeenProbe>[]): Finding {
  const restarts = probes.some(({ item }) => item.when !== 'readiness');
  return {
    code: 'ProbeNotRewritten',
    severity: 'Block',
    object: ownerName(pod),
    message: `in ${ownerName(pod)} the ${listed(probes.map(probeNamed))} goes to the application itself, because ${whyDirect(inventory, pod)}: STRICT refuses it, and the kubelet ${restarts ? 'restarts the container again and again' : 'takes the pod for not ready'}`,
    fix: rewritesProbes(pod, inventory.mesh)
      ? 'restart the pods; where another webhook adds the container, give the injector reinvocationPolicy: IfNeeded, or use an exec probe there'
      : `set annotation ${REWRITE}: "true" on the pods and restart them`,
  };
}

function whyDirect({ mesh }: Inventory, pod: SeenPod): string {
  if (rewritesProbes(pod, mesh)) return 'the injector has not seen it';
  return pod.annotations[REWRITE] === undefined
    ? 'the mesh has rewriteAppHTTPProbe off'
    : `its annotation ${REWRITE} is "${pod.annotations[REWRITE]}"`;
}

function portUnknown(pod: SeenPod, probes: OfContainer<SeenProbe>[]): Finding {
  return {
    code: 'ProbePortUnknown',
    severity: 'Block',
    object: ownerName(pod),
    message: `in ${ownerName(pod)} the ${listed(probes.map(probeNamed))} names a port that its container does not declare: neither the kubelet nor Istio's agent can tell where it leads, so it fails`,
    fix: 'declare the port in the container under this name, or give the probe its number',
  };
}

function ofHost(pod: SeenPod, probes: OfContainer<SeenProbe>[]): Finding {
  return {
    code: 'ProbeOfHost',
    severity: 'Warn',
    object: ownerName(pod),
    message: `in ${ownerName(pod)} the ${listed(probes.map(probeNamed))} goes to host ${listed(probes.map(({ item }) => item.host))} instead of the pod. The injector changes its port and leaves the host, so whether it holds under STRICT cannot be told`,
    fix: 'leave out the host of the probe, so that the kubelet asks the pod',
  };
}

function hookFindings(inventory: Inventory, move: Move, pod: SeenPod): Finding[] {
  const hooks = pod.containers.flatMap(container => container.hooks.map(item => ({ container, item })));
  if (hooks.length === 0 || (pod.foretold && rewritesHooks(inventory, pod))) return [];
  const struck = hooks.flatMap(({ container, item: { when, port, host } }) => {
    const number = host ? undefined : numberOf(container, port);
    return number !== undefined && refuses(move, pod, number)
      ? [`${when} hook of ${container.name} on port ${number}`]
      : [];
  });
  if (struck.length === 0) return [];
  return [
    {
      code: 'HookNotRewritten',
      severity: 'Warn',
      object: ownerName(pod),
      message: `in ${ownerName(pod)} the ${listed(struck)} goes to the application itself, because ${whyHook(inventory, pod)}: STRICT refuses it. Without its postStart hook a container is killed, without its preStop hook it ends unprepared`,
      fix: 'use an exec hook, or let Istio 1.25 or newer inject the proxy with rewriting of probes on',
    },
  ];
}

function rewritesHooks(inventory: Inventory, pod: SeenPod): boolean {
  return rewritesProbes(pod, inventory.mesh) && (hookRelease(inventory, pod) ?? 0) >= HOOKS_SINCE;
}

/** Release of the injector that the pod has seen, or will see; the oldest where there are several. */
function hookRelease({ controlPlanes }: Inventory, { proxyImage }: SeenPod): number | undefined {
  if (proxyImage) return releaseOf(tagOf(proxyImage));
  const releases = controlPlanes.map(({ version }) => releaseOf(version));
  return releases.reduce((a, b) => (a === undefined || b === undefined ? undefined : Math.min(a, b)), releases[0]);
}

function whyHook(inventory: Inventory, pod: SeenPod): string {
  const release = hookRelease(inventory, pod);
  if (!rewritesProbes(pod, inventory.mesh)) return whyDirect(inventory, pod);
  if (release === undefined)
    return 'it is not known whether the injector is of Istio 1.25 or newer, which leads hooks through the agent';
  return release < HOOKS_SINCE ? 'injectors before Istio 1.25 leave hooks as they are' : 'the injector has not seen it';
}
