/** The promise that no port is ever weaker than it was, checked at every version of every policy. */
import assert from 'node:assert/strict';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import type { Mode } from '../../src/istio/objects.ts';
import { policiesOf } from '../../src/istio/policies.ts';
import { weaker } from '../../src/istio/slots.ts';
import { ROOT_NAMESPACE } from './boutique.ts';
import type { PodPlace } from './workloads.ts';
import type { Happened } from './observe.ts';
import type { Policy } from './rollouts.ts';

/** `begun` events, those that made the policies of the users, come first and set the floor. Returns how many were checked. */
export function checkFloor(events: readonly Happened[], begun: number, pods: readonly PodPlace[]): number {
  const there = new Map<string, Policy>();
  const apply = ({ type, object }: Happened) => {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    if (type === 'DELETED') there.delete(key);
    else there.set(key, object as Policy);
  };
  for (const event of events.slice(0, begun)) apply(event);
  const floor = modesOf(there.values(), pods);
  for (const event of events.slice(begun)) {
    apply(event);
    const { namespace, name, resourceVersion } = event.object.metadata;
    for (const [port, mode] of modesOf(there.values(), pods)) {
      const what = `${port} is ${mode} after ${event.type} ${namespace}/${name} at version ${resourceVersion}`;
      assert.ok(!weaker(mode, floor.get(port)!), what);
    }
  }
  return events.length - begun;
}

function modesOf(policies: Iterable<Policy>, pods: readonly PodPlace[]): Map<string, Mode> {
  const all = policiesOf(policies);
  return new Map(
    pods.flatMap(({ namespace, name, labels, ports: own }) => {
      const { workload, ports } = effectiveModes(all, ROOT_NAMESPACE, namespace, labels);
      return own.map(port => [`${namespace}/${name}:${port}`, (ports.get(port) ?? workload).mode] as const);
    }),
  );
}
