/** Starts the embedded API server as a process, so that what it costs is not counted as the operator's. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { KubeConfig } from '@kubernetes/client-node';
import type { SpecInput } from '../../src/api/schema.ts';
import { KubeClient } from '../../src/cluster/client.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import { HttpTransport } from '../../src/cluster/httpTransport.ts';

export type Order =
  | { kind: 'Namespaces'; count: number }
  /** So many pods in each of the first `count` namespaces. */
  | { kind: 'Pods'; count: number; each: number }
  /** One in each of the first `count` namespaces; those that are there get the spec. */
  | { kind: 'Rollouts'; count: number; spec: SpecInput }
  /** Takes away every rollout and every policy. */
  | { kind: 'Clear' }
  /** How many rollouts there are of each phase. */
  | { kind: 'Phases' };

export class ServerProcess {
  /** Text of a file that leads here. */
  readonly kubeconfig: string;
  readonly client: KubeClient;
  readonly #child: ChildProcess;
  readonly #transport: HttpTransport;

  private constructor(child: ChildProcess, server: string) {
    this.#child = child;
    // client-node speaks plain HTTP only where TLS need not be verified
    const cluster = { server, 'insecure-skip-tls-verify': true };
    this.kubeconfig = JSON.stringify({
      clusters: [{ name: 'bench', cluster }],
      users: [{ name: 'bench', user: {} }],
      contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
      'current-context': 'bench',
    });
    const config = new KubeConfig();
    config.loadFromString(this.kubeconfig);
    this.#transport = new HttpTransport(config);
    this.client = new KubeClient(this.#transport, systemClock);
  }

  static async start(): Promise<ServerProcess> {
    const child = fork(new URL('./server.ts', import.meta.url), {
      execArgv: ['--max-old-space-size=8192'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    return new ServerProcess(child, (await answerOf(child)) as string);
  }

  async order(order: Order): Promise<unknown> {
    this.#child.send(order);
    return await answerOf(this.#child);
  }

  /** Resolves when so many rollouts are in the phase. */
  async untilPhase(phase: string, rollouts: number): Promise<void> {
    for (;;) {
      const phases = (await this.order({ kind: 'Phases' })) as Record<string, number>;
      if (phases[phase] === rollouts) return;
      await systemClock.wait(250);
    }
  }

  async stop(): Promise<void> {
    await this.#transport.close();
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const failed = once(child, 'exit', { signal: ended.signal }).then(([code]) => {
    throw new Error(`the embedded server ended with exit code ${code}`);
  });
  try {
    const [message] = await Promise.race([once(child, 'message', { signal: ended.signal }), failed]);
    return (message as { answer: unknown }).answer;
  } finally {
    failed.catch(() => undefined);
    ended.abort();
  }
}
