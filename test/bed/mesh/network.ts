/**
 * The network of a mesh: a bridge in the namespace this process lives in, and a network namespace for every pod. It has
 * no link to an interface of the machine, so nothing that happens here can leave.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { HOST, PREFIX } from './world.ts';

const run = promisify(execFile);

const BRIDGE = 'pods';

/** The network namespace of one pod. */
export interface PodNetwork {
  ip: string;
  /** File that stands for the namespace, for `nsenter --net` and setns(2). */
  netns: string;
}

export class Network {
  #pods = 0;
  readonly #names = new Set<string>();

  async start(): Promise<void> {
    await ip('link', 'add', BRIDGE, 'type', 'bridge');
    await ip('addr', 'add', `${HOST}/${PREFIX}`, 'dev', BRIDGE);
    await ip('link', 'set', BRIDGE, 'up');
  }

  async addPod(): Promise<PodNetwork> {
    const number = ++this.#pods;
    const [name, link] = [`pod-${number}`, `veth-${number}`];
    const address = `10.77.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`;
    this.#names.add(name);
    await ip('netns', 'add', name);
    await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    await ip('link', 'set', link, 'master', BRIDGE, 'up');
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    await ip('-n', name, 'addr', 'add', `${address}/${PREFIX}`, 'dev', 'eth0');
    await ip('-n', name, 'link', 'set', 'eth0', 'up');
    // Service addresses are behind it: without a route a connection fails before it can be intercepted
    await ip('-n', name, 'route', 'add', 'default', 'via', HOST);
    return { ip: address, netns: `/run/netns/${name}` };
  }

  async removePod({ netns }: PodNetwork): Promise<void> {
    const name = netns.slice(netns.lastIndexOf('/') + 1);
    if (this.#names.delete(name)) await ip('netns', 'delete', name);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#names].map(name => ip('netns', 'delete', name)));
    this.#names.clear();
    await ip('link', 'delete', BRIDGE);
  }
}

/** Command line that runs a program inside a pod. */
export function inPod({ netns }: PodNetwork, ...command: string[]): string[] {
  return ['nsenter', `--net=${netns}`, ...command];
}

async function ip(...args: string[]): Promise<void> {
  await run('ip', args);
}
