/**
 * A real Kubernetes control plane on the loopback interface, without containers: etcd, kube-apiserver and
 * kube-controller-manager as separate processes, ready in seconds and gone without a trace.
 */
import { join } from 'node:path';
import type { Transport } from '../../src/cluster/transport.ts';
import { auditFlags } from './audit.ts';
import { build, istioCrds, KUBEBED, type Say } from './build.ts';
import { Component } from './component.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { type KubectlOptions, type KubectlResult, runKubectl } from './kubectl.ts';
import { createPki, type Pki } from './pki.ts';
import { freePorts } from './ports.ts';
import { RunFolder } from './runFolder.ts';
import { type Access, type ClosableTransport, plainTransport } from './transport.ts';
import { waitFor } from './waiting.ts';

export type ComponentName = 'etcd' | 'apiserver' | 'controller-manager';

export interface ControlPlaneOptions {
  /** Told what takes long; nothing is said by default. */
  say?: Say;
  /** Further flags of the API server. */
  apiserverFlags?: string[];
}

const CONTROLLERS = [
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'endpointslice-controller',
];
const GRACE_MS = 3000;
const TOKEN_SECONDS = 24 * 3600;

export class ControlPlane {
  /** Holds logs, certificates and kubeconfig files; tests may put files of their own here. */
  readonly folder: RunFolder;
  readonly server: string;
  /** Kubeconfig file of a cluster administrator. */
  readonly adminKubeconfig: string;
  /** Requests as a cluster administrator. */
  readonly admin: Transport;
  readonly components: Record<ComponentName, Component>;
  readonly #kubebed: string;
  readonly #pki: Pki;
  readonly #transport: ClosableTransport;

  constructor(kubebed: string, folder: RunFolder, ports: [number, number, number], apiserverFlags: string[]) {
    this.folder = folder;
    this.#kubebed = kubebed;
    this.#pki = createPki(folder.file('pki'));
    this.server = `https://127.0.0.1:${ports[2]}`;
    const access: Access = { server: this.server, ca: this.#pki.ca, ...this.#pki.admin };
    this.adminKubeconfig = writeKubeconfig(folder.file('admin.kubeconfig'), access);
    this.admin = this.#transport = plainTransport(access);
    const env = { PATH: process.env['PATH'], HOME: folder.path };
    const component = (name: ComponentName, args: string[], ready: () => Promise<boolean>) =>
      new Component(folder, { name, command: kubebed, args: [name, ...args], env, graceMs: GRACE_MS, ready });
    const [etcd, , apiserver] = ports;
    this.components = {
      etcd: component(
        'etcd',
        etcdFlags(folder, ports),
        async () => (await fetch(`http://127.0.0.1:${etcd}/readyz`)).ok,
      ),
      apiserver: component(
        'apiserver',
        [...apiserverFlagsOf(this.#pki, etcd, apiserver), ...auditFlags(folder), ...apiserverFlags],
        () => this.#answersOk('/readyz'),
      ),
      'controller-manager': component('controller-manager', managerFlags(this.#pki, this.adminKubeconfig), () =>
        this.#answersOk('/api/v1/namespaces/default/serviceaccounts/default'),
      ),
    };
  }

  async start(): Promise<void> {
    const { etcd, apiserver, 'controller-manager': manager } = this.components;
    // the API server waits for etcd by itself, and loads meanwhile
    etcd.launch();
    apiserver.launch();
    await etcd.ready();
    await apiserver.ready();
    manager.launch();
    await manager.ready();
  }

  /** Ends every process started for this control plane and removes its folder. */
  async stop(): Promise<void> {
    this.#transport.close();
    await this.folder.remove();
  }

  /** SIGKILL to one component; `restart` brings it back. */
  async kill(name: ComponentName): Promise<void> {
    await this.components[name].kill();
  }

  /** Ends the component if it runs, starts it again and waits until it is ready. */
  restart(name: ComponentName): Promise<void> {
    return this.components[name].restart();
  }

  /** Certificate of the authority that signed the API server's, and whose clients it trusts. */
  get ca(): string {
    return this.#pki.ca;
  }

  kubectl(args: string[], options: KubectlOptions = {}): Promise<KubectlResult> {
    return runKubectl(this.#kubebed, this.adminKubeconfig, this.folder.path, args, options);
  }

  /** A kubeconfig file with a fresh token of the ServiceAccount `namespace/name`. */
  async kubeconfigFor(serviceAccount: string): Promise<string> {
    const [namespace, name] = serviceAccount.split('/');
    if (!namespace || !name) throw new RangeError(`"${serviceAccount}" is not namespace/name`);
    const answer = await this.admin.call({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: TOKEN_SECONDS },
      },
    });
    if (answer.status !== 201) throw new Error(`no token for ${serviceAccount}: ${JSON.stringify(answer.body)}`);
    const { token } = (answer.body as { status: { token: string } }).status;
    const file = this.folder.file(`${namespace}-${name}.kubeconfig`);
    return writeKubeconfig(file, { server: this.server, ca: this.#pki.ca, token });
  }

  /** Applies Istio's own CRDs and waits until all are served. */
  async applyIstioCrds(): Promise<void> {
    await this.applyCrd(istioCrds());
  }

  /** Applies the CRDs of a file and waits until all are served. */
  async applyCrd(file: string): Promise<void> {
    const { stdout } = await this.kubectl(['apply', '--server-side', '--validate=false', '-f', file, '-o', 'name']);
    for (const line of stdout.trim().split('\n')) {
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${line.slice(line.indexOf('/') + 1)}`;
      await waitFor(() => this.#isServed(path), `${line} to be served`, 30_000);
    }
  }

  async #isServed(path: string): Promise<boolean> {
    const { body } = await this.admin.call({ method: 'GET', path });
    const { spec, status } = body as CustomResourceDefinition;
    if (!status.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True')) return false;
    // Established comes a moment before the handler is there
    const versions = spec.versions.filter(({ served }) => served);
    const looks = versions.map(({ name }) => this.#answersOk(`/apis/${spec.group}/${name}/${spec.names.plural}`));
    return (await Promise.all(looks)).every(Boolean);
  }

  async #answersOk(path: string): Promise<boolean> {
    return (await this.admin.call({ method: 'GET', path, query: { limit: '1' } })).status === 200;
  }
}

interface CustomResourceDefinition {
  spec: { group: string; names: { plural: string }; versions: { name: string; served: boolean }[] };
  status: { conditions?: { type: string; status: string }[] };
}

/** A control plane that is ready. Ended by `stop()`, and in any case when this process ends. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const kubebed = await build(KUBEBED, options.say ?? (() => {}));
  const [etcd, peer, apiserver] = await freePorts(3);
  const folder = new RunFolder();
  try {
    const plane = new ControlPlane(kubebed, folder, [etcd!, peer!, apiserver!], options.apiserverFlags ?? []);
    await plane.start();
    return plane;
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

function etcdFlags(folder: RunFolder, [client, peer]: [number, number, number]): string[] {
  const clientUrl = `http://127.0.0.1:${client}`;
  return [
    `--data-dir=${folder.file('etcd')}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    '--unsafe-no-fsync', // durability against a crash of the machine is nothing a test needs
    '--log-level=error',
  ];
}

function apiserverFlagsOf({ folder }: Pki, etcd: number, port: number): string[] {
  const file = (name: string) => join(folder, name);
  return [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--endpoint-reconciler-type=none', // nothing may be announced under a loopback address
    '--allow-privileged=true',
  ];
}

function managerFlags({ folder }: Pki, kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    '--leader-elect=false',
    '--secure-port=0',
    `--service-account-private-key-file=${join(folder, 'sa.key')}`,
    `--root-ca-file=${join(folder, 'ca.crt')}`,
    `--controllers=${CONTROLLERS.join(',')}`,
    '--kube-api-qps=200',
    '--kube-api-burst=400',
  ];
}
