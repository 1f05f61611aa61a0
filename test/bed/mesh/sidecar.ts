/** The sidecar of one pod: Istio's real agent with a real Envoy behind Istio's real interception rules. */
import { execFile } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { moduleFolder } from '../build.ts';
import { Component } from '../component.ts';
import type { RunFolder } from '../runFolder.ts';
import { signal, identify } from '../process.ts';
import { ACCESS_LOG } from './accessLog.ts';
import { inPod, type PodNetwork } from './network.ts';
import { ENVOY, HOST, ISTIOD, MESHBED, PODS } from './world.ts';

/** User of agent and proxy: what it sends is not intercepted again. */
const USER = 1337;
const FOLDERS = [
  'etc/istio/pod',
  'etc/istio/proxy',
  'var/lib/istio/envoy',
  'var/run/secrets/istio',
  'var/run/secrets/tokens',
  'var/run/secrets/workload-spiffe-uds',
];

/** What the proxy counts beside Istio's default: the inbound listener as a whole. */
const LISTENER_STATS = [
  'no_filter_chain_match',
  'downstream_cx_total',
  'downstream_cx_active',
  'ssl.handshake',
  'ssl.fail_verify_no_cert',
  'ssl.fail_verify_error',
  'ssl.connection_error',
];

export interface SidecarOptions {
  namespace: string;
  pod: string;
  workload: string;
  serviceAccount: string;
  labels: Record<string, string>;
  /** Container ports. */
  ports: number[];
  /** How long open connections may go on after their filter chain was replaced: Istio's own default is 45 s. */
  drain: string;
  /** Istio's default statistics only, or those of the inbound listener too. */
  stats: 'Default' | 'Listener';
}

export class Sidecar {
  readonly folder: string;
  readonly #network: PodNetwork;
  readonly #options: SidecarOptions;
  readonly #run: RunFolder;
  readonly #component: Component;

  constructor(run: RunFolder, network: PodNetwork, options: SidecarOptions) {
    this.#run = run;
    this.#network = network;
    this.#options = options;
    const { namespace, pod } = options;
    this.folder = join(PODS, `${namespace}-${pod}`);
    const as = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'];
    const agent = [MESHBED, 'agent', 'proxy', 'sidecar', '--domain', `${namespace}.svc.cluster.local`];
    const [command, ...args] = inPod(network, ...as, ...agent, '--proxyLogLevel=warning');
    this.#component = new Component(run, {
      name: this.#name,
      command: command!,
      args,
      env: environment(network, options),
      cwd: this.folder,
      graceMs: 5000,
      ready: () => isReady(network),
    });
  }

  /** What the agent and the proxy need on disk, and the interception rules in the pod's network. */
  async prepare(token: string, root: string): Promise<void> {
    const { folder } = this;
    for (const each of FOLDERS) mkdirSync(join(folder, each), { recursive: true });
    const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
    write('var/run/secrets/tokens/istio-token', token);
    write('var/run/secrets/istio/root-cert.pem', root);
    const labels = Object.entries(this.#options.labels).map(([key, value]) => `${key}="${value}"\n`);
    write('etc/istio/pod/labels', labels.join(''));
    write('etc/istio/pod/annotations', '');
    write(ACCESS_LOG, '');
    const template = join(moduleFolder('istio.io/istio'), 'tools/packaging/common/envoy_bootstrap.json');
    copyFileSync(template, join(folder, 'var/lib/istio/envoy/envoy_bootstrap_tmpl.json'));
    chmodSync(join(folder, 'var/lib/istio/envoy/envoy_bootstrap_tmpl.json'), 0o644);
    await promisify(execFile)('chown', ['-R', `${USER}:${USER}`, folder]);
    chownSync(folder, USER, USER);
    const rules = [
      '-p',
      '15001',
      '-z',
      '15006',
      '-u',
      `${USER}`,
      '-g',
      `${USER}`,
      '-m',
      'REDIRECT',
      '-i',
      '*',
      '-x',
      '',
    ];
    const [command, ...args] = inPod(
      this.#network,
      MESHBED,
      'agent',
      'istio-iptables',
      ...rules,
      '-b',
      '*',
      '-d',
      '15090,15021,15020',
    );
    await promisify(execFile)(command!, args);
  }

  async start(): Promise<void> {
    this.#component.launch();
    await this.#component.ready();
    // an agent that is killed leaves its proxy behind
    this.#run.record(`${this.#name}.envoy`, this.#envoy());
  }

  /** Memory of agent and proxy in MiB; what several pods share, as the program itself, counts in part for each. */
  memory(): { agent: number; envoy: number } {
    return { agent: memoryOf(this.#component.pid!), envoy: memoryOf(this.#envoy()) };
  }

  get accessLog(): string {
    return join(this.folder, ACCESS_LOG);
  }

  get logTail(): string {
    return this.#component.logTail(30);
  }

  async stop(): Promise<void> {
    const pid = this.#component.pid;
    const envoy = pid === undefined ? undefined : identify(this.#envoy());
    await this.#component.kill();
    if (envoy !== undefined) signal(envoy, 'SIGKILL');
  }

  get #name(): string {
    return `${this.#options.namespace}.${this.#options.pod}`;
  }

  #envoy(): number {
    const pid = this.#component.pid!;
    // a child belongs to the thread that forked it
    const children = readdirSync(`/proc/${pid}/task`).flatMap(thread =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' '),
    );
    const envoy = children.map(Number).find(child => child > 0);
    if (envoy === undefined) throw new Error(`${this.#name} has no Envoy:\n${this.logTail}`);
    return envoy;
  }
}

function environment({ ip }: PodNetwork, options: SidecarOptions): NodeJS.ProcessEnv {
  const { namespace, pod, workload, serviceAccount, ports, drain, stats } = options;
  const proxyStatsMatcher = {
    inclusionRegexps: LISTENER_STATS.map(name => `listener.0.0.0.0_15006.${name}`),
  };
  const config = {
    binaryPath: ENVOY,
    discoveryAddress: `${ISTIOD}:15012`,
    concurrency: 1,
    statusPort: 15020,
    proxyAdminPort: 15000,
    drainDuration: drain,
    terminationDrainDuration: '1s',
    ...(stats === 'Listener' ? { proxyStatsMatcher } : {}),
  };
  return {
    PATH: process.env['PATH'],
    HOME: '/',
    CLOUD_PLATFORM: 'none',
    POD_NAME: pod,
    POD_NAMESPACE: namespace,
    INSTANCE_IP: ip,
    SERVICE_ACCOUNT: serviceAccount,
    HOST_IP: HOST,
    CA_ADDR: `${ISTIOD}:15012`,
    PILOT_CERT_PROVIDER: 'istiod',
    TRUST_DOMAIN: 'cluster.local',
    ISTIO_META_CLUSTER_ID: 'Kubernetes',
    ISTIO_META_INTERCEPTION_MODE: 'REDIRECT',
    ISTIO_META_MESH_ID: 'cluster.local',
    ISTIO_META_NODE_NAME: 'bed-node',
    ISTIO_META_WORKLOAD_NAME: workload,
    ISTIO_META_OWNER: `kubernetes://apis/apps/v1/namespaces/${namespace}/deployments/${workload}`,
    ISTIO_META_APP_CONTAINERS: 'server',
    ISTIO_META_POD_PORTS: JSON.stringify(ports.map(containerPort => ({ containerPort, protocol: 'TCP' }))),
    PROXY_CONFIG: JSON.stringify(config),
  };
}

async function isReady({ ip }: PodNetwork): Promise<boolean> {
  return (await fetch(`http://${ip}:15021/healthz/ready`)).ok;
}

function memoryOf(pid: number): number {
  const [, kib] = /^Pss: +(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))!;
  return Number(kib) / 1024;
}
