/**
 * Builds the Go programs of the beds once and keeps them outside the repository, named by a hash of everything they are
 * made from; finds Istio's CRDs in the Go module cache. `node test/bed/build.ts` does all of it.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identify, isRunning, type ProcessId } from './process.ts';

const KUBERNETES = '1.36.4';
export const ISTIO = '1.31.1';
const GO_ENVIRONMENT = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '' };

/** A Go program of a bed, in a folder with a module of its own. */
export interface Program {
  name: string;
  folder: string;
  /** What it is, for somebody who waits for it. */
  what: string;
  /** Set at link time, as the project's own releases do: variable to value. */
  versions: Record<string, string>;
}

const [MAJOR, MINOR] = KUBERNETES.split('.') as [string, string];

export const KUBEBED: Program = {
  name: 'kubebed',
  folder: join(import.meta.dirname, 'kube'),
  what: 'the API server of the bed',
  versions: {
    'k8s.io/component-base/version.gitVersion': `v${KUBERNETES}`,
    'k8s.io/component-base/version.gitMajor': MAJOR,
    'k8s.io/component-base/version.gitMinor': MINOR,
    'k8s.io/client-go/pkg/version.gitVersion': `v${KUBERNETES}`,
  },
};

export const MESHBED: Program = {
  name: 'meshbed',
  folder: join(import.meta.dirname, 'mesh'),
  what: 'istiod, the sidecar agent and istioctl',
  versions: {
    'istio.io/istio/pkg/version.buildVersion': ISTIO,
    'istio.io/istio/pkg/version.buildTag': ISTIO,
  },
};

export const WORKLOAD: Program = {
  name: 'workload',
  folder: join(import.meta.dirname, 'mesh/workload'),
  what: 'the applications and clients of the mesh',
  versions: {},
};

export type Say = (line: string) => void;

/** What the bed needs and this machine has not; the message says what to install. */
export class MissingTool extends Error {
  override name = 'MissingTool';
}

/** The version of the installed Go, or MissingTool. */
export function goVersion(): string {
  try {
    return go(['env', 'GOVERSION']).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new MissingTool('the bed needs Go (1.26 or newer) to build its programs, and there is no "go" in PATH');
  }
}

/** Path of the built program; builds it where no build of the same inputs is there yet. */
export function build(program: Program, say: Say): Promise<string> {
  const files = readdirSync(program.folder).filter(name => /^go\.(mod|sum)$|(?<!_test)\.go$/.test(name));
  const inputs = [...files.map(name => readFileSync(join(program.folder, name))), goVersion(), flagsOf(program)];
  return cached(
    program.name,
    inputs,
    say,
    `building ${program.what} (once; minutes where Go's build cache is cold)`,
    file => goBuild(program, file),
  );
}

/** Path of a file that depends on nothing but these inputs; `make` writes it where it is not there yet. */
export async function cached(
  name: string,
  inputs: readonly unknown[],
  say: Say,
  doing: string,
  make: (file: string) => Promise<void>,
): Promise<string> {
  const home = join(cacheHome(), 'mtls-rollout', 'bed', hashOf(inputs));
  const file = join(home, name);
  if (existsSync(file)) return file;
  mkdirSync(home, { recursive: true });
  await withLock(join(home, 'lock'), say, async () => {
    if (existsSync(file)) return;
    const began = Date.now();
    say(`${doing}: ${file}`);
    // made under another name first: whoever finds the file finds a whole one
    const unfinished = `${file}.${process.pid}`;
    await make(unfinished);
    renameSync(unfinished, file);
    const size = Math.round(statSync(file).size / 2 ** 20);
    say(`${name} made in ${Math.round((Date.now() - began) / 1000)} s, ${size} MiB`);
  });
  return file;
}

/** The file with the CRDs of Istio's own release, from its Go module. */
export function istioCrds(): string {
  return join(moduleFolder('istio.io/api'), 'kubernetes', 'customresourcedefinitions.gen.yaml');
}

/** Folder of a Go module that `meshbed` is built from, in the module cache; downloaded where it is not there. */
export function moduleFolder(name: string): string {
  goVersion();
  const answer = JSON.parse(go(['mod', 'download', '-json', name], MESHBED.folder)) as { Dir?: string; Error?: string };
  if (answer.Dir === undefined) throw new Error(`cannot download ${name}: ${answer.Error ?? 'no folder named'}`);
  return answer.Dir;
}

function go(args: string[], cwd = '/'): string {
  const env = { ...process.env, ...GO_ENVIRONMENT };
  return execFileSync('go', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function hashOf(inputs: readonly unknown[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(Buffer.isBuffer(input) ? input : JSON.stringify(input)).update('\0');
  hash.update(JSON.stringify([process.platform, process.arch]));
  return hash.digest('hex').slice(0, 16);
}

function cacheHome(): string {
  return process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
}

function flagsOf({ versions }: Program): string[] {
  const variables = Object.entries(versions).map(([name, value]) => `-X ${name}=${value}`);
  return ['-trimpath', '-buildvcs=false', '-ldflags', ['-s', '-w', ...variables].join(' ')];
}

function goBuild(program: Program, output: string): Promise<void> {
  const child = spawn('go', ['build', ...flagsOf(program), '-o', output, '.'], {
    cwd: program.folder,
    env: { ...process.env, ...GO_ENVIRONMENT },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', code => (code === 0 ? resolve() : reject(new Error(`go build ended with ${code}`))));
  });
}

/** Runs `work` while this process holds the lock file; a lock whose holder is gone is taken over. */
async function withLock(lock: string, say: Say, work: () => Promise<void>): Promise<void> {
  for (let waits = 0; !takeLock(lock); waits++) {
    if (waits === 0) say(`another process is building it (${lock}): waiting`);
    await delay(500);
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function takeLock(lock: string): boolean {
  // linked into place, so that nobody reads it before its holder is written in it
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identify(process.pid)));
  try {
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    // should two processes find the same dead holder, at worst both build: the rename at the end stays atomic
    if (holderIsGone(lock)) rmSync(lock, { force: true });
    return false;
  } finally {
    rmSync(mine, { force: true });
  }
}

function holderIsGone(lock: string): boolean {
  try {
    return !isRunning(JSON.parse(readFileSync(lock, 'utf8')) as ProcessId);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false; // released this moment
    throw error;
  }
}

if (import.meta.main) {
  try {
    for (const program of [KUBEBED, MESHBED, WORKLOAD]) console.log(await build(program, line => console.log(line)));
    console.log(istioCrds());
  } catch (error) {
    if (!(error instanceof MissingTool)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
