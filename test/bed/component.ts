/** One process of the control plane: started, asked whether it is ready, ended, started again. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { RunFolder } from './runFolder.ts';
import { Hopeless, waitFor } from './waiting.ts';

const READY_MS = 60_000;

export interface ComponentSpec {
  name: string;
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** How long it may take to end after TERM. */
  graceMs: number;
  ready: () => Promise<boolean>;
  /** The run's folder unless given. */
  cwd?: string;
}

export class Component {
  readonly #folder: RunFolder;
  readonly #spec: ComponentSpec;
  #child: ChildProcess | undefined;

  constructor(folder: RunFolder, spec: ComponentSpec) {
    this.#folder = folder;
    this.#spec = spec;
  }

  get pid(): number | undefined {
    return this.#running()?.pid;
  }

  get logFile(): string {
    return this.#folder.file(`${this.#spec.name}.log`);
  }

  /** Starts the process; `ready` tells when it answers. */
  launch(): void {
    const { name, command, args, env, cwd } = this.#spec;
    if (this.#running() !== undefined) throw new Error(`${name} runs already`);
    this.#child = this.#folder.spawn(name, command, args, env, cwd === undefined ? {} : { cwd }).child;
    // a program that cannot be started has no pid, and `ready` says so
    this.#child.once('error', () => {});
  }

  async ready(): Promise<void> {
    const { name, ready } = this.#spec;
    const look = () => {
      if (this.#running() === undefined) throw new Hopeless(`${name} ended while starting:\n${this.logTail()}`);
      return ready();
    };
    await waitFor(look, `${name} to be ready (log: ${this.logFile})`, READY_MS);
  }

  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<number | undefined> {
    return this.#end('SIGKILL');
  }

  /** TERM, then KILL after a grace time; resolves with the exit code (none where it died of a signal). */
  async stop(): Promise<number | undefined> {
    const killer = setTimeout(() => this.#running()?.kill('SIGKILL'), this.#spec.graceMs);
    try {
      return await this.#end('SIGTERM');
    } finally {
      clearTimeout(killer);
    }
  }

  /** Resolves with the exit code when the process has ended by itself. */
  async exited(timeoutMs: number): Promise<number | undefined> {
    await waitFor(() => this.#running() === undefined, `${this.#spec.name} to end by itself`, timeoutMs);
    return this.#child?.exitCode ?? undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    this.launch();
    await this.ready();
  }

  logTail(lines = 20): string {
    if (!existsSync(this.logFile)) return '(no log)';
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  async #end(signal: NodeJS.Signals): Promise<number | undefined> {
    const child = this.#running();
    if (child !== undefined) {
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
    }
    return this.#child?.exitCode ?? undefined;
  }

  #running(): ChildProcess | undefined {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return undefined;
    return child;
  }
}
