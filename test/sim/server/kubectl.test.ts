/** A real kubectl, where there is one, against the embedded server. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { systemClock } from '../../../src/cluster/clock.ts';
import type { Listening } from '../../../src/sim/server/http.ts';
import { EmbeddedCluster } from '../../../src/sim/server/server.ts';
import { waitFor } from '../../bed/waiting.ts';
import { skipBecause } from '../../project/skip.ts';

interface Run {
  code: number;
  out: string;
  err: string;
}

/** Whatever the PATH has. */
const KUBECTL = 'kubectl';
const ROLLOUT = `
apiVersion: mtlsrollout.io/v1alpha1
kind: MtlsRollout
metadata: {name: shop, namespace: shop}
spec: {target: {namespace: {}}}
`;
const POLICY = (mode: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: ${mode}}}
`;

function hasKubectl(): boolean {
  try {
    execFileSync(KUBECTL, ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('embedded server: with kubectl', function () {
  this.timeout(60_000);
  let server: Listening;
  let home: string;
  let cluster: EmbeddedCluster;

  before(async function () {
    if (!hasKubectl()) skipBecause(this, 'no kubectl on the PATH');
    home = mkdtempSync(join(tmpdir(), 'kubectl-'));
    const crd = load(readFileSync('crds/mtlsrollout.io_mtlsrollouts.yaml', 'utf8')) as object;
    cluster = new EmbeddedCluster({ clock: systemClock, crds: [crd] });
    server = await cluster.listen();
  });
  after(async () => {
    await server?.close();
    if (home) rmSync(home, { recursive: true });
  });

  const start = (args: string[], input = '') => {
    const env = { PATH: process.env.PATH, HOME: home };
    const all = ['--server', server.url, ...args];
    let finish: (run: Run) => void;
    const done = new Promise<Run>(resolve => (finish = resolve));
    const child = execFile(KUBECTL, all, { env, timeout: 30_000 }, (error, out, err) => {
      finish({ code: error ? Number(error.code ?? 1) : 0, out, err });
    });
    child.stdin?.end(input);
    return { child, done };
  };
  const kubectl = async (args: string, input?: string): Promise<string> => {
    const { code, out, err } = await start(args.split(' '), input).done;
    assert.equal(code, 0, `kubectl ${args}\n${err}`);
    return out;
  };
  const refused = async (args: string, input?: string): Promise<string> => {
    const { code, err } = await start(args.split(' '), input).done;
    assert.notEqual(code, 0, `kubectl ${args} was not refused`);
    return err;
  };
  const words = (text: string) =>
    text
      .trim()
      .split('\n')
      .map(line => line.trim().split(/\s+/));

  it('creates a namespace and what lives in it', async () => {
    assert.equal(await kubectl('create namespace shop'), 'namespace/shop created\n');
    await kubectl('create configmap -n shop c --from-literal=a=b');
    await kubectl('create serviceaccount -n shop s');
    assert.deepEqual(cluster.get('v1', 'ConfigMap', 'shop', 'c')?.data, { a: 'b' });
    assert.ok(cluster.get('v1', 'ServiceAccount', 'shop', 's'));
    assert.match(await refused('create namespace shop'), /AlreadyExists.*namespaces "shop" already exists/);
  });

  it('applies from a file, again without a change, and with one', async () => {
    assert.equal(
      await kubectl('apply -f -', POLICY('PERMISSIVE')),
      'peerauthentication.security.istio.io/default created\n',
    );
    assert.equal(
      await kubectl('apply -f -', POLICY('PERMISSIVE')),
      'peerauthentication.security.istio.io/default unchanged\n',
    );
    assert.equal(
      await kubectl('apply -f -', POLICY('STRICT')),
      'peerauthentication.security.istio.io/default configured\n',
    );
    assert.deepEqual(
      words(await kubectl('get peerauthentications -n shop')).map(([name, mode]) => [name, mode]),
      [
        ['NAME', 'MODE'],
        ['default', 'STRICT'],
      ],
    );
    assert.match(await kubectl('diff -f -', POLICY('STRICT')), /^$/);
  });

  it('applies on the server, with conflicts', async () => {
    const served = 'peerauthentication.security.istio.io/default serverside-applied\n';
    assert.equal(await kubectl('apply --server-side --field-manager git -f -', POLICY('STRICT')), served);
    assert.match(
      await refused('apply --server-side --field-manager other -f -', POLICY('PERMISSIVE')),
      /conflicts? with "git"[^]*\.spec\.mtls\.mode/,
    );
    assert.equal(
      await kubectl('apply --server-side --force-conflicts --field-manager other -f -', POLICY('PERMISSIVE')),
      served,
    );
  });

  it('refuses what the schema and its rules do not allow', async () => {
    assert.match(await refused('apply -f -', POLICY('SOMETIMES')), /spec.mtls.mode: Unsupported value: "SOMETIMES"/);
    const unknown = ROLLOUT.replace('spec: {', 'spec: {bogus: 1, ');
    assert.match(await refused('apply -f -', unknown), /strict decoding error: unknown field "spec.bogus"/);
    const both = ROLLOUT.replace('namespace: {}', 'namespace: {}, mesh: {}');
    assert.match(await refused('apply -f -', both), /spec.target: Invalid value: .*exactly one of/);
  });

  it('shows a rollout in columns, wide, as YAML and described', async () => {
    await kubectl('apply -f -', ROLLOUT);
    const status = {
      phase: 'Soaking',
      summary: { step: '3/7', strict: '12/40', waitingOn: 'soak' },
      message: 'soaking cart',
    };
    await kubectl(
      `patch mr -n shop shop --subresource status --type merge -p ${JSON.stringify({ status }).replaceAll(' ', '\\u0020')}`,
    );
    const [head, row] = words(await kubectl('get mr -n shop'));
    assert.deepEqual(head, ['NAME', 'PHASE', 'STEP', 'STRICT', 'WAITING-ON', 'AGE']);
    assert.deepEqual(row?.slice(0, 5), ['shop', 'Soaking', '3/7', '12/40', 'soak']);
    assert.match(await kubectl('get mtlsrollouts -A -o wide'), /MESSAGE\n.*soaking cart/);
    assert.match(await kubectl('get mr -n shop shop -o yaml'), /\n {2}strategy:\n {4}consolidate: /);
    assert.match(await kubectl('describe mr -n shop shop'), /Phase: +Soaking\n/);
    assert.match(await kubectl('explain mr.spec.strategy.waves'), /GROUP: +mtlsrollout.io[^]*soak\t<string>/);
  });

  it('patches, labels, annotates and replaces', async () => {
    await kubectl('patch mr -n shop shop --type merge -p {"spec":{"suspend":true}}');
    await kubectl('label mr -n shop shop team=shop');
    await kubectl('annotate mr -n shop shop mtlsrollout.io/retry=1');
    const object = JSON.parse(await kubectl('get mr -n shop shop -o json')) as {
      metadata: { generation: number };
      spec: { suspend: boolean };
    };
    assert.equal(object.metadata.generation, 2);
    object.spec.suspend = false;
    await kubectl('replace -f -', JSON.stringify(object));
    assert.match(await refused('replace -f -', JSON.stringify(object)), /the object has been modified/);
    const { metadata, spec } = cluster.get('mtlsrollout.io/v1alpha1', 'MtlsRollout', 'shop', 'shop')!;
    assert.deepEqual(
      [metadata.labels, metadata.generation, (spec as { suspend: boolean }).suspend],
      [{ team: 'shop' }, 3, false],
    );
  });

  it('waits for a condition and sees changes as they come', async () => {
    const waiting = start(['wait', '-n', 'shop', '--for=condition=Ready', 'mr/shop', '--timeout=20s']).done;
    const watching = start(['get', 'mr', '-n', 'shop', '-w', '-o', 'wide']);
    let seen = '';
    watching.child.stdout?.on('data', (text: string) => (seen += text));
    await waitFor(() => cluster.watching === 2, 'both watches', 20_000);
    const ready = {
      type: 'Ready',
      status: 'True',
      reason: 'Done',
      message: 'm',
      lastTransitionTime: '2026-11-02T08:00:00Z',
    };
    await kubectl(
      `patch mr -n shop shop --subresource=status --type=merge -p ${JSON.stringify({ status: { phase: 'Completed', conditions: [ready] } })}`,
    );
    assert.equal((await waiting).out, 'mtlsrollout.mtlsrollout.io/shop condition met\n');
    await waitFor(() => seen.includes('Completed'), 'the change on the screen', 20_000);
    watching.child.kill();
    await watching.done;
    assert.deepEqual(
      words(seen).map(([name]) => name),
      ['NAME', 'shop', 'shop'],
    );
  });

  it('shows events with their object', async () => {
    const now = new Date().toISOString();
    cluster.put({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'e', namespace: 'shop' },
      eventTime: now.replace('Z', '000Z'),
      regarding: {
        apiVersion: 'mtlsrollout.io/v1alpha1',
        kind: 'MtlsRollout',
        name: 'shop',
        namespace: 'shop',
        uid: cluster.get('mtlsrollout.io/v1alpha1', 'MtlsRollout', 'shop', 'shop')!.metadata.uid,
      },
      reportingController: 'mtlsrollout.io/operator',
      reportingInstance: 'pod-1',
      action: 'Enforce',
      reason: 'StepBegan',
      type: 'Normal',
      note: 'wave leaf, step 1 of 7',
    });
    assert.match(await kubectl('get events -n shop'), /StepBegan +mtlsrollout\/shop +wave leaf, step 1 of 7/);
    assert.match(await kubectl('describe mr -n shop shop'), /StepBegan .*wave leaf, step 1 of 7/);
    assert.match(await kubectl('events -n shop'), /StepBegan/);
  });

  it('deletes objects, and a namespace with all that is in it', async () => {
    assert.match(await kubectl('delete mr -n shop shop'), /^mtlsrollout.mtlsrollout.io "shop" deleted/);
    assert.match(await refused('get mr -n shop shop'), /mtlsrollouts.mtlsrollout.io "shop" not found/);
    await kubectl('delete namespace shop');
    assert.equal(await kubectl('get all,pa,mr -A'), '');
    assert.match(await refused('get namespace shop'), /NotFound/);
  });
});
