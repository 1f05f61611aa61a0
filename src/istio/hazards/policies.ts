/** PeerAuthentications that do not do what they seem to, so that a step would protect less, or break more, than planned. */
import { fieldsOf, listOf, textOf } from '../fields.ts';
import { type Inventory, inNamespace } from '../inventory/inventory.ts';
import type { MeshSettings, SeenPod } from '../inventory/shapes.ts';
import type { PeerAuthentication } from '../objects.ts';
import { portModesOf, selectorOf, selects } from '../policies.ts';
import { holderOf, slotOf } from '../slots.ts';
import { containerPort } from './backends.ts';
import type { Family, Finding } from './family.ts';
import { declaredPorts, isTcp, selectedPods } from './reach.ts';
import { listed, path } from './wording.ts';

export const policies: Family = {
  about: 'Policies that do not do what they seem to',
  codes: [
    {
      code: 'DeadPolicy',
      severity: 'Warn',
      title: 'a PeerAuthentication that Istio ignores, because an older one comes first',
      needs: ['PeerAuthentication', 'Pod'],
    },
    {
      code: 'RootSelectorPolicy',
      severity: 'Warn',
      title: 'a PeerAuthentication with selector in the root namespace, which Istio ignores',
      needs: ['PeerAuthentication'],
    },
    {
      code: 'ServicePortPolicy',
      severity: 'Warn',
      title: 'a PeerAuthentication that names the port of a Service where it must name that of a container',
      needs: ['PeerAuthentication', 'Service', 'Pod'],
    },
    {
      code: 'InvisibleNamespace',
      severity: 'Block',
      title: 'a namespace that the control plane does not look at, so that no policy counts there',
      needs: ['ConfigMap', 'Namespace'],
    },
  ],
  find: (inventory, move) =>
    move.namespaces.flatMap(namespace => [
      ...(namespace === inventory.rootNamespace ? [] : dead(inventory, namespace)),
      ...servicePorts(inventory, namespace),
      ...invisible(inventory, namespace),
    ]),
  findInMesh: inventory => [...dead(inventory, inventory.rootNamespace), ...rootSelectors(inventory)],
};

function objectOf({ metadata }: PeerAuthentication): string {
  return `PeerAuthentication ${path(metadata)}`;
}

function dead(inventory: Inventory, namespace: string): Finding[] {
  const all = inventory.policies.in(namespace);
  const reigning = namespace === inventory.rootNamespace ? new Map() : reigningOver(inventory, namespace);
  return all.flatMap(policy => {
    const selector = selectorOf(policy);
    if (selector && namespace === inventory.rootNamespace) return [];
    const holder = holderOf(inventory.policies, slotOf(policy));
    const older = holder === policy ? olderEverywhere(inventory, policy, reigning) : holder && [holder];
    if (!older || older.length === 0) return [];
    return [
      {
        code: 'DeadPolicy',
        severity: 'Warn' as const,
        object: objectOf(policy),
        message: `Istio ignores it: ${listed(older.map(objectOf))} ${older.length === 1 ? 'is' : 'are'} older and ${selector ? 'selects its pods' : 'holds its place'}, and the oldest counts alone`,
        fix: 'delete the one that is not meant, and write what is wanted into the other',
      },
    ];
  });
}

type Reign = ReadonlyMap<SeenPod, PeerAuthentication>;

/** The workload policy that counts for each pod: the oldest that selects it. */
function reigningOver({ policies: all, pods }: Inventory, namespace: string): Reign {
  const reigning = new Map<SeenPod, PeerAuthentication>();
  for (const policy of all.in(namespace)) {
    const selector = selectorOf(policy);
    if (!selector) continue;
    for (const pod of selectedPods(inNamespace(pods, namespace), namespace, selector))
      if (!reigning.has(pod)) reigning.set(pod, policy);
  }
  return reigning;
}

/** The policies that count for all pods that a workload policy selects; none where it counts for one of them, or has none. */
function olderEverywhere({ pods }: Inventory, policy: PeerAuthentication, reigning: Reign): PeerAuthentication[] {
  const { namespace } = policy.metadata;
  const selector = selectorOf(policy);
  if (!selector) return [];
  const over = new Set(selectedPods(inNamespace(pods, namespace), namespace, selector).map(pod => reigning.get(pod)));
  return over.has(policy) ? [] : [...over].filter(one => one !== undefined);
}

function rootSelectors({ policies: all, rootNamespace }: Inventory): Finding[] {
  return all
    .in(rootNamespace)
    .filter(selectorOf)
    .map(policy => ({
      code: 'RootSelectorPolicy',
      severity: 'Warn',
      object: objectOf(policy),
      message: 'it has a selector and stands in the root namespace, where Istio ignores such a policy',
      fix: 'move it to the namespace of the pods that it is meant for, or take the selector away if it is meant for the mesh',
    }));
}

function servicePorts(inventory: Inventory, namespace: string): Finding[] {
  if (namespace === inventory.rootNamespace) return [];
  return inventory.policies.in(namespace).flatMap(policy => {
    const selector = selectorOf(policy);
    const pods = selector ? selectedPods(inNamespace(inventory.pods, namespace), namespace, selector) : [];
    const declared = new Set(pods.flatMap(pod => declaredPorts(pod, isTcp)));
    const undeclared = [...portModesOf(policy).keys()].filter(port => !declared.has(port));
    if (undeclared.length === 0) return [];
    const behind = portsBehind(inventory, namespace, new Set(pods));
    const called = new Set([...behind.values()].flatMap(to => [...to]));
    const mistaken = undeclared.filter(port => behind.has(port) && !called.has(port));
    if (mistaken.length === 0) return [];
    const meant = mistaken.map(port => `${port} leads to container port ${listed(behind.get(port) ?? [])}`);
    return [
      {
        code: 'ServicePortPolicy',
        severity: 'Warn' as const,
        object: objectOf(policy),
        message: `portLevelMtls goes by ports of containers, but Service port ${listed(meant)} of its pods; what it says there has no effect`,
        fix: `name the container port in portLevelMtls: ${listed(mistaken.map(port => `${listed(behind.get(port) ?? [])} in place of ${port}`))}`,
      },
    ];
  });
}

/** Container ports of the pods by the Service port that leads to them. */
function portsBehind(inventory: Inventory, namespace: string, pods: ReadonlySet<SeenPod>): Map<number, Set<number>> {
  const behind = new Map<number, Set<number>>();
  const neighbours = inNamespace(inventory.pods, namespace);
  for (const { selector, ports } of pods.size > 0 ? inNamespace(inventory.services, namespace) : []) {
    if (Object.keys(selector).length === 0) continue;
    for (const pod of selectedPods(neighbours, namespace, selector).filter(one => pods.has(one)))
      for (const { port, targetPort } of ports) {
        const to = containerPort(pod, targetPort);
        if (to !== undefined) behind.set(port, (behind.get(port) ?? new Set()).add(to));
      }
  }
  return behind;
}

function invisible({ mesh, namespaces }: Inventory, name: string): Finding[] {
  const namespace = namespaces.get(name);
  if (!namespace || mesh.discoverySelectors.length === 0) return [];
  // the API server sets this label on every namespace; manifests seldom have it
  const labels = { 'kubernetes.io/metadata.name': name, ...namespace.labels };
  if (mesh.discoverySelectors.some(selector => matches(selector, labels))) return [];
  return [
    {
      code: 'InvisibleNamespace',
      severity: 'Block',
      object: `Namespace ${name}`,
      message:
        'discoverySelectors of the mesh leave it out: the control plane neither obeys policies there nor knows its pods',
      fix: 'give the namespace a label that discoverySelectors ask for, or leave it out of the target',
    },
  ];
}

function matches(
  { matchLabels, matchExpressions }: MeshSettings['discoverySelectors'][number],
  labels: Record<string, string>,
): boolean {
  return (
    selects(matchLabels ?? {}, labels) &&
    listOf(matchExpressions).every(({ key, operator, values }) => {
      const value = fieldsOf(labels)[textOf(key)];
      const isNamed = Array.isArray(values) && values.includes(value);
      if (operator === 'In') return isNamed;
      if (operator === 'NotIn') return !isNamed;
      return (value !== undefined) === (operator === 'Exists');
    })
  );
}
