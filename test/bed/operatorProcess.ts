/** The built operator as a process of its own, under the rights that its deployment gives it. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Component } from './component.ts';
import type { ControlPlane } from './controlPlane.ts';
import { freePorts } from './ports.ts';
import { waitFor } from './waiting.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/main.js');
/** As a pod has before it is killed. */
const GRACE_MS = 30_000;
const SERVICE_ACCOUNT = 'mtls-rollout-system/mtls-rollout';

/** One line of the operator's log. */
export interface LogLine {
  level: string;
  message: string;
  [field: string]: unknown;
}

export interface OperatorOptions {
  controlPlane: ControlPlane;
  /** From `installOperator`. */
  kubeconfig: string;
  /** The operator's configuration file; health and log are filled in. */
  settings?: Record<string, unknown>;
  /** Tells several replicas apart in logs and files. */
  name?: string;
}

/** Compiles the sources to `dist`, as `npm run build` does. */
export async function buildOperator(): Promise<void> {
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  try {
    await promisify(execFile)(tsc, ['-p', 'tsconfig.build.json'], { cwd: ROOT });
  } catch (error) {
    throw new Error(`the operator does not compile:\n${(error as { stdout?: string }).stdout ?? ''}`, { cause: error });
  }
}

/**
 * Applies the CRD, the namespace and the RBAC of `config/`, as an administrator would (the mesh's root namespace must
 * be there), and returns the kubeconfig file of the operator's ServiceAccount.
 */
export async function installOperator(controlPlane: ControlPlane): Promise<string> {
  await controlPlane.applyCrd(join(ROOT, 'crds/mtlsrollout.io_mtlsrollouts.yaml'));
  await controlPlane.kubectl(['apply', '-f', join(ROOT, 'config/manager/namespace.yaml')]);
  await controlPlane.kubectl(['apply', '-k', join(ROOT, 'config/rbac')]);
  return controlPlane.kubeconfigFor(SERVICE_ACCOUNT);
}

/** An operator that is ready (caches synced). Ended with its control plane at the latest. */
export async function startOperator(options: OperatorOptions): Promise<OperatorProcess> {
  const [healthPort] = await freePorts(1);
  const operator = new OperatorProcess(options, healthPort!);
  await operator.start();
  return operator;
}

export class OperatorProcess {
  readonly healthUrl: string;
  readonly #component: Component;

  constructor({ controlPlane, kubeconfig, settings = {}, name = 'operator' }: OperatorOptions, healthPort: number) {
    this.healthUrl = `http://127.0.0.1:${healthPort}`;
    const configFile = controlPlane.folder.file(`${name}.settings.json`);
    const health = { address: '127.0.0.1', port: healthPort };
    writeFileSync(
      configFile,
      JSON.stringify({ ...settings, health, log: { level: 'debug', format: 'json' } }, undefined, 2),
    );
    this.#component = new Component(controlPlane.folder, {
      name,
      command: process.execPath,
      args: [MAIN, '--kubeconfig', kubeconfig, '--config', configFile],
      env: { PATH: process.env['PATH'], HOME: controlPlane.folder.path },
      graceMs: GRACE_MS,
      ready: async () => (await fetch(`${this.healthUrl}/readyz`)).ok,
    });
  }

  get pid(): number | undefined {
    return this.#component.pid;
  }

  /** Every line logged so far, over restarts. A line that is not JSON (a crash, say) has level `raw`. */
  get log(): LogLine[] {
    if (!existsSync(this.#component.logFile)) return [];
    const lines = readFileSync(this.#component.logFile, 'utf8').split('\n');
    return lines.slice(0, -1).map(line => {
      try {
        return JSON.parse(line) as LogLine;
      } catch {
        return { level: 'raw', message: line };
      }
    });
  }

  /** Waits for a line of the log, from the beginning. */
  logged(wanted: (line: LogLine) => boolean, description: string, timeoutMs: number): Promise<LogLine> {
    return waitFor(() => this.log.find(wanted), `the operator to log ${description}`, timeoutMs);
  }

  /** Starts it and waits until it is ready. */
  async start(): Promise<void> {
    this.launch();
    await this.#component.ready();
  }

  /** Starts it and does not wait: for configurations with which it must not get ready. */
  launch(): void {
    this.#component.launch();
  }

  /** SIGKILL, as a crash; `start` brings it back. */
  kill(): Promise<number | undefined> {
    return this.#component.kill();
  }

  /** SIGTERM; the exit code, or undefined where it had to be killed. */
  stop(): Promise<number | undefined> {
    return this.#component.stop();
  }

  /** Resolves with the exit code when the process ends by itself. */
  exited(timeoutMs: number): Promise<number | undefined> {
    return this.#component.exited(timeoutMs);
  }
}
