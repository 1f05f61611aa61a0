/**
 * Runs a command in a world of its own: `node test/bed/mesh/run.ts COMMAND...`. Network, processes and mounts in it are
 * seen by nobody else and end with this process, however it ends. What a mesh needs is built or downloaded before,
 * since inside there is no way out.
 */
import { buildOperator } from '../operatorProcess.ts';
import { build, istioCrds, KUBEBED, MESHBED, moduleFolder, WORKLOAD } from '../build.ts';
import { RunFolder } from '../runFolder.ts';
import { envoy } from './envoy.ts';
import { missing } from './machine.ts';
import { WORLD_PROCESS } from './world.ts';

/**
 * Beside net and mount: pid, so that when its first process ends the kernel ends all others. It ends with the process
 * that made it, and that one with this one, also where this one is killed.
 */
const DIE_WITH_PARENT = ['setpriv', '--pdeathsig', 'KILL'];
const APART = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc'];

async function prepare(): Promise<void> {
  const say = (line: string) => console.log(`  ${line}`);
  for (const program of [KUBEBED, MESHBED, WORKLOAD]) await build(program, say);
  await envoy(say);
  await buildOperator();
  istioCrds();
  moduleFolder('istio.io/istio');
}

async function main(command: string[]): Promise<number> {
  const lines = missing();
  if (lines.length > 0) {
    const inCi = process.env['CI'] === 'true';
    console.log(
      `${inCi ? 'this must run under CI=true, but' : 'skipped:'} no mesh can run here:\n  ${lines.join('\n  ')}`,
    );
    console.log(inCi ? '0 passed, 1 failed' : '0 passed, 0 failed, 1 skipped');
    return inCi ? 1 : 0;
  }
  await prepare();
  const folder = new RunFolder();
  const [program, ...args] = [
    ...DIE_WITH_PARENT,
    ...APART,
    process.execPath,
    `${import.meta.dirname}/inside.ts`,
    ...command,
  ];
  const { child } = folder.spawn(WORLD_PROCESS, program!, args, process.env, {
    stdio: 'inherit',
    cwd: process.cwd(),
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve(status ?? (signal === null ? 0 : 1)));
  });
  await folder.remove();
  return code;
}

process.exitCode = await main(process.argv.slice(2));
