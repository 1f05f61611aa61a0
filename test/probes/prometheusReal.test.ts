/** The queries against a real Prometheus: valid in its eyes, and counting what the endpoint counted. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clientErrors } from '../../src/probes/clientErrors.ts';
import { controlPlane } from '../../src/probes/controlPlane.ts';
import { plaintextTraffic } from '../../src/probes/plaintextTraffic.ts';
import { METRICS_PRESETS, type MetricsPreset, type Probe, type Sight } from '../../src/probes/probe.ts';
import { Prometheus } from '../../src/probes/prometheus.ts';
import { prometheusQuery } from '../../src/probes/prometheusQuery.ts';
import { refusedConnections } from '../../src/probes/refusedConnections.ts';
import { trafficDrop } from '../../src/probes/trafficDrop.ts';
import type { Scope } from '../../src/rollout/scope.ts';
import { Counters } from './counters.ts';
import { look, pod } from './scene.ts';
import { skipBecause } from '../project/skip.ts';

const FOUND = spawnSync('prometheus', ['--version']).status === 0;
const NEVER = () => Promise.reject(new Error('only queries expected'));

describe('a real Prometheus', function () {
  this.timeout(60_000);
  const counters = new Counters();
  let endpoint: Server;
  let folder: string;
  let prometheus: ChildProcess;
  /** Starts it, with what it has stored. */
  let launch: () => void;
  let client: Prometheus;
  let url: string;
  let sight: Sight;
  let startedAt: number;
  let changedAt: number;

  before(async function () {
    if (!FOUND) skipBecause(this, 'no program "prometheus" (on Debian: apt-get install prometheus)');
    endpoint = createServer((_, answer) => {
      counters.scrapes += 1;
      answer.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(counters.text());
    });
    endpoint.listen(0, '127.0.0.1');
    await once(endpoint, 'listening');
    await startPrometheus((endpoint.address() as AddressInfo).port);
    await playScene();
  });

  after(async () => {
    await client?.close();
    if (prometheus?.kill()) await once(prometheus, 'exit');
    endpoint?.closeAllConnections();
    endpoint?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  async function startPrometheus(target: number) {
    folder = await mkdtemp(join(tmpdir(), 'probe-prometheus-'));
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      // the labels of the pods are those of the counters here, as a relabelling would set them
      scrape_configs: [
        { job_name: 'mesh', honor_labels: true, static_configs: [{ targets: [`127.0.0.1:${target}`] }] },
      ],
    };
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const port = await freePort();
    launch = () => launchAt(port);
    launch();
    url = `http://127.0.0.1:${port}`;
    client = new Prometheus({ url });
    sight = { query: (promql, time, signal) => client.query(promql, time, signal), hello: NEVER, call: NEVER };
  }

  function launchAt(port: number) {
    const flags = [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    prometheus = spawn('prometheus', [...flags, '--log.level=error'], {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }

  /** Waits for whole scrapes that began after now, and for Prometheus to have stored them. */
  async function scraped(times: number) {
    const goal = counters.scrapes + times + 1;
    while (counters.scrapes < goal) {
      assert.equal(prometheus.exitCode, null, 'Prometheus ended');
      await sleep(50);
    }
  }

  /** A quiet time, a step that begins while a plaintext client is busy, and a change after which it is silent. */
  async function playScene() {
    counters.traffic('istio_requests_total', 'shop/frontend', 'cart/cartservice', 'mutual_tls', 1000);
    counters.traffic('istio_requests_total', 'shop/frontend', 'cartx/other', 'none', 5000);
    for (const name of ['downstream_cx_total', 'ssl_handshake', 'ssl_fail_verify_no_cert', 'no_filter_chain_match'])
      counters.inbound(name, 'cartservice-0', 10);
    counters.inbound('downstream_cx_total', 'blind-0', 10);
    // the operator has not asked this one yet
    counters.inbound('downstream_cx_total', 'asked-0', 1000, 'asked');
    counters.inbound('ssl_handshake', 'asked-0', 1000, 'asked');
    counters.inbound('ssl_fail_verify_no_cert', 'asked-0', 0, 'asked');
    counters.traffic('istio_tcp_connections_opened_total', 'legacy/reporting', 'cart/cartservice', 'none', 2);
    // a connection that lasts, and handshakes that were refused
    counters.tcp('old/ledger', 'queue/store', 1, 4000);
    counters.tcp('unknown/unknown', 'queue/broker', 4, 0);
    for (const namespace of ['cart', 'queue', 'silent']) counters.build(namespace, 'cartservice-0');
    for (const name of ['downstream_cx_total', 'ssl_handshake']) counters.inbound(name, 'cartservice-0', 1, 'silent');
    counters.call('shop/frontend', 'cart/cartservice', '200', '-', 1000);
    counters.call('shop/old', 'cart/cartservice', '503', 'UC', 1000);
    for (const [source, policy] of [
      ['bank/teller', 'MUTUAL_TLS'],
      ['old/atm', 'NONE'],
      ['old/gone', 'NONE'],
    ] as const)
      counters.google(source, 'bank/ledger', policy, 100);
    counters.googleTcp('old/atm', 'bank/vault', 'NONE', 1, 1000);
    counters.googleTcp('old/hello', 'bank/vault', 'NONE', 1, 0);
    counters.add('pilot_xds', {}, 40);
    counters.converged({ 0.1: 10, 10: 90, '+Inf': 90 });
    await scraped(2);
    counters.traffic('istio_requests_total', 'shop/frontend', 'cart/cartservice', 'mutual_tls', 300);
    counters.traffic('istio_requests_total', 'legacy/reporting', 'cart/cartservice', 'none', 1);
    counters.traffic('istio_tcp_connections_opened_total', 'unknown/unknown', 'cart/redis', 'unknown', 7);
    counters.traffic('istio_tcp_connections_opened_total', 'legacy/reporting', 'cart/cartservice', 'none', 40);
    counters.inbound('downstream_cx_total', 'blind-0', 500);
    counters.inbound('downstream_cx_total', 'cartservice-0', 50);
    counters.inbound('ssl_handshake', 'cartservice-0', 40);
    counters.inbound('ssl_fail_verify_no_cert', 'cartservice-0', 4);
    counters.inbound('downstream_cx_total', 'asked-0', 260, 'asked');
    counters.inbound('ssl_handshake', 'asked-0', 60, 'asked');
    counters.inbound('ssl_fail_verify_no_cert', 'asked-0', 200, 'asked');
    counters.google('bank/teller', 'bank/ledger', 'MUTUAL_TLS', 200);
    counters.google('old/atm', 'bank/ledger', 'NONE', 40);
    counters.googleTcp('old/atm', 'bank/vault', 'NONE', 6, 1000);
    counters.googleTcp('old/hello', 'bank/vault', 'NONE', 50, 0);
    await scraped(2);
    counters.call('shop/old', 'cart/cartservice', '503', 'UC', 100);
    startedAt = Date.now();
    await scraped(1);
    // the operator's own hellos while STRICT spread: Prometheus reads them only after it was seen in force
    counters.inbound('no_filter_chain_match', 'cartservice-0', 5);
    changedAt = Date.now();
    await scraped(2);
    counters.inbound('no_filter_chain_match', 'cartservice-0', 3);
    counters.tcp('old/ledger', 'queue/store', 0, 100);
    counters.tcp('unknown/unknown', 'queue/broker', 12, 0);
    counters.denied('legacy/reporting', 'cart/redis', 7);
    counters.call('shop/frontend', 'cart/cartservice', '200', '-', 300);
    counters.call('shop/old', 'cart/cartservice', '503', 'UC', 100);
    // a counter that begins with the failure, of which nobody knows the workload
    counters.call('shop/broken', 'cart/cartservice', '503', 'UF,URX', 60, { known: false });
    counters.google('bank/teller', 'bank/ledger', 'MUTUAL_TLS', 200);
    counters.add('pilot_total_xds_rejects', { type: 'lds' }, 2);
    counters.converged({ 0.1: 0, 10: 5, '+Inf': 25 });
    counters.traffic('istio_requests_total', 'shop/frontend', 'cart/cartservice', 'mutual_tls', 300);
    await scraped(3);
  }

  const scopes: Scope[] = [{ kind: 'Namespace', namespace: 'cart' }];
  const observe = (probe: Probe, given: Parameters<typeof look>[1] = {}) =>
    probe.observe(look([pod()], { now: Date.now(), startedAt, scopes, ...given }));
  const later = (ms: number): Sight => ({
    ...sight,
    query: (promql, time, signal) => sight.query(promql, time + ms, signal),
  });
  /** Cloud Monitoring shows now what happened three minutes ago. */
  const withDelay = (preset: MetricsPreset) => (preset === 'gcp' ? later(180_000) : sight);
  const plaintext = (given: object = {}, preset: MetricsPreset = 'istio') => {
    const options = { window: '1h', minRequests: 100, source: 'Metrics' as const, ...given };
    return plaintextTraffic('no-plaintext', options, withDelay(preset), preset);
  };

  it('counts each plaintext source exactly, also one that came a single time', async () => {
    const seen = await observe(plaintext());
    assert.equal(seen.verdict, 'Unhealthy', seen.message);
    const parts = seen.message.split('; ');
    assert.match(
      parts[0]!,
      /^1 request and 4[2-5] connections from legacy\/reporting to cart\/cartservice without mutual TLS$/,
    );
    assert.match(parts[1]!, /^7 connections from an unknown source to cart\/redis without mutual TLS in the last 1h$/);
    assert.match(seen.value, /^5[0-3] plaintext of /);
    assert.ok(seen.samples >= 590 && seen.samples <= 760, `${seen.samples} of about 600`);
  });

  it('sees a connection that was open before, and takes none that carried nothing for plaintext', async () => {
    const queue = { scopes: [{ kind: 'Namespace' as const, namespace: 'queue' }] };
    const short = plaintext({ window: '20s', minRequests: 0 });
    for (const probe of [plaintext(), short]) {
      const given = probe === short ? { changedAt, now: changedAt + 15_000 } : { now: Date.now() };
      const seen = await probe.observe(look([pod({ namespace: 'queue' })], { startedAt, ...given, ...queue }));
      assert.equal(seen.verdict, 'Unhealthy', seen.message);
      assert.match(seen.message, /^1 connection from old\/ledger to queue\/store without mutual TLS in the last/);
      assert.doesNotMatch(seen.message, /broker/);
    }
  });

  it('does not count again, after the change, what came before it', async () => {
    const seen = await observe(plaintext({ window: '20s', minRequests: 1 }), { changedAt, now: changedAt + 15_000 });
    assert.equal(seen.verdict, 'Healthy', seen.message);
    assert.ok(seen.samples >= 250 && seen.samples <= 400, `${seen.samples} of about 300`);
  });

  it('sees who fell silent and who did not', async () => {
    const probe = trafficDrop('traffic', { window: '10s', maxPercent: 50, minRequests: 20 }, sight, 'istio');
    const seen = await observe(probe, { changedAt, now: changedAt + 10_000 });
    assert.equal(seen.verdict, 'Unhealthy', seen.message);
    assert.match(seen.message, /^legacy\/reporting → cart\/cartservice fell from [45]\d to 0 \(/);
    assert.equal(seen.value, '1 of 2 pairs fell');
  });

  describe('asked for refused connections', () => {
    const seen = async (pods: Parameters<typeof look>[0], window = '15s', after = 16_000, maxConnections = 0) =>
      refusedConnections('refused', { window, maxConnections }, sight).observe(
        look(pods, { scopes, changedAt, inForceAt: changedAt, now: changedAt + after }),
      );

    it('counts exactly those since STRICT was in force, and none of the hellos before', async () => {
      const { verdict, value, message } = await seen([pod()]);
      assert.deepEqual([verdict, value], ['Unhealthy', '3 refused, 1/1 pods count'], message);
      assert.match(message, /: 3 plaintext connections from unknown sources to cart\/cartservice; /);
      assert.equal((await seen([pod()], '15s', 16_000, 3)).verdict, 'Healthy', 'nothing is extrapolated');
    });

    it('counts a denial of ztunnel once, from the first one on, by source', async () => {
      const redis = pod({ name: 'redis-0', mesh: 'Ambient' });
      const { verdict, value, message } = await seen([redis]);
      assert.deepEqual([verdict, value], ['Unhealthy', '7 refused, 1/1 pods count'], message);
      assert.match(message, /: 7 plaintext connections from legacy\/reporting to cart\/redis; /);
    });

    it('cannot judge a pod without the counter, nor one that was read once', async () => {
      const blind = await seen([pod(), pod({ name: 'blind-0' })], '15s', 16_000, 9);
      assert.equal(blind.verdict, 'NoData');
      assert.match(blind.message, /^the sidecars of 1 of 2 pods \(cart\/blind-0\) do not export /);
      const young = await seen([pod()], '1s', 2_500);
      assert.equal(young.verdict, 'NoData');
      assert.match(young.message, /^too soon: the counters of 1 of 1 pod \(cart\/cartservice-0\) were not read twice/);
    });
  });

  it('counts in whole numbers with those of Envoy, also where hellos have just begun to be refused', async () => {
    const given = { changedAt: Date.now() - 200_000, now: Date.now() + 60_000 };
    const seen = await observe(plaintext({ minRequests: 1 }, 'envoy'), given);
    assert.match(seen.value, /^6 plaintext of /, seen.message);
    const asked = { scopes: [{ kind: 'Namespace' as const, namespace: 'asked' }] };
    const pods = () => Promise.resolve([pod({ namespace: 'asked', name: 'asked-0' })]);
    const hellos = await observe(plaintext({ minRequests: 1 }, 'envoy'), { ...given, ...asked, pods });
    assert.equal(hellos.verdict, 'Healthy', hellos.message);
  });

  it('takes raw counters of Envoy, without handshakes that were refused or are under way', async () => {
    const options = { window: '1h', minRequests: 1, source: 'Metrics' as const };
    const probe = plaintextTraffic('p', options, later(60_000), 'envoy');
    const seen = await observe(probe);
    assert.match(seen.message, /^[67] connections from an unknown source to cart\/cartservice without mutual TLS/);
    assert.ok(
      seen.samples >= 50 && seen.samples <= 60,
      `${seen.samples} of 50: a pod without handshakes is no evidence`,
    );
    const drop = trafficDrop('traffic', { window: '10s', maxPercent: 50, minRequests: 20 }, sight, 'envoy');
    assert.match(
      (await observe(drop, { changedAt, now: changedAt + 10_000 })).message,
      /cart\/cartservice fell from [56]\d to 0/,
    );
  });

  describe('with the names of Cloud Monitoring', () => {
    const bank = {
      scopes: [{ kind: 'Namespace' as const, namespace: 'bank' }],
      pods: () => Promise.resolve([pod({ namespace: 'bank', name: 'ledger-0' })]),
    };

    it('counts what came without mutual TLS, each once', async () => {
      const seen = await observe(plaintext({}, 'gcp'), bank);
      assert.equal(seen.verdict, 'Unhealthy', seen.message);
      const [requests, connections] = seen.message.split('; ');
      assert.match(requests!, /^4\d requests from old\/atm to bank\/ledger without mutual TLS$/);
      assert.match(connections!, /^[67] connections from old\/atm to bank\/vault without mutual TLS in the last 1h$/);
      assert.match(seen.value, /^(4\d|5[0-2]) plaintext of (4[3-9]\d|5[0-2]\d)$/);
    });

    it('says that it does not know whether every proxy reports', async () => {
      const options = { window: '10s', minRequests: 1, source: 'Metrics' as const };
      const given = { ...bank, changedAt, now: changedAt + 190_000 };
      const seen = await observe(plaintextTraffic('p', options, sight, 'gcp'), given);
      assert.equal(seen.verdict, 'Healthy', seen.message);
      assert.match(seen.message, /; whether Prometheus reads every proxy is not known \(Cloud Monitoring does not say/);
    });

    it('sees who fell silent', async () => {
      const probe = trafficDrop('traffic', { window: '10s', maxPercent: 50, minRequests: 20 }, sight, 'gcp');
      const seen = await observe(probe, { ...bank, changedAt, now: changedAt + 190_000 });
      assert.equal(seen.verdict, 'Unhealthy', seen.message);
      assert.match(seen.message, /^old\/atm → bank\/ledger fell from 4\d to 0 \(/);
    });
  });

  it('sees a client that has begun to fail, and none that failed before', async () => {
    const options = { window: '10s', maxPercent: 1, minRequests: 20 };
    const probe = clientErrors('clients', options, sight);
    const { verdict, message } = await observe(probe, { changedAt, now: changedAt + 10_000 });
    assert.equal(verdict, 'Unhealthy', message);
    assert.match(message, /100% of \d+ calls from shop\/broken to cart\/cartservice failed \(503 UF,URX\); UC, UF/);
    assert.doesNotMatch(message, /shop\/(old|frontend)/);
  });

  it('sees what proxies rejected since, and which updates were late', async () => {
    const probe = controlPlane('istiod', { window: '10s', maxConvergence: '10s' }, sight);
    const { verdict, message } = await observe(probe, { changedAt, now: changedAt + 10_000 });
    assert.equal(verdict, 'Unhealthy', message);
    assert.match(message, /^2 times a proxy rejected LDS; \d+ proxy updates of \d+ took longer than 10s/);
    const before = { now: changedAt };
    assert.equal((await observe(probe, before)).verdict, 'Healthy');
  });

  const NUMBERS: [string, object, string, RegExp][] = [
    ['max(pilot_xds)', { max: 40 }, 'Healthy', /gives 40 for/],
    ['max(pilot_xds)', { max: 39 }, 'Unhealthy', /gives 40 for .*, more than max 39/],
    ['scalar(pilot_xds) / 10', { max: 3 }, 'Unhealthy', /gives 4 for/],
    ['pilot_xds * 0 / 0', { max: 1 }, 'NoData', /no number/],
    ['pilot_xds / 0', { max: 1 }, 'NoData', /no number/],
    ['nothing_at_all', { max: 1 }, 'NoData', /gives nothing/],
    ['max(', { max: 1 }, 'Error', /could not look: .*status 400 \(bad_data\)/],
    ['pilot_xds[${window}]', { max: 1 }, 'Error', /no instant vector|bad_data/],
    ['max_over_time(pilot_xds[${window}:1s])', { min: 1 }, 'Healthy', /gives 40/],
  ];
  for (const [expr, limits, verdict, message] of NUMBERS) {
    it(`${expr} with ${JSON.stringify(limits)} is ${verdict}`, async () => {
      const asker = { namespace: 'istio-system', isRoot: true, queries: [] };
      const probe = prometheusQuery('own', { expr, parameters: {}, window: '1m', ...limits }, sight, asker);
      const seen = await observe(probe);
      assert.equal(seen.verdict, verdict, seen.message);
      assert.match(seen.message, message);
    });
  }

  it('tells the sidecars that it does not read', async () => {
    const quiet = { changedAt, now: changedAt + 15_000, startedAt, scopes };
    const pods = [pod(), pod({ name: 'unread-0' })];
    const seen = await plaintext({ window: '20s', minRequests: 1 }).observe(look(pods, quiet));
    assert.equal(seen.verdict, 'NoData');
    assert.match(seen.message, /^Prometheus does not read the sidecars of 1 of 2 pods \(cart\/unread-0\)/);
  });

  it('has NoData for a scope that nobody counts, in every preset', async () => {
    const other: Scope[] = [{ kind: 'Namespace', namespace: 'silent' }];
    const pods = () => Promise.resolve([pod({ namespace: 'silent' })]);
    for (const preset of METRICS_PRESETS) {
      assert.equal((await observe(plaintext({}, preset), { scopes: other, pods })).verdict, 'NoData');
      assert.equal((await observe(plaintext({ minRequests: 0 }, preset), { scopes: other, pods })).verdict, 'Healthy');
    }
  });

  it('takes a step of 500 namespaces, the mesh, and names that nobody should give', async () => {
    const many = Array.from(
      { length: 500 },
      (_, i): Scope => ({ kind: 'Namespace', namespace: `${'n'.repeat(55)}-${i}` }),
    );
    const hostile = ['.*', '"} or up{a="', 'a|b', '\\', '{}', '\n'].map(
      (namespace): Scope => ({ kind: 'Namespace', namespace }),
    );
    for (const preset of METRICS_PRESETS) {
      for (const chosen of [many, hostile, [{ kind: 'Mesh', namespace: 'istio-system' } as const]]) {
        const pods = (scope: Scope) => Promise.resolve([pod({ namespace: scope.namespace })]);
        const seen = await observe(plaintext({}, preset), { scopes: chosen, pods });
        assert.match(seen.value, chosen.length === 1 ? /^\d+ plaintext of [1-9]/ : /^0 plaintext of 0$/, seen.message);
      }
    }
  });

  describe('in trouble', () => {
    const verdicts = async (from: Sight, given: { changedAt?: number; window?: string } = {}) => {
      const { changedAt: switchedAt = Date.now() - 16_000, window } = given;
      const probes = [
        plaintextTraffic('a', { window: window ?? '20s', minRequests: 1, source: 'Metrics' }, from, 'istio'),
        trafficDrop('b', { window: window ?? '10s', maxPercent: 50, minRequests: 20 }, from, 'istio'),
        refusedConnections('c', { window: window ?? '15s', maxConnections: 0 }, from),
        clientErrors('d', { window: window ?? '10s', maxPercent: 1, minRequests: 20 }, from),
        controlPlane('e', { window: window ?? '10s', maxConvergence: '10s' }, from),
      ];
      const at = { changedAt: switchedAt, now: Date.now() };
      return Promise.all(probes.map(async probe => (await observe(probe, at)).verdict));
    };

    it('that hangs is an Error for every probe, in time', async () => {
      const hasty = new Prometheus({ url, deadlineMs: 300 });
      prometheus.kill('SIGSTOP');
      try {
        await stopped(prometheus.pid!);
        const began = Date.now();
        const query: Sight['query'] = (promql, time, signal) => hasty.query(promql, time, signal);
        assert.deepEqual(new Set(await verdicts({ ...sight, query })), new Set(['Error']));
        assert.ok(Date.now() - began < 5_000);
      } finally {
        prometheus.kill('SIGCONT');
        await hasty.close();
      }
    });

    it('behind a front that answers 503 is an Error for every probe', async () => {
      const front = createServer((_, answer) => answer.writeHead(503).end('no upstream'));
      front.listen(0, '127.0.0.1');
      await once(front, 'listening');
      const through = new Prometheus({ url: `http://127.0.0.1:${(front.address() as AddressInfo).port}` });
      const query: Sight['query'] = (promql, time, signal) => through.query(promql, time, signal);
      assert.deepEqual(new Set(await verdicts({ ...sight, query })), new Set(['Error']));
      await through.close();
      front.close();
    });

    it('that restarts is an Error while it is down, and then takes no old counter for a new one', async () => {
      // the scene is over: what is counted from here on is a mistake
      const overAt = Date.now();
      await scraped(3);
      prometheus.kill('SIGTERM');
      await once(prometheus, 'exit');
      assert.deepEqual(new Set(await verdicts(sight)), new Set(['Error']));
      launch();
      await scraped(5);
      const since = () => verdicts(sight, { changedAt: overAt, window: '8s' });
      // the scrapes come first, the API a moment later
      let seen = await since();
      for (const end = Date.now() + 20_000; seen.includes('Error') && Date.now() < end; seen = await since())
        await sleep(100);
      assert.ok(!seen.includes('Error'), seen.join());
      // the scene has long been silent, which is a drop
      const [sources, , ...others] = seen;
      assert.ok(![sources, ...others].includes('Unhealthy'), seen.join());
      assert.equal(others[0], 'Healthy', 'refusals');
    });

    it('whose targets are gone is NoData for every probe, never Healthy', async () => {
      endpoint.closeAllConnections();
      endpoint.close();
      // two failed scrapes, after which the series are stale
      await sleep(3_000);
      const seen = await verdicts(later(60_000));
      assert.ok(!seen.includes('Healthy') && !seen.includes('Unhealthy'), seen.join());
    });
  });
});

/** The signal has been sent; whether it has arrived is told by the kernel, where it has a place for that. */
async function stopped(pid: number): Promise<void> {
  if (process.platform !== 'linux') return;
  const state = async () => /\) (\w)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))?.[1];
  while ((await state()) !== 'T') await sleep(10);
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
