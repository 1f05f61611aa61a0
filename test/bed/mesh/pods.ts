/** The pods of a mesh: brought up several at a time, each with what listens in it and, where it is meshed, its sidecar. */
import { execFile } from 'node:child_process';
import { read } from '../observe.ts';
import { createWorkload, type PodPlace, type PortSpec, type WorkloadSpec } from '../workloads.ts';
import { inPod, type PodNetwork } from './network.ts';
import type { Mesh } from './mesh.ts';
import type { Target } from './prometheus.ts';
import { Sidecar, type SidecarOptions } from './sidecar.ts';
import type { Connection, Load, ServerKind } from './workload.ts';
import type { Echoed, Failed, LoadSpec, Responded, SingleRequest, Talk, TalkFailed } from './workloadAnswers.ts';

interface MeshPort extends PortSpec {
  /** What listens there; nothing where it is absent. */
  serves?: ServerKind;
}

export interface MeshWorkload extends WorkloadSpec {
  ports: MeshPort[];
  /** Ports on which something listens that neither the pod nor the Service declares. */
  undeclared?: { port: number; serves: ServerKind }[];
  stats?: SidecarOptions['stats'];
}

/** What curl saw: the status (000 where there was no answer) and its exit code. */
export interface Curled {
  status: string;
  exit: number;
}

export class MeshPod implements PodPlace {
  readonly namespace: string;
  readonly workload: string;
  readonly name: string;
  readonly ip: string;
  readonly ports: number[];
  readonly labels: Record<string, string>;
  readonly network: PodNetwork;
  readonly sidecar: Sidecar | undefined;
  readonly targets: Target[];
  readonly #mesh: Mesh;

  constructor(mesh: Mesh, place: PodPlace, network: PodNetwork, sidecar: Sidecar | undefined) {
    this.#mesh = mesh;
    this.namespace = place.namespace;
    this.workload = place.workload;
    this.name = place.name;
    this.ip = place.ip;
    this.ports = place.ports;
    this.labels = place.labels;
    this.network = network;
    this.sidecar = sidecar;
    this.targets = sidecar === undefined ? [] : this.#targetsOf(sidecar);
  }

  get netns(): string {
    return this.network.netns;
  }

  /** The real curl, inside the pod. */
  curl(url: string, ...more: string[]): Promise<Curled> {
    const quiet = ['--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--max-time', '5'];
    const [command, ...args] = inPod(this.network, 'curl', ...quiet, ...more, url);
    return new Promise(resolve => {
      const child = execFile(command!, args, (_error, stdout) =>
        resolve({ status: stdout, exit: child.exitCode ?? -1 }),
      );
    });
  }

  /** One HTTP request. */
  request(request: SingleRequest): Promise<Responded | Failed> {
    return this.#mesh.programs.request(this.netns, request);
  }

  /** One TCP connection and what came back over it. */
  talk(talk: Talk): Promise<Echoed | TalkFailed> {
    return this.#mesh.programs.talk(this.netns, talk);
  }

  /** A connection that stays. */
  dial<K extends 'tcp' | 'http'>(to: { address: string; kind: K; host?: string }): Promise<Connection<K>> {
    return this.#mesh.programs.dial(this.netns, to);
  }

  /** Requests at a steady rate. */
  load(spec: LoadSpec): Promise<Load> {
    return this.#mesh.programs.load(this.netns, spec);
  }

  /** The proxy's statistics, by name with labels as Prometheus would read them. */
  async scrape(): Promise<Map<string, number>> {
    const text = await (await fetch(`http://${this.ip}:15090/stats/prometheus`)).text();
    const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    );
  }

  /** Address under which this pod reaches a port of a workload: the Service's, or what kube-proxy would choose for it. */
  async addressOf(target: string, port: number): Promise<string> {
    if (this.sidecar !== undefined) {
      const [namespace, name] = target.split('/') as [string, string];
      return this.#mesh.serviceAddress(namespace, name, port);
    }
    const pod = this.#mesh.pod(target);
    return `${pod.ip}:${await this.#containerPort(pod, port)}`;
  }

  /** Ends the pod's processes; its objects and its network stay. */
  async stop(): Promise<void> {
    await this.sidecar?.stop();
    this.#mesh.telemetry.remove(this);
  }

  /** Deletes the pod as a kubelet would: object, processes, network. */
  async remove(): Promise<void> {
    const path = `/api/v1/namespaces/${this.namespace}/pods/${this.name}`;
    await this.#mesh.api.call({ method: 'DELETE', path, query: { gracePeriodSeconds: '0' } });
    await this.#mesh.programs.unserve(this.netns);
    await this.stop();
    await this.#mesh.network.removePod(this.network);
  }

  async #containerPort({ namespace, workload }: MeshPod, port: number): Promise<number> {
    interface Service {
      spec: { ports: { port: number; targetPort: number }[] };
    }
    const service = await read<Service>(this.#mesh.api, `/api/v1/namespaces/${namespace}/services/${workload}`);
    return service?.spec.ports.find(each => each.port === port)?.targetPort ?? port;
  }

  #targetsOf({ accessLog }: Sidecar): Target[] {
    const { namespace, name, name: pod, workload, ip } = this;
    const standard = this.#mesh.telemetry.add({ namespace, name, workload, ip, accessLog });
    return [
      { address: `${ip}:15090`, path: '/stats/prometheus', namespace, pod },
      { ...standard, namespace, pod },
    ];
  }
}

/** Creates the objects of these workloads and starts their pods. */
export async function startPods(mesh: Mesh, specs: readonly MeshWorkload[]): Promise<MeshPod[]> {
  const started = await Promise.all(specs.map(spec => startWorkload(mesh, spec)));
  return started.flat();
}

async function startWorkload(mesh: Mesh, spec: MeshWorkload): Promise<MeshPod[]> {
  const networks = new Map<string, PodNetwork>();
  const places = await createWorkload(mesh.api, spec, async pod => {
    const network = await mesh.network.addPod();
    networks.set(pod, network);
    return network.ip;
  });
  return Promise.all(places.map(place => startPod(mesh, spec, place, networks.get(place.name)!)));
}

async function startPod(mesh: Mesh, spec: MeshWorkload, place: PodPlace, network: PodNetwork): Promise<MeshPod> {
  const sidecar = spec.meshed === false ? undefined : await prepareSidecar(mesh, spec, place, network);
  const listening = [...spec.ports, ...(spec.undeclared ?? [])].flatMap(({ port, serves }) =>
    serves === undefined ? [] : [{ port, kind: serves }],
  );
  await mesh.programs.serve(network.netns, spec.name, listening);
  const pod = new MeshPod(mesh, place, network, sidecar);
  mesh.pods.push(pod);
  await sidecar?.start();
  return pod;
}

async function prepareSidecar(mesh: Mesh, spec: MeshWorkload, place: PodPlace, network: PodNetwork): Promise<Sidecar> {
  const { namespace, workload, name: pod, labels, ports } = place;
  const { drain } = mesh;
  const stats = spec.stats ?? 'Listener';
  const options = { namespace, pod, workload, serviceAccount: workload, labels, ports, drain, stats };
  const sidecar = new Sidecar(mesh.plane.folder, network, options);
  const [token, root] = await Promise.all([tokenOf(mesh, namespace, workload), mesh.rootCertificate(namespace)]);
  await sidecar.prepare(token, root);
  return sidecar;
}

/** The projected token of the pod's ServiceAccount, with which its agent asks for a certificate. */
async function tokenOf(mesh: Mesh, namespace: string, serviceAccount: string): Promise<string> {
  const body = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { audiences: ['istio-ca'], expirationSeconds: 24 * 3600 },
  };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
  const answer = await mesh.api.call({ method: 'POST', path, body });
  if (answer.status !== 201)
    throw new Error(`no token for ${namespace}/${serviceAccount}: ${JSON.stringify(answer.body)}`);
  return (answer.body as { status: { token: string } }).status.token;
}
