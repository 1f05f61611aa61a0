/**
 * A real mesh of any shape: real kube-apiserver and istiod, pods that are network namespaces with Istio's agent, Envoy
 * and interception, a real Prometheus. A suite describes its workloads in a few lines and then looks at what clients get.
 */
import type { Transport } from '../../../src/cluster/transport.ts';
import { build, KUBEBED, WORKLOAD } from '../build.ts';
import { apply } from '../boutiqueObjects.ts';
import { namespaceObject } from '../boutique.ts';
import type { Component } from '../component.ts';
import { type ControlPlane, startControlPlane } from '../controlPlane.ts';
import { read } from '../observe.ts';
import { installOperator, type OperatorProcess, startOperator } from '../operatorProcess.ts';
import { waitFor } from '../waiting.ts';
import { configureMesh, configureProxies, istiod, ISTIO_NAMESPACE, type MeshConfig } from './istiod.ts';
import { createNode, Kubelet } from './kubelet.ts';
import { Network } from './network.ts';
import { type MeshPod, type MeshWorkload, startPods } from './pods.ts';
import { Prometheus } from './prometheus.ts';
import { Telemetry } from './telemetry.ts';
import { Workloads } from './workload.ts';

/** A crashed leader is replaced soon; a healthy one still has time for its renewals on a busy machine. */
const ELECTION = { leaseDuration: '4s', renewDeadline: '3s', retryPeriod: '300ms' };

export interface MeshOptions {
  /** Drain time of the sidecars. Istio's default is 45 s, for which no test waits that does not have to. */
  drain?: string;
  config?: MeshConfig;
}

export class Mesh {
  readonly plane: ControlPlane;
  readonly network = new Network();
  readonly prometheus: Prometheus;
  readonly istiod: Component;
  readonly kubelet: Kubelet;
  readonly programs: Workloads;
  readonly telemetry: Telemetry;
  readonly drain: string;
  readonly pods: MeshPod[] = [];
  #operatorKubeconfig: Promise<string> | undefined;

  constructor(plane: ControlPlane, kubelet: Kubelet, programs: Workloads, drain: string) {
    this.plane = plane;
    this.kubelet = kubelet;
    this.programs = programs;
    this.drain = drain;
    this.prometheus = new Prometheus(plane.folder);
    this.istiod = istiod(plane);
    this.telemetry = new Telemetry(ip => this.pods.find(pod => pod.ip === ip));
  }

  /** Ready for pods, in a namespace world that `run.ts` made. */
  static async start({ drain = '2s', config = {} }: MeshOptions = {}): Promise<Mesh> {
    const silent = () => {};
    const [plane, kubebed, workload] = await Promise.all([
      startControlPlane(),
      build(KUBEBED, silent),
      build(WORKLOAD, silent),
    ]);
    try {
      const kubelet = new Kubelet(plane.folder, kubebed);
      const mesh = new Mesh(plane, kubelet, await Workloads.start(plane.folder, workload), drain);
      await mesh.#start(config);
      return mesh;
    } catch (error) {
      // half a mesh is nobody's to stop later
      await plane.stop();
      throw error;
    }
  }

  get api(): Transport {
    return this.plane.admin;
  }

  async #start(config: MeshConfig): Promise<void> {
    await this.network.start();
    await Promise.all([this.telemetry.start(), this.addNamespace(ISTIO_NAMESPACE)]);
    await createNode(this.api);
    await configureMesh(this.api, { defaultConfig: { drainDuration: this.drain }, ...config });
    await this.plane.applyIstioCrds();
    await configureProxies(this.api);
    this.istiod.launch();
    await Promise.all([this.istiod.ready(), this.prometheus.start(), this.kubelet.start()]);
  }

  async addNamespace(name: string, labels: Record<string, string> = {}): Promise<void> {
    await apply(this.api, namespaceObject(name, labels));
  }

  /** Adds workloads with all their pods, several at a time; resolves when every sidecar is ready. */
  async add(...specs: MeshWorkload[]): Promise<MeshPod[]> {
    for (const namespace of new Set(specs.map(each => each.namespace))) await this.addNamespace(namespace);
    const added = await startPods(this, specs);
    this.#tellOfPods();
    return added;
  }

  async remove(pod: MeshPod): Promise<void> {
    this.pods.splice(this.pods.indexOf(pod), 1);
    this.#tellOfPods();
    await pod.remove();
  }

  /** The (first) pod of `namespace/workload`. */
  pod(name: string): MeshPod {
    const found = this.pods.find(({ namespace, workload }) => `${namespace}/${workload}` === name);
    if (found === undefined) throw new RangeError(`there is no pod of ${name}`);
    return found;
  }

  /** `ip:port` of a Service port: the Service's own address, from which a sidecar takes it on. */
  async serviceAddress(namespace: string, name: string, port: number): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/services/${name}`;
    const service = await read<{ spec: { clusterIP: string } }>(this.api, path);
    if (service === undefined) throw new RangeError(`there is no Service ${namespace}/${name}`);
    return `${service.spec.clusterIP}:${port}`;
  }

  /** Root certificate of the mesh, once istiod has written it into this namespace. */
  rootCertificate(namespace: string): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/configmaps/istio-ca-root-cert`;
    const look = async () => (await read<{ data: Record<string, string> }>(this.api, path))?.data['root-cert.pem'];
    return waitFor(look, `the mesh's root certificate in ${namespace}`, 30_000);
  }

  /** The built operator with the rights of its deployment, started and ready. */
  async startOperator(settings: Record<string, unknown> = {}, name = 'operator'): Promise<OperatorProcess> {
    this.#operatorKubeconfig ??= installOperator(this.plane);
    const kubeconfig = await this.#operatorKubeconfig;
    const all = { prometheus: { url: this.prometheus.url }, leaderElection: ELECTION, ...settings };
    return startOperator({ controlPlane: this.plane, kubeconfig, settings: all, name });
  }

  async stop(): Promise<void> {
    await Promise.all(this.pods.splice(0).map(pod => pod.stop()));
    await this.telemetry.stop();
    await this.programs.stop();
    await this.plane.stop();
    await this.network.stop();
  }

  #tellOfPods(): void {
    this.kubelet.tell(this.pods);
    this.prometheus.tell(this.pods.flatMap(pod => pod.targets));
  }
}
