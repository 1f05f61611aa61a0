/** First process of the mesh's own world: makes ready what programs expect there, then runs the command. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { build, MESHBED as PROGRAM } from '../build.ts';
import { envoy } from './envoy.ts';
import { ENVOY, HOST, ISTIOD, MESHBED, PODS, SERVICES, WORLD } from './world.ts';

const HOSTS = ['127.0.0.1 localhost', '::1 localhost', `${HOST} ${ISTIOD}`];

function mount(source: string, target: string, ...options: string[]): void {
  execFileSync('mount', [...options, source, target]);
}

/** A file of elsewhere under a name that everybody can reach. */
function show(source: string, target: string): void {
  writeFileSync(target, '');
  mount(source, target, '--bind');
}

function temporary(path: string): void {
  mount('mesh', path, '--types', 'tmpfs', '--options', 'mode=0755');
}

async function makeReady(): Promise<void> {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  execFileSync('ip', ['route', 'add', 'blackhole', SERVICES]);
  mkdirSync('/run/netns', { recursive: true });
  temporary('/run/netns');
  temporary(WORLD);
  mkdirSync(PODS);
  mkdirSync(`${WORLD}/tmp`);
  const silent = () => {};
  show(await build(PROGRAM, silent), MESHBED);
  show(await envoy(silent), ENVOY);
  chmodSync(WORLD, 0o755);
  const hosts = `${WORLD}/hosts`;
  writeFileSync(hosts, `${HOSTS.join('\n')}\n`);
  mount(hosts, '/etc/hosts', '--bind');
}

await makeReady();
const [command, ...args] = process.argv.slice(2);
const child = spawn(command!, args, { stdio: 'inherit', env: { ...process.env, TMPDIR: `${WORLD}/tmp` } });
child.once('error', error => {
  console.error(`${command}: ${error.message}`);
  process.exit(127);
});
child.once('exit', (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)));
// the terminal sends these to everybody; whoever was started here decides
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
