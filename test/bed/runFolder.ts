/**
 * The folder of one run of the bed, and the processes started for it. Everything is recorded on disk by identity, so
 * that the next run can end what a killed run left behind; nothing is ever ended by name.
 */
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identify, isRunning, type ProcessId, signal } from './process.ts';
import { waitFor } from './waiting.ts';

const HOME = 'mtls-rollout-bed';
const OWNER = 'owner.json';
const PROCESS_SUFFIX = '.process.json';
const GRACE_MS = 3000;
const FATAL: [NodeJS.Signals, number][] = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
];

export interface Started {
  child: ChildProcess;
  /** Standard output and error. */
  logFile: string;
}

export interface SpawnOptions {
  stdio?: StdioOptions;
  /** This folder unless given. */
  cwd?: string;
}

export class RunFolder {
  readonly path: string;
  readonly #detach: () => void;

  /** Makes a new folder under the temporary folder, after ending what dead runs left there. */
  constructor() {
    const home = join(tmpdir(), HOME);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    sweep(home);
    this.path = mkdtempSync(join(home, 'run-'));
    writeFileSync(join(this.path, OWNER), JSON.stringify(identify(process.pid)));
    this.#detach = this.#removeWhenThisProcessEnds();
  }

  file(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** Starts and records a process. Its output goes to NAME.log in this folder, appended over restarts, unless told otherwise. */
  spawn(name: string, command: string, args: string[], env: NodeJS.ProcessEnv, options: SpawnOptions = {}): Started {
    const logFile = this.file(`${name}.log`);
    const log = openSync(logFile, 'a', 0o600);
    const { stdio = ['ignore', log, log], cwd = this.path } = options;
    const child = spawn(command, args, { cwd, env, stdio });
    closeSync(log);
    if (child.pid !== undefined) this.record(name, child.pid);
    return { child, logFile };
  }

  /** A process that another one started and that may outlive it: ended with the rest. */
  record(name: string, pid: number): void {
    const id = identify(pid);
    if (id !== undefined) writeFileSync(this.file(`${name}${PROCESS_SUFFIX}`), JSON.stringify(id));
  }

  /** Ends every recorded process (TERM, then KILL) and removes the folder. */
  async remove(): Promise<void> {
    const ids = recorded(this.path);
    for (const id of ids) signal(id, 'SIGTERM');
    await waitFor(() => !ids.some(isRunning), 'the processes of the bed to end', GRACE_MS).catch(() => {
      for (const id of ids) signal(id, 'SIGKILL');
    });
    await waitFor(() => !ids.some(isRunning), 'the killed processes of the bed to be gone', GRACE_MS);
    this.#detach();
    rmSync(this.path, { recursive: true, force: true });
  }

  #removeWhenThisProcessEnds(): () => void {
    const endNow = () => killAndRemove(this.path);
    const onSignal = FATAL.map(([name, code]) => {
      const listener = () => process.exit(code); // runs the exit listeners
      process.on(name, listener);
      return { name, listener };
    });
    process.on('exit', endNow);
    return () => {
      process.off('exit', endNow);
      for (const { name, listener } of onSignal) process.off(name, listener);
    };
  }
}

/** Ends every run on this machine that has a process of this name, by asking its owner to end; returns how many. */
export async function endRuns(processName: string): Promise<number> {
  const home = join(tmpdir(), HOME);
  const folders = existsSync(home) ? readdirSync(home).map(name => join(home, name)) : [];
  const owners = folders
    .filter(folder => existsSync(join(folder, `${processName}${PROCESS_SUFFIX}`)))
    .flatMap(folder => readId(join(folder, OWNER)) ?? []);
  for (const owner of owners) signal(owner, 'SIGTERM');
  await waitFor(() => !owners.some(isRunning), 'the owners of the runs to end', GRACE_MS);
  if (existsSync(home)) sweep(home);
  return owners.length;
}

/** Ends what runs left behind whose owner is gone. */
function sweep(home: string): void {
  for (const name of readdirSync(home)) {
    const folder = join(home, name);
    const owner = readId(join(folder, OWNER));
    // a folder without owner is being made this moment, or is empty
    if (owner !== undefined && !isRunning(owner)) killAndRemove(folder);
  }
}

function killAndRemove(folder: string): void {
  for (const id of recorded(folder)) signal(id, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}

function recorded(folder: string): ProcessId[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => name.endsWith(PROCESS_SUFFIX))
    .map(name => readId(join(folder, name)))
    .filter(id => id !== undefined);
}

function readId(file: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessId;
  } catch {
    return undefined; // gone, or not yet written
  }
}
