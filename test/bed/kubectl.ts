/** The kubectl built into the bed's program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface KubectlOptions {
  /** Standard input, for `-f -`. */
  input?: string;
  /** Kubeconfig file; the administrator's unless given. */
  kubeconfig?: string;
  /** Whether a failure is an answer too. Otherwise it is thrown with what kubectl said. */
  mayFail?: boolean;
  timeoutMs?: number;
}

export interface KubectlResult {
  code: number;
  stdout: string;
  stderr: string;
}

export async function runKubectl(
  kubebed: string,
  adminKubeconfig: string,
  home: string,
  args: string[],
  options: KubectlOptions,
): Promise<KubectlResult> {
  const env = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: options.kubeconfig ?? adminKubeconfig };
  const child = spawn(kubebed, ['kubectl', ...args], { env, timeout: options.timeoutMs ?? 60_000 });
  const collected = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  child.stdin.on('error', () => {}); // kubectl may end before it has read all
  child.stdin.end(options.input ?? '');
  const [stdout, stderr] = await collected;
  const code = child.exitCode ?? 1;
  if (code !== 0 && options.mayFail !== true) {
    throw new Error(`kubectl ${args.join(' ')} ended with ${child.signalCode ?? code}: ${stderr || stdout}`);
  }
  return { code, stdout, stderr };
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  stream.setEncoding('utf8');
  for await (const part of stream) all += part;
  return all;
}
