/** What the real istioctl says about a mesh. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Mesh } from './mesh.ts';
import type { MeshPod } from './pods.ts';
import { MESHBED } from './world.ts';

/** A finding of `istioctl analyze`. */
interface Finding {
  code: string;
  level: 'Info' | 'Warning' | 'Error';
  message: string;
  /** Kind and namespace/name. */
  origin: string;
}

/** The part of `istioctl x describe pod` that is about PeerAuthentications. */
export interface Described {
  mode: string;
  ports: Record<string, string>;
  /** namespace/name of every policy that is about the pod, whether it decides anything or not. */
  applied: string[];
}

export async function analyze(mesh: Mesh): Promise<Finding[]> {
  const output = await istioctl(mesh, 'analyze', '-A', '-o', 'json');
  // a line of its log may come before
  return JSON.parse(output.slice(output.search(/^\[/m))) as Finding[];
}

export async function describePod(mesh: Mesh, { name, namespace }: MeshPod): Promise<Described> {
  const output = await istioctl(mesh, 'experimental', 'describe', 'pod', `${name}.${namespace}`);
  const [, mode] = /^Effective PeerAuthentication:\n +Workload mTLS mode: (\w+)$/m.exec(output) ?? [];
  if (mode === undefined) throw new Error(`describe names no mode for ${namespace}/${name}:\n${output}`);
  const [, ports = ''] = /^ +Port Level mTLS mode:\n((?: +\d+: \w+\n)+)/m.exec(output) ?? [];
  const [, applied = ''] = /^Applied PeerAuthentication:\n +(.*)$/m.exec(output) ?? [];
  return {
    mode,
    ports: Object.fromEntries([...ports.matchAll(/(\d+): (\w+)/g)].map(([, port, is]) => [port!, is!])),
    // printed as name.namespace, and only a name may have dots
    applied: applied.split(', ').flatMap(each => (each === '' ? [] : [each.replace(/^(.*)\.([^.]+)$/, '$2/$1')])),
  };
}

async function istioctl({ plane }: Mesh, ...args: string[]): Promise<string> {
  const all = ['istioctl', '--kubeconfig', plane.adminKubeconfig, ...args];
  const env = { PATH: process.env['PATH'], HOME: plane.folder.path };
  return (await promisify(execFile)(MESHBED, all, { env, timeout: 60_000 })).stdout;
}
