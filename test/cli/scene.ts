/** A cluster on loopback with a mesh in it, and the plugin: inside this process, or as a person runs it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildCrd } from '../../src/api/crd.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Status } from '../../src/api/status.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import { run } from '../../src/cli/command.ts';
import { EmbeddedCluster, type Intercept } from '../../src/sim/server/server.ts';

export const ROOT = 'istio-system';

/** What a person gets to see, and the exit code. */
export interface Seen {
  code: number;
  out: string;
  err: string;
}

export interface Scene {
  cluster: EmbeddedCluster;
  url: string;
  /** An empty home: no kubeconfig but those that a test puts there. */
  home: string;
  /** Stands between the plugin and the server until the next test. */
  intercept: Intercept | undefined;
  /** Runs the plugin against the cluster. */
  run(...args: string[]): Promise<Seen>;
  /** The same as a process of its own. */
  spawn(...args: string[]): Promise<Seen>;
  close(): Promise<void>;
}

export async function openScene({ crds = [buildCrd()] }: { crds?: object[] } = {}): Promise<Scene> {
  const home = mkdtempSync(join(tmpdir(), 'cli-'));
  const cluster = new EmbeddedCluster({
    clock: systemClock,
    crds,
    intercept: (request, proceed) => (scene.intercept ? scene.intercept(request, proceed) : proceed()),
  });
  const door = await cluster.listen();
  const empty = join(home, 'empty');
  writeFileSync(empty, JSON.stringify({ clusters: [], users: [], contexts: [] }));
  const scene: Scene = {
    cluster,
    url: door.url,
    home,
    intercept: undefined,
    run: (...args) => called([...args, '--server', door.url, '--kubeconfig', empty]),
    spawn: (...args) => runPlugin(home, [...args, '--server', door.url]),
    close: async () => {
      await door.close();
      rmSync(home, { recursive: true });
    },
  };
  return scene;
}

async function called(args: string[]): Promise<Seen> {
  const seen = { out: '', err: '' };
  const code = await run(args, {
    clock: systemClock,
    print: text => void (seen.out += text),
    complain: text => void (seen.err += text),
    width: undefined,
  });
  return { code, ...seen };
}

/** The plugin as a process of its own that knows nothing of this machine's clusters. */
export function runPlugin(home: string, args: string[]): Promise<Seen> {
  const env = { PATH: process.env['PATH'], HOME: home };
  return new Promise(resolve => {
    execFile(process.execPath, ['src/cli/main.ts', ...args], { env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

function namespace(name: string, labels: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function policy(
  inNamespace: string,
  name: string,
  mode: string,
  annotations: Record<string, string> = {},
): object {
  const metadata = { namespace: inNamespace, name, annotations };
  return { apiVersion: 'security.istio.io/v1', kind: 'PeerAuthentication', metadata, spec: { mtls: { mode } } };
}

export function rollout(inNamespace: string, name: string, spec: SpecInput, status?: Status): object {
  return {
    apiVersion: 'mtlsrollout.io/v1alpha1',
    kind: 'MtlsRollout',
    metadata: { namespace: inNamespace, name },
    spec,
    ...(status ? { status } : {}),
  };
}

/** Four namespaces in two waves: one is STRICT, one belongs to Argo CD, two have nothing yet. */
export function shopObjects(): object[] {
  return [
    namespace(ROOT),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: ROOT, name: 'istio' }, data: { mesh: '' } },
    ...['ad', 'cart', 'checkout', 'email'].map(name => namespace(name, { shop: 'yes' })),
    policy('ad', 'default', 'STRICT'),
    policy('cart', 'default', 'PERMISSIVE', {
      'argocd.argoproj.io/tracking-id': 'shop:security.istio.io/PeerAuthentication:cart/default',
    }),
  ];
}

export const SHOP: SpecInput = {
  target: { namespaces: { selector: { matchLabels: { shop: 'yes' } } } },
  strategy: { waves: [{ name: 'leaf', names: ['ad', 'email', 'currency'], maxConcurrent: 2, soak: '5m' }] },
};
