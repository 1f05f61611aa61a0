/** The part of a kubelet that forwards ports into pods, so that `kubectl port-forward` works, and istioctl, which lives on it. */
import { renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Transport } from '../../../src/cluster/transport.ts';
import { apply, NODE } from '../boutiqueObjects.ts';
import { Component } from '../component.ts';
import type { RunFolder } from '../runFolder.ts';
import type { MeshPod } from './pods.ts';
import { HOST } from './world.ts';

/** Where the API server looks for it unless a Node says otherwise. */
const PORT = 10250;

export class Kubelet {
  readonly #component: Component;
  readonly #pods: string;

  constructor(folder: RunFolder, kubebed: string) {
    this.#pods = folder.file('kubelet.pods.json');
    this.tell([]);
    this.#component = new Component(folder, {
      name: 'kubelet',
      command: kubebed,
      args: ['kubelet', `--address=${HOST}:${PORT}`, `--pods=${this.#pods}`],
      env: { PATH: process.env['PATH'], HOME: folder.path },
      graceMs: 1000,
      ready: listens,
    });
  }

  async start(): Promise<void> {
    this.#component.launch();
    await this.#component.ready();
  }

  /** From now on these are the pods of the Node. */
  tell(pods: readonly MeshPod[]): void {
    const known = Object.fromEntries(pods.map(({ namespace, name, netns }) => [`${namespace}/${name}`, netns]));
    const unfinished = `${this.#pods}.new`;
    writeFileSync(unfinished, JSON.stringify(known));
    renameSync(unfinished, this.#pods);
  }
}

/** Creates the Node, and says where its kubelet listens. */
export async function createNode(api: Transport): Promise<void> {
  await apply(api, { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  const status = {
    addresses: [{ type: 'InternalIP', address: HOST }],
    daemonEndpoints: { kubeletEndpoint: { Port: PORT } },
  };
  const path = `/api/v1/nodes/${NODE}/status`;
  const contentType = 'application/merge-patch+json';
  const answer = await api.call({ method: 'PATCH', path, contentType, body: { status } });
  if (answer.status !== 200) throw new Error(`status of the Node: ${JSON.stringify(answer.body)}`);
}

function listens(): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(PORT, HOST);
    const end = (is: boolean) => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
