/** The bundled operator as a process: what a pod would run. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/cluster/clock.ts';

const LOOP_DELAY = join(import.meta.dirname, 'loopDelay.mjs');
/** Flags of Node in the image. */
const NODE_FLAGS =
  readFileSync(join(import.meta.dirname, '../../Dockerfile'), 'utf8').match(/--max-[a-z-]+=\d+/g) ?? [];
const POLL_MS = 5;
const PATIENCE_MS = 30_000;

/** A bundle in a folder of its own, to start operators from. */
export class Bundle {
  readonly folder: string;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'mtls-rollout-bench-'));
    execFileSync(process.execPath, [join(import.meta.dirname, '../bundle.ts'), this.folder]);
  }

  /** Spawns the operator and waits for `/readyz`. `compileCache` lets Node keep compiled code for the next start. */
  async start(
    kubeconfig: string,
    settings: Record<string, unknown> = {},
    { compileCache = false } = {},
  ): Promise<OperatorProcess> {
    const kubeconfigFile = join(this.folder, 'kubeconfig.json');
    const configFile = join(this.folder, 'settings.json');
    writeFileSync(kubeconfigFile, kubeconfig);
    writeFileSync(configFile, JSON.stringify({ health: { address: '127.0.0.1', port: 0 }, ...settings }));
    const flags = ['--kubeconfig', kubeconfigFile, '--config', configFile];
    const spawned = performance.now();
    const child = spawn(
      process.execPath,
      [...NODE_FLAGS, '--import', LOOP_DELAY, join(this.folder, 'mtls-rollout.mjs'), ...flags],
      {
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
        env: { NODE_ENV: 'production', ...(compileCache ? { NODE_COMPILE_CACHE: join(this.folder, 'cache') } : {}) },
      },
    );
    await untilReady(child);
    return new OperatorProcess(child, performance.now() - spawned);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class OperatorProcess {
  /** Milliseconds from spawn to ready. */
  readonly readyAfter: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, readyAfter: number) {
    this.#child = child;
    this.readyAfter = readyAfter;
  }

  /** Resident memory now, MiB. */
  memory(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  /** CPU time used so far, seconds. */
  cpu(): number {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13)
      .map(Number);
    return (user! + system!) / 100;
  }

  /** How late the event loop was since the last call, milliseconds. */
  async loopDelay(): Promise<{ p99: number; max: number }> {
    this.#child.send('delay');
    const [message] = await once(this.#child, 'message');
    return message as { p99: number; max: number };
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

/** Rejects when the process ends before, or takes far too long. */
async function untilReady(child: ChildProcess): Promise<void> {
  const { address, lastLine } = readLog(child);
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const health = address();
    if (health !== undefined && (await isReady(health))) return;
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`the operator did not get ready; its last words: ${lastLine()}`);
    await systemClock.wait(POLL_MS);
  }
}

/** Reads the log to its end: where the operator says that it listens, and what it said last. */
function readLog(child: ChildProcess): { address: () => string | undefined; lastLine: () => string } {
  let address: string | undefined;
  let last = 'none';
  createInterface({ input: child.stdout! }).on('line', line => {
    last = line;
    address ??= (JSON.parse(line) as { health?: string }).health;
  });
  return { address: () => address, lastLine: () => last };
}

function isReady(health: string): Promise<boolean> {
  return new Promise(resolve => {
    get(`http://${health}/readyz`, answer => resolve(answer.resume().statusCode === 200)).once('error', () =>
      resolve(false),
    );
  });
}
