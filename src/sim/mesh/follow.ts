/** Keeps the simulated mesh true to a cluster: what istiod does with pods, Services and policies. */
import { KubeClient } from '../../cluster/client.ts';
import type { Clock } from '../../cluster/clock.ts';
import type { Log } from '../../cluster/log.ts';
import { Reflector } from '../../cluster/reflector.ts';
import type { KubeObject, Resource } from '../../cluster/resource.ts';
import { AUTHORIZATION_POLICIES, PODS, SERVICES } from '../../cluster/resources.ts';
import type { Transport } from '../../cluster/transport.ts';
import type { AuthorizationPolicy, DestinationRule, PeerAuthentication } from '../../istio/objects.ts';
import type { SimulatedMesh } from './mesh.ts';
import { meshPod, meshService, type PodObject, type ServiceObject } from './pod.ts';

const POLICIES: Resource = {
  group: 'security.istio.io',
  version: 'v1',
  plural: 'peerauthentications',
  kind: 'PeerAuthentication',
  namespaced: true,
};
const RULES: Resource = {
  group: 'networking.istio.io',
  version: 'v1',
  plural: 'destinationrules',
  kind: 'DestinationRule',
  namespaced: true,
};

export interface FollowOptions {
  transport: Transport;
  clock: Clock;
  log: Log;
  /** Ends the following. */
  signal: AbortSignal;
}

/**
 * Loads what the cluster holds as the mesh's beginning and follows every change from there on. Resolves when the
 * beginning is loaded; `stopped` settles when the signal has ended everything.
 */
export async function follow(mesh: SimulatedMesh, options: FollowOptions): Promise<{ stopped: Promise<void> }> {
  const pods = reflector(PODS, options, raw => meshPod(raw as unknown as PodObject));
  const services = reflector(SERVICES, options, raw => meshService(raw as unknown as ServiceObject));
  const policies = reflector(POLICIES, options, raw => raw as unknown as PeerAuthentication);
  const rules = reflector(RULES, options, raw => raw as unknown as DestinationRule);
  const authorizations = reflector(AUTHORIZATION_POLICIES, options, raw => raw as unknown as AuthorizationPolicy);
  const all = [pods, services, policies, rules, authorizations];
  const stopped = Promise.all(all.map(each => each.run(options.signal))).then(() => undefined);
  await Promise.all(all.map(each => each.synced));
  const lists = [pods.cache.list(), services.cache.list(), policies.cache.list(), rules.cache.list()] as const;
  mesh.begin(...lists, authorizations.cache.list());
  pods.onChange(({ namespace, name }, _, pod) => (pod ? mesh.setPod(pod) : mesh.deletePod(namespace, name)));
  services.onChange(({ namespace, name }, _, service) =>
    service ? mesh.setService(service) : mesh.deleteService(namespace, name),
  );
  policies.onChange(({ namespace, name }, _, policy) => mesh.setPolicy(namespace, name, policy));
  rules.onChange(({ namespace, name }, _, rule) => mesh.setRule(namespace, name, rule));
  authorizations.onChange(({ namespace, name }, _, policy) => mesh.setAuthorization(namespace, name, policy));
  return { stopped };
}

function reflector<T>(resource: Resource, options: FollowOptions, project: (raw: KubeObject) => T): Reflector<T> {
  const { transport, clock, log } = options;
  // the same run after run: nothing here is worth spreading out
  const random = () => 0.5;
  return new Reflector({ client: new KubeClient(transport, clock), resource, project, clock, random, log });
}
