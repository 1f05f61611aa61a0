/** The operator as a process: configuration, wiring, and an orderly end. The only file that reads the environment. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { KubeConfig } from '@kubernetes/client-node';
import { systemClock } from './cluster/clock.ts';
import { HttpTransport } from './cluster/httpTransport.ts';
import { HELP, parseFlags } from './operator/flags.ts';
import type { AlertSource } from './operator/alertWatch.ts';
import { startHealth } from './operator/health.ts';
import { MtlsRolloutOperator } from './operator/operator.ts';
import { isHttpAddress } from './operator/settingValues.ts';
import { loadSettings, type Settings } from './operator/settings.ts';
import { PROGRAM_VERSION } from './api/version.ts';
import { Alertmanager } from './probes/alertmanager.ts';
import { tlsHello } from './probes/hello.ts';
import { httpCall } from './probes/httpCall.ts';
import type { Sight } from './probes/probe.ts';
import { Prometheus, PrometheusError } from './probes/prometheus.ts';
import type { RemoteOptions } from './probes/remote.ts';
import type { Receiver } from './probes/webhook.ts';
import { createLogger } from './report/logger.ts';
import { Notifier } from './report/notifier.ts';
import { httpPost } from './report/post.ts';

/** A graceful stop that takes longer is ended: the lease has run out by then. */
const STOP_MS = 25_000;

function kubeConfigOf({ kubeconfig, context }: Settings): KubeConfig {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    // what a YAML parser says quotes the lines around the mistake, and a token may be on one of them
    const { code, mark, message } = error as NodeJS.ErrnoException & { mark?: { line: number } };
    const why = mark === undefined ? (code ?? message) : `line ${mark.line + 1} is not valid YAML`;
    throw new Error(
      `cannot read ${kubeconfig === undefined ? 'the kubeconfig' : `the kubeconfig ${kubeconfig}`}: ${why}`,
      { cause: error },
    );
  }
  if (context !== undefined) config.setCurrentContext(context);
  return config;
}

function sightOf({ prometheus }: Settings): Sight {
  const eyes = { hello: tlsHello(), call: httpCall };
  if (!prometheus) {
    const missing = new PrometheusError(
      'Unreachable',
      'no Prometheus is configured: set prometheus.url in the configuration of the operator',
    );
    return { ...eyes, query: () => Promise.reject(missing) };
  }
  const source = new Prometheus(remoteOf(prometheus));
  return { ...eyes, query: (promql, time, signal) => source.query(promql, time, signal) };
}

function alertsOf({ alerts }: Settings): { alerts?: AlertSource } {
  if (!alerts) return {};
  const source = new Alertmanager({ ...remoteOf(alerts), matchers: alerts.matchers });
  return { alerts: signal => source.firing(signal) };
}

function receiversOf({ webhooks }: Settings): Receiver[] {
  return webhooks.map(({ name, namespaces, ...address }) => {
    const { deadlineMs: _, ...remote } = remoteOf(address);
    return { ...remote, name, namespaces, timeoutMs: address.timeout };
  });
}

/** How to reach what the configuration names; the token is read anew each time. */
function remoteOf({ url, bearerTokenFile, caFile, timeout }: NonNullable<Settings['prometheus']>): RemoteOptions {
  return {
    url,
    deadlineMs: timeout,
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') }),
    ...(bearerTokenFile === undefined
      ? {}
      : { bearerToken: async () => (await readFile(bearerTokenFile, 'utf8')).trim() }),
  };
}

function settingsOf(argv: string[]): Settings | { problems: string[] } {
  const parsed = parseFlags(argv);
  const file = 'flags' in parsed ? parsed.flags.config : undefined;
  let text: string | undefined;
  try {
    text = file === undefined ? undefined : readFileSync(file, 'utf8');
  } catch (error) {
    return { problems: [`--config: cannot read the file: ${(error as NodeJS.ErrnoException).code}`] };
  }
  const result = loadSettings(text, argv);
  return 'settings' in result ? result.settings : result;
}

function notifierOf({ notifications }: Settings, log: ReturnType<typeof createLogger>): Notifier {
  const targets = notifications.map(({ name, type, url = '', urlFile, events }) => {
    const address = async () => {
      const text = urlFile === undefined ? url : await read(urlFile);
      if (!isHttpAddress(text)) throw new Error(`${urlFile} holds no http or https address`);
      return text;
    };
    return { name, kind: type, address, events };
  });
  return new Notifier({ targets, post: httpPost(), clock: systemClock, log });
}

async function read(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).trim();
}

async function run(settings: Settings): Promise<number> {
  const { level, format } = settings.log;
  const log = createLogger({ level, format, now: Date.now, write: line => void process.stdout.write(line) });
  const operator = new MtlsRolloutOperator({
    settings,
    transport: new HttpTransport(kubeConfigOf(settings)),
    clock: systemClock,
    sight: sightOf(settings),
    ...alertsOf(settings),
    notifier: notifierOf(settings, log),
    receivers: receiversOf(settings),
    log,
    random: Math.random,
    identity: `${hostname()}_${randomUUID()}`,
  });
  operator.metrics.withProcess();
  const health = await startHealth({
    ...settings.health,
    missing: () => operator.missing(),
    metrics: operator.metrics,
  });
  log.info('starting', { version: PROGRAM_VERSION, health: `${health.address}:${health.port}` });
  const signalled = new Promise<string>(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
  await operator.start();
  const end = await Promise.race([
    signalled.then(signal => ({ code: 0, why: signal })),
    operator.lost.then(why => ({ code: 1, why })),
  ]);
  log.info('stopping', { why: end.why });
  setTimeout(() => process.exit(1), STOP_MS).unref();
  await operator.stop();
  await health.close();
  log.info('stopped');
  return end.code;
}

async function main(argv: string[]): Promise<number> {
  const parsed = parseFlags(argv);
  if ('flags' in parsed && parsed.flags.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if ('flags' in parsed && parsed.flags.version) {
    process.stdout.write(`${PROGRAM_VERSION}\n`);
    return 0;
  }
  const settings = settingsOf(argv);
  if ('problems' in settings) {
    for (const problem of settings.problems) process.stderr.write(`mtls-rollout: ${problem}\n`);
    return 2;
  }
  return await run(settings);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`mtls-rollout: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
