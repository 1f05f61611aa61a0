/** `make mesh`: the Online Boutique on a real mesh with the operator running, and a shell to look around in. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, KUBEBED } from '../build.ts';
import { Mesh } from './mesh.ts';
import { openShop } from './shop.ts';
import { MESHBED, WORLD } from './world.ts';

const PLUGIN = join(import.meta.dirname, '../../../dist/cli/main.js');

/** Commands of the shell: name → script. */
function commands(mesh: Mesh, kubebed: string): Record<string, string> {
  const pods = mesh.pods.map(({ namespace, workload, netns }) => `${namespace}/${workload}) netns=${netns};;`);
  return {
    kubectl: `exec ${kubebed} kubectl "$@"`,
    istioctl: `exec ${MESHBED} istioctl "$@"`,
    'kubectl-mtlsrollout': `exec ${process.execPath} ${PLUGIN} "$@"`,
    'in-pod': [
      'pod=$1; shift',
      `case $pod in ${pods.join(' ')} *) echo "in-pod NAMESPACE/WORKLOAD COMMAND...: there is no $pod" >&2; exit 1;; esac`,
      'exec nsenter --net=$netns "$@"',
    ].join('\n'),
  };
}

function writeCommands(scripts: Record<string, string>): string {
  const folder = `${WORLD}/commands`;
  mkdirSync(folder);
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

/** What a user writes by hand to close one namespace. */
const STRICT = {
  apiVersion: 'security.istio.io/v1',
  kind: 'PeerAuthentication',
  metadata: { namespace: 'frontend', name: 'default' },
  spec: { mtls: { mode: 'STRICT' } },
};

function hint(mesh: Mesh, frontend: string): string {
  writeFileSync(`${WORLD}/strict.json`, JSON.stringify(STRICT));
  return [
    '',
    `${mesh.pods.length} pods are up, the operator is running. Prometheus: ${mesh.prometheus.url}. Things to try:`,
    '',
    '  kubectl get pods -A',
    `  in-pod elsewhere/stranger curl -si http://${frontend}/          a client outside the mesh: 200`,
    `  kubectl apply -f ${WORLD}/strict.json                             the namespace frontend by hand`,
    `  in-pod elsewhere/stranger curl -si http://${frontend}/          now: Connection reset by peer`,
    `  kubectl delete -f ${WORLD}/strict.json`,
    '  kubectl apply -f config/samples/online-boutique.yaml            the whole shop, by the operator',
    '  kubectl get mtlsrollouts -A -o wide',
    '  kubectl mtlsrollout status -A',
    '',
    'exit, or `make mesh-down` from elsewhere, takes everything down.',
    '',
  ].join('\n');
}

const began = Date.now();
const mesh = await Mesh.start({ drain: '45s' });
await openShop(mesh);
const [stranger] = await mesh.add({
  namespace: 'elsewhere',
  name: 'stranger',
  ports: [],
  meshed: false,
  service: false,
});
await mesh.startOperator();
console.log(`a real mesh in ${((Date.now() - began) / 1000).toFixed(1)} s`);
console.log(hint(mesh, await stranger!.addressOf('frontend/frontend', 80)));
const path = `${writeCommands(commands(mesh, await build(KUBEBED, () => {})))}:${process.env['PATH']}`;
const env = { ...process.env, PATH: path, KUBECONFIG: mesh.plane.adminKubeconfig, PS1: '(mesh) \\w\\$ ' };
const shell = spawn('bash', ['--norc'], { stdio: 'inherit', env });
shell.once('exit', () => void mesh.stop().then(() => process.exit(0)));
