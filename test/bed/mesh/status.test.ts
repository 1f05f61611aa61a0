/** What `kubectl mtlsrollout status` says of every port, against Envoy's own listener and what clients get there. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PortStatus } from '../../../src/istio/workloadStatus.ts';
import { patch, policyPath, userPolicy } from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { Listener } from './listeners.ts';
import type { Mesh } from './mesh.ts';
import { effectiveModeOf } from './modes.ts';
import type { MeshPod } from './pods.ts';
import { call, type Got } from './portKinds.ts';
import { figure, meshFor } from './suite.ts';

const PLUGIN = join(import.meta.dirname, '../../../dist/cli/main.js');
const PORTS = [
  { name: 'http-web', port: 8080, serves: 'http' as const },
  { name: 'tcp-echo', port: 9090, serves: 'echo' as const },
  { name: 'auto', port: 7070, serves: 'http' as const },
];
/** Nobody declares it. */
const HIDDEN = { port: 6060, serves: 'http' as const };
const NAMESPACES = ['unset', 'strict', 'permissive', 'disable'];

/** What is known of a port: what status says, what the proxy has, what clients get. */
interface Compared {
  port: string;
  says: string;
  decidedBy: string | undefined;
  envoy: string;
  stranger: Got;
  member: Got;
  /** Istio tells clients of the namespace's mode, and of no single port: where that is DISABLE they send plaintext. */
  clientsDisabled: boolean;
}

describe('what status says on a real mesh', () => {
  let mesh: Mesh;
  let member: MeshPod;
  let stranger: MeshPod;

  before(async function () {
    mesh = await meshFor(this);
    for (const namespace of NAMESPACES) await mesh.addNamespace(namespace);
    for (const mode of ['STRICT', 'PERMISSIVE', 'DISABLE'])
      await userPolicy(mesh.api, mode.toLowerCase(), 'default', { mtls: { mode } });
    // younger, or of the same second and later by name: void
    await userPolicy(mesh.api, 'permissive', 'void', { mtls: { mode: 'STRICT' } });
    await single('strict', 'odd', 'STRICT', { 9090: 'PERMISSIVE', 7070: 'DISABLE' });
    await single('strict', 'bare', 'STRICT', {});
    await single('permissive', 'off', 'DISABLE', { 8080: 'STRICT' });
    await single('disable', 'heir', 'UNSET', { 9090: 'STRICT', 7070: 'PERMISSIVE' });
    const servers = [...NAMESPACES.map(namespace => [namespace, 'server']), ['strict', 'odd'], ['permissive', 'off']];
    await mesh.add(
      ...[...servers, ['disable', 'heir']].map(([namespace, name]) => ({
        namespace: namespace!,
        name: name!,
        ports: PORTS,
      })),
      { namespace: 'strict', name: 'bare', ports: PORTS, meshed: false },
      { namespace: 'strict', name: 'silent', ports: [], undeclared: [HIDDEN], service: false },
      { namespace: 'front', name: 'member', ports: [], service: false },
      { namespace: 'legacy', name: 'stranger', ports: [], service: false, meshed: false },
    );
    member = mesh.pod('front/member');
    stranger = mesh.pod('legacy/stranger');
  });
  after(() => mesh?.stop());

  it('is what Envoy does, and what clients get, at every port', async function () {
    this.timeout(120_000);
    const found = await compared();
    for (const { port, says, decidedBy, envoy, stranger: got } of found)
      figure(port, `${says} (${decidedBy ?? 'nobody'}); Envoy ${envoy}; a stranger is ${got}`);
    assert.equal(found.length, 3 * 8 + 1);
    agree(found);
    const said = Object.fromEntries(found.map(({ port, says, decidedBy }) => [port, `${says} ${decidedBy ?? ''}`]));
    const expected = {
      'unset/server:8080': 'PERMISSIVE ',
      'strict/server:8080': 'STRICT strict/default',
      'strict/odd:9090': 'PERMISSIVE strict/odd',
      'strict/odd:7070': 'DISABLE strict/odd',
      'strict/bare:8080': 'None ',
      'strict/silent:*': 'STRICT strict/default',
      'permissive/server:8080': 'PERMISSIVE permissive/default',
      'permissive/off:8080': 'STRICT permissive/off',
      'permissive/off:9090': 'DISABLE permissive/off',
      'disable/heir:8080': 'DISABLE disable/default',
      'disable/heir:9090': 'STRICT disable/heir',
    };
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map(port => [port, said[port]])), expected);
  });

  it('follows every change', async function () {
    this.timeout(240_000);
    const changes = [
      ['permissive', 'default', 'STRICT'],
      ['strict', 'odd', 'PERMISSIVE'],
      ['disable', 'default', 'PERMISSIVE'],
      ['permissive', 'off', 'STRICT'],
    ] as const;
    for (const [namespace, name, mode] of changes) {
      await patch(mesh.api, policyPath(namespace, name), { spec: { mtls: { mode } } });
      const settled = async () => {
        agree(await compared());
        return true;
      };
      await waitFor(settled, `everybody to say the same of ${namespace}/${name} ${mode}`, 30_000);
    }
  });

  async function single(namespace: string, app: string, mode: string, ports: Record<number, string>): Promise<void> {
    const portLevelMtls = Object.fromEntries(Object.entries(ports).map(([port, own]) => [port, { mode: own }]));
    const selector = { matchLabels: { app } };
    const exceptions = Object.keys(ports).length > 0 ? { portLevelMtls } : {};
    await userPolicy(mesh.api, namespace, app, { selector, mtls: { mode }, ...exceptions });
  }

  async function compared(): Promise<Compared[]> {
    const modes = await Promise.all(NAMESPACES.map(namespace => effectiveModeOf(mesh.api, namespace)));
    const disabled = new Set(NAMESPACES.filter((_, i) => modes[i] === 'DISABLE'));
    const lists = await Promise.all(NAMESPACES.map(statusOf));
    const listeners = new Map<MeshPod, Listener>();
    for (const pod of mesh.pods) if (pod.sidecar !== undefined) listeners.set(pod, await Listener.of(pod));
    return Promise.all(
      lists.flat().map(async each => ({
        ...(await compare(each, listeners)),
        clientsDisabled: disabled.has(each.namespace),
      })),
    );
  }

  async function compare(
    each: PortStatus,
    listeners: ReadonlyMap<MeshPod, Listener>,
  ): Promise<Omit<Compared, 'clientsDisabled'>> {
    const { namespace, workload, port, mode, decidedBy } = each;
    const name = `${namespace}/${workload.split('/')[1]}`;
    const pod = mesh.pod(name);
    const { serves, port: asked } = PORTS.find(known => known.port === port) ?? HIDDEN;
    const kind = { name: serves, port: asked, serves };
    const direct = `${pod.ip}:${asked}`;
    return {
      port: `${name}:${port}`,
      says: mode,
      decidedBy,
      envoy: listeners.get(pod)?.mode(port) ?? 'None',
      stranger: await call(stranger, direct, kind),
      // a member that calls the address of a pod is a stranger
      member: port === '*' ? 'served' : await call(member, await member.addressOf(name, asked), kind),
    };
  }

  async function statusOf(namespace: string): Promise<PortStatus[]> {
    const args = [PLUGIN, 'status', '-n', namespace, '-o', 'json', '--kubeconfig', mesh.plane.adminKubeconfig];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { PATH: process.env['PATH'] } });
    return (JSON.parse(stdout) as { items: PortStatus[] }).items;
  }
});

function agree(found: readonly Compared[]): void {
  const seen = found.map(({ port, envoy, stranger, member }) => ({ port, mode: envoy, stranger, member }));
  const promised = found.map(({ port, says, clientsDisabled }) => {
    const got = says === 'STRICT' ? 'refused' : 'served';
    return { port, mode: says, stranger: got, member: clientsDisabled ? got : 'served' };
  });
  assert.deepEqual(seen, promised);
}
