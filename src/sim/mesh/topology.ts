/** Pods and Services of the simulated mesh, and who stands behind a Service port. */
import { selects } from '../../istio/policies.ts';
import { containerPort, type MeshPod, type MeshService, type PortProtocol } from './pod.ts';

export interface Backend {
  pod: MeshPod;
  /** Container port. */
  port: number;
  protocol: PortProtocol;
}

export class Topology {
  readonly #pods = new Map<string, MeshPod>();
  readonly #byNamespace = new Map<string, Map<string, MeshPod>>();
  readonly #byAddress = new Map<string, MeshPod>();
  readonly #services = new Map<string, Map<string, MeshService>>();

  setPod(pod: MeshPod): void {
    this.deletePod(pod.key);
    this.#pods.set(pod.key, pod);
    const inNamespace = this.#byNamespace.get(pod.namespace) ?? new Map<string, MeshPod>();
    this.#byNamespace.set(pod.namespace, inNamespace.set(pod.key, pod));
    if (pod.ip !== undefined) this.#byAddress.set(pod.ip, pod);
  }

  deletePod(key: string): MeshPod | undefined {
    const pod = this.#pods.get(key);
    if (pod === undefined) return undefined;
    this.#pods.delete(key);
    this.#byNamespace.get(pod.namespace)?.delete(key);
    if (pod.ip !== undefined && this.#byAddress.get(pod.ip) === pod) this.#byAddress.delete(pod.ip);
    return pod;
  }

  setService(service: MeshService): void {
    const inNamespace = this.#services.get(service.namespace) ?? new Map<string, MeshService>();
    this.#services.set(service.namespace, inNamespace.set(service.name, service));
  }

  deleteService(namespace: string, name: string): void {
    this.#services.get(namespace)?.delete(name);
  }

  pod(key: string): MeshPod | undefined {
    return this.#pods.get(key);
  }

  podAt(address: string): MeshPod | undefined {
    return this.#byAddress.get(address);
  }

  podsIn(namespace: string): MeshPod[] {
    return [...(this.#byNamespace.get(namespace)?.values() ?? [])];
  }

  podsOf(namespace: string, workload: string): MeshPod[] {
    return this.podsIn(namespace).filter(pod => pod.workload === workload);
  }

  /** Ready pods behind a Service port. */
  backends(namespace: string, service: string, port: number): Backend[] {
    const found = this.#services.get(namespace)?.get(service);
    const servicePort = found?.ports.find(candidate => candidate.port === port);
    if (found === undefined || servicePort === undefined || Object.keys(found.selector).length === 0) return [];
    return this.podsIn(namespace)
      .filter(pod => pod.ready && selects(found.selector, pod.labels))
      .flatMap(pod => {
        const target = containerPort(pod, servicePort.targetPort);
        return target === undefined ? [] : [{ pod, port: target, protocol: servicePort.protocol }];
      });
  }

  /** How a proxy treats a container port, and whether the application has its own TLS there. */
  portOf(pod: MeshPod, port: number): { protocol: PortProtocol; ownTls: boolean } {
    for (const service of this.#services.get(pod.namespace)?.values() ?? []) {
      if (Object.keys(service.selector).length === 0 || !selects(service.selector, pod.labels)) continue;
      const declared = service.ports.find(each => containerPort(pod, each.targetPort) === port);
      if (declared !== undefined) return declared;
    }
    return { protocol: 'auto', ownTls: false };
  }
}
