/** The bed itself: does it come up, answer, survive its parts, and leave nothing behind? */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tlsHello } from '../../src/probes/hello.ts';
import { type Boutique, installBoutique } from './boutique.ts';
import type { ControlPlane } from './controlPlane.ts';
import { readAll, record, type Seen, waitForObject } from './observe.ts';
import { isRunning, type ProcessId } from './process.ts';
import { PrometheusStub } from './prometheusStub.ts';
import { RunFolder } from './runFolder.ts';
import { startSidecars } from './sidecars.ts';
import { controlPlaneFor } from './suite.ts';
import { waitFor } from './waiting.ts';

const POLICIES = '/apis/security.istio.io/v1/namespaces/cart/peerauthentications';

describe('the bed', () => {
  let plane: ControlPlane | undefined;
  let shop: Boutique;

  before(async function () {
    plane = await controlPlaneFor(this);
    await plane.applyIstioCrds();
    shop = await installBoutique(plane.admin);
  });
  after(() => plane?.stop());

  it('runs the whole shop', async () => {
    assert.equal(shop.namespaces.length, 11);
    const { stdout } = await plane!.kubectl(['get', 'pods', '-A', '--no-headers']);
    const lines = stdout.trim().split('\n');
    assert.equal(lines.length, shop.pods.length);
    for (const line of lines) assert.match(line, / [12]\/[12] +Running /);
  });

  it('gives a ServiceAccount no more rights than it has', async () => {
    const kubeconfig = await plane!.kubeconfigFor('cart/cartservice');
    const refused = await plane!.kubectl(['get', 'pods', '-n', 'cart'], { kubeconfig, mayFail: true });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /system:serviceaccount:cart:cartservice.*cannot list/);
  });

  it('answers a stranger as the policies say', async () => {
    const sidecars = await startSidecars(plane!.admin, plane!.folder, shop.pods);
    try {
      const pod = shop.pods.find(({ workload }) => workload === 'cartservice')!;
      const hello = (alpn: string[]) => tlsHello()(pod.ip, pod.ports[0]!, alpn, AbortSignal.timeout(5000));
      const spiffe = 'spiffe://cluster.local/ns/cart/sa/cartservice';
      assert.equal((await hello([])).kind, 'Reset');
      assert.deepEqual(names(await hello(['istio'])), ['Certificate', spiffe]);
      await strict(plane!);
      assert.deepEqual(names(await hello([])), ['Certificate', spiffe]);
      sidecars.pretend('cart', 'DISABLE');
      assert.equal((await hello([])).kind, 'Plaintext');
    } finally {
      await sidecars.stop();
    }
  });

  it('keeps its objects over restarts of every part', async () => {
    await plane!.kill('apiserver');
    await plane!.restart('etcd');
    await plane!.restart('apiserver');
    await plane!.restart('controller-manager');
    // an API server that has just begun refuses lists with 429 until its caches are warm
    await waitFor(async () => (await readAll(plane!.admin, POLICIES)).length === 1, 'the policy', 10_000);
  });

  it('records every state of an object, however short', async () => {
    const path = `${POLICIES}/default`;
    const recording = await record(plane!.admin, POLICIES);
    for (const a of ['1', '2', '3']) {
      const patch = { method: 'PATCH' as const, contentType: 'application/merge-patch+json' };
      await plane!.admin.call({ ...patch, path, body: { metadata: { labels: { a } } } });
    }
    await waitFor(() => recording.events.length === 4, 'four events', 10_000);
    const labels = (await recording.stop()).map(({ object }) => object.metadata.labels?.['a']);
    assert.deepEqual(labels, [undefined, '1', '2', '3']);
  });

  it('waits for an object to become as wanted', async () => {
    const path = `${POLICIES}/default`;
    const isWanted = ({ metadata }: Seen) => metadata.labels?.['a'] === '4';
    const waiting = waitForObject(plane!.admin, path, isWanted, 'label 4', 10_000);
    await plane!.kubectl(['label', '-n', 'cart', 'peerauthentication', 'default', 'a=4', '--overwrite']);
    assert.equal((await waiting).metadata.labels?.['a'], '4');
    const hopeless = waitForObject(plane!.admin, path, () => false, 'what never comes', 300);
    await assert.rejects(hopeless, /waited 300 ms for what never comes; last seen: .*"a":"4"/);
  });
});

describe('the Prometheus of the bed', () => {
  it('answers from the traffic it is told about', async () => {
    const prometheus = await PrometheusStub.start();
    try {
      prometheus.traffic({ from: 'frontend/frontend', to: 'cart/cartservice', secured: true, perSecond: 2 });
      const stray = prometheus.traffic({ to: 'cart/cartservice', secured: false, perSecond: 1 });
      const plaintext = 'sum(increase(istio_requests_total{connection_security_policy="none"}[60s]))';
      const first = Date.now();
      assert.equal(Math.round(await ask(prometheus, plaintext, first)), 60);
      stray.setRate(0);
      assert.equal(Math.round(await ask(prometheus, plaintext, first + 3_600_000)), 0);
      prometheus.trouble = 'Error';
      assert.equal((await fetch(`${prometheus.url}/api/v1/query?query=1`)).status, 500);
    } finally {
      await prometheus.stop();
    }
  });
});

describe('a run of the bed that is killed', () => {
  it('is cleared away by the next one', async () => {
    const { child, path } = await startRun();
    const file = readdirSync(path).find(name => name.endsWith('.process.json'))!;
    const sleeper = JSON.parse(readFileSync(join(path, file), 'utf8')) as ProcessId;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    assert.equal(isRunning(sleeper), true);
    await new RunFolder().remove();
    await waitFor(() => !isRunning(sleeper), 'the orphan to be gone', 5000);
    assert.equal(existsSync(path), false);
  });

  it('ends what it started when it is interrupted', async () => {
    const { child, path } = await startRun();
    const gone = once(child, 'exit');
    child.kill('SIGINT');
    assert.deepEqual(await gone, [130, null]);
    assert.equal(existsSync(path), false);
  });
});

/** Another process with a run of its own, in which something sleeps. */
async function startRun() {
  const module = JSON.stringify(join(import.meta.dirname, 'runFolder.ts'));
  const script = `const { RunFolder } = await import(${module}); const folder = new RunFolder();
    folder.spawn('sleeper', 'sleep', ['300'], { PATH: process.env.PATH });
    console.log(folder.path); setInterval(() => {}, 1000);`;
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: [...stdio] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, path: line.toString().trim() };
}

function names(answer: Awaited<ReturnType<ReturnType<typeof tlsHello>>>) {
  return answer.kind === 'Certificate' ? [answer.kind, answer.spiffe] : [answer.kind];
}

async function strict(plane: ControlPlane): Promise<void> {
  const body = {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'default' },
    spec: { mtls: { mode: 'STRICT' } },
  };
  assert.equal((await plane.admin.call({ method: 'POST', path: POLICIES, body })).status, 201);
}

async function ask(prometheus: PrometheusStub, query: string, time: number): Promise<number> {
  const url = `${prometheus.url}/api/v1/query?query=${encodeURIComponent(query)}&time=${time / 1000}`;
  const { data } = (await (await fetch(url)).json()) as { data: { result: { value: [number, string] }[] } };
  return Number(data.result[0]?.value[1] ?? 'NaN');
}
