/**
 * Builds the control plane of the bed (`kube/`, one Go program) once and keeps it outside the repository, named by a
 * hash of everything it is made from; finds Istio's CRDs in the Go module cache. `node test/bed/build.ts` does both.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identify, isRunning, type ProcessId } from './process.ts';

const KUBERNETES = '1.36.4';
const ISTIO_API = 'istio.io/api@v1.31.1';
const SOURCE = join(import.meta.dirname, 'kube');
const INPUTS = ['main.go', 'go.mod', 'go.sum'];

const VERSION_FLAGS = [
  `-X k8s.io/component-base/version.gitVersion=v${KUBERNETES}`,
  ...KUBERNETES.split('.')
    .slice(0, 2)
    .map((part, i) => `-X k8s.io/component-base/version.${i === 0 ? 'gitMajor' : 'gitMinor'}=${part}`),
  `-X k8s.io/client-go/pkg/version.gitVersion=v${KUBERNETES}`,
];
const FLAGS = ['-trimpath', '-buildvcs=false', '-ldflags', ['-s', '-w', ...VERSION_FLAGS].join(' ')];
const GO_ENVIRONMENT = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '' };

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
    throw new MissingTool('the bed needs Go (1.26 or newer) to build its API server, and there is no "go" in PATH');
  }
}

/** Path of the built program; builds it where no build of the same inputs is there yet. */
export async function buildKubebed(say: Say): Promise<string> {
  const home = join(cacheHome(), 'mtls-rollout', 'bed', inputHash(goVersion()));
  const program = join(home, 'kubebed');
  if (existsSync(program)) return program;
  mkdirSync(home, { recursive: true });
  await withLock(join(home, 'lock'), say, async () => {
    if (existsSync(program)) return;
    const began = Date.now();
    say(`building the API server of the bed (once; minutes where Go's build cache is cold): ${program}`);
    // built under another name first: whoever finds the program finds a whole one
    const unfinished = `${program}.${process.pid}`;
    await goBuild(unfinished);
    renameSync(unfinished, program);
    const size = Math.round(statSync(program).size / 2 ** 20);
    say(`built in ${Math.round((Date.now() - began) / 1000)} s, ${size} MiB`);
  });
  return program;
}

/** The file with the CRDs of Istio's own release, from its Go module. */
export function istioCrds(): string {
  goVersion();
  // from a folder without go.mod, so that no module of this project is asked
  const answer = JSON.parse(go(['mod', 'download', '-json', ISTIO_API], '/')) as { Dir?: string; Error?: string };
  if (answer.Dir === undefined) throw new Error(`cannot download ${ISTIO_API}: ${answer.Error ?? 'no folder named'}`);
  return join(answer.Dir, 'kubernetes', 'customresourcedefinitions.gen.yaml');
}

function go(args: string[], cwd = SOURCE): string {
  const env = { ...process.env, ...GO_ENVIRONMENT };
  return execFileSync('go', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

function inputHash(version: string): string {
  const hash = createHash('sha256');
  for (const file of INPUTS) hash.update(readFileSync(join(SOURCE, file))).update('\0');
  hash.update(JSON.stringify([version, process.platform, process.arch, FLAGS, GO_ENVIRONMENT]));
  return hash.digest('hex').slice(0, 16);
}

function cacheHome(): string {
  return process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
}

function goBuild(output: string): Promise<void> {
  const child = spawn('go', ['build', ...FLAGS, '-o', output, '.'], {
    cwd: SOURCE,
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
    console.log(await buildKubebed(line => console.log(line)));
    console.log(istioCrds());
  } catch (error) {
    if (!(error instanceof MissingTool)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
