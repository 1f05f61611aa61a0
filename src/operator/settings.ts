/**
 * Configuration of the operator: one file (YAML or JSON) beside a few flags, checked as a whole.
 * Flags win over the file, the file over the defaults. A problem names the key, what is wrong and what is allowed,
 * and never repeats a value: a token pasted into the wrong place must not end up in a log.
 */
import { loadAll, type YAMLException } from 'js-yaml';
import { z } from 'zod';
import { isRecord } from '../api/record.ts';
import { METRICS_PRESETS } from '../probes/probe.ts';
import { PLATFORMS } from '../rollout/fronts.ts';
import { queries } from './querySettings.ts';
import { FLAG_KEYS, parseFlags, type Flags } from './flags.ts';
import { notifications } from './notificationSettings.ts';
import { access, duration, isHttpAddress } from './settingValues.ts';
import { webhooks } from './webhookSettings.ts';

function whole(fallback: number, least: number, most: number) {
  const rule = `must be a whole number from ${least} to ${most}`;
  return z.int(rule).min(least, rule).max(most, rule).default(fallback);
}

/** A limit that may be left out. */
function limit(highest: number) {
  const rule = `must be a whole number from 1 to ${highest}`;
  return z.int(rule).min(1, rule).max(highest, rule).optional();
}

function oneOf<const T extends readonly [string, ...string[]]>(values: T, fallback: T[number]) {
  return z.enum(values, `must be one of ${values.join(', ')}`).default(fallback);
}

const flag = (fallback: boolean) => z.boolean('must be true or false').default(fallback);
const dnsName = z
  .string('must be a name')
  .max(253, 'must be at most 253 characters long')
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a lower-case DNS name: letters, digits, "-" and "."');

function address(example: string) {
  return z
    .string(`must be an address such as ${example}`)
    .refine(isHttpAddress, {
      error: `must be an http or https address such as ${example}`,
      abort: true,
    })
    .refine(text => new URL(text).username === '' && new URL(text).password === '', {
      error: 'must not hold a user or password: use bearerTokenFile',
      abort: true,
    })
    .refine(text => new URL(text).search === '' && new URL(text).hash === '', 'must not hold a query or fragment');
}

const prometheus = z.strictObject({
  url: address('http://prometheus.monitoring:9090'),
  ...access,
  timeout: duration('10s', '100ms', '2m'),
});

const MATCHER = 'must be a matcher such as severity="critical" or alertname=~"MeshDown|MeshErrors"';
/** Alertmanager's form with the value in quotes; a backslash in it escapes what follows. */
const MATCHER_PATTERN = /^[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~)"(?:[^"\\\n]|\\.)*"$/;
const MATCHERS = 'must be a list of 1 to 16 matchers such as severity="critical"';

const alerts = z.strictObject({
  url: address('http://alertmanager.monitoring:9093'),
  /** An alert that fits all of them holds every step. */
  matchers: z
    .array(z.string(MATCHER).max(512, 'must be at most 512 characters long').regex(MATCHER_PATTERN, MATCHER), MATCHERS)
    .min(1, MATCHERS)
    .max(16, MATCHERS),
  ...access,
  /** Shorter than an answer counts: a later one would be stale already. */
  timeout: duration('5s', '100ms', '10s'),
});

const budget = z
  .strictObject({
    movingScopes: limit(10_000),
    failingRollouts: limit(1_000),
  })
  .refine(it => it.movingScopes !== undefined || it.failingRollouts !== undefined, {
    error: 'must limit movingScopes, failingRollouts, or both',
  });

const leaderElection = z
  .strictObject({
    enabled: flag(true),
    namespace: dnsName.default('mtls-rollout-system'),
    name: dnsName.default('mtls-rollout'),
    leaseDuration: duration('15s', '1s', '5m'),
    renewDeadline: duration('10s', '500ms', '5m'),
    retryPeriod: duration('2s', '100ms', '1m'),
  })
  .refine(it => it.leaseDuration > it.renewDeadline && it.renewDeadline > it.retryPeriod, {
    error: 'leaseDuration must be longer than renewDeadline, and that longer than retryPeriod',
  })
  .prefault({});

const health = z
  .strictObject({
    address: z.union([z.ipv4(), z.ipv6()], 'must be an IP address such as 0.0.0.0 or ::1').default('0.0.0.0'),
    /** 0: any free port; the log names it. */
    port: whole(8081, 0, 65535),
  })
  .prefault({});

const log = z
  .strictObject({
    level: oneOf(['error', 'warn', 'info', 'debug'], 'info'),
    format: oneOf(['json', 'text'], 'json'),
  })
  .prefault({});

const settingsSchema = z.strictObject({
  /** Absent: the default probes go without metrics, and a probe that was asked for metrics answers Error. */
  prometheus: prometheus.optional(),
  /** Absent: no alert holds a step. */
  alerts: alerts.optional(),
  /** Absent: no limits. */
  budget: budget.optional(),
  /** Which counters the mesh has: Istio's standard ones, raw ones of Envoy, or those of Google's Cloud Monitoring. */
  metricsPreset: oneOf(METRICS_PRESETS, 'istio'),
  /** What `prometheus` probes may ask, by name. */
  queries,
  /** Google's managed control plane tells clients nothing about the policies of single workloads. */
  platform: oneOf(PLATFORMS, 'istio'),
  /** Where istiod runs and its ConfigMap `istio` lies. */
  istioNamespace: dnsName.default('istio-system'),
  /** Absent: read from the mesh configuration in `istioNamespace`. */
  rootNamespace: dnsName.optional(),
  /** Writes of policies per second. */
  apiRate: whole(20, 1, 1000),
  /** Rollouts that are reconciled at the same time. */
  concurrency: whole(4, 1, 64),
  health,
  leaderElection,
  log,
  /** Who is told of decisions. */
  notifications,
  /** Whom `webhook` probes may call. */
  webhooks,
});

/** What the file holds, with defaults; durations in milliseconds. */
export type Settings = z.output<typeof settingsSchema> & {
  /** Absent: `KUBECONFIG`, `~/.kube/config`, or the pod's service account. */
  kubeconfig?: string;
  context?: string;
};

export type SettingsResult = { settings: Settings } | { problems: string[] };

/** Checks the text of the file (undefined: no file) together with the command line (without node and script). */
export function loadSettings(fileText: string | undefined, argv: string[]): SettingsResult {
  const parsed = parseFlags(argv);
  const read = readText(fileText);
  if ('problems' in parsed || 'problems' in read) {
    return {
      problems: [...('problems' in parsed ? parsed.problems : []), ...('problems' in read ? read.problems : [])],
    };
  }
  const { flags } = parsed;
  const checked = settingsSchema.safeParse(withFlags(read.value, flags));
  if (!checked.success) return { problems: checked.error.issues.flatMap(issue => describe(issue, flags)) };
  return {
    settings: {
      ...checked.data,
      ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }),
      ...(flags.context === undefined ? {} : { context: flags.context }),
    },
  };
}

function readText(text: string | undefined): { value: Record<string, unknown> } | { problems: string[] } {
  let documents: unknown[];
  try {
    documents = loadAll(text ?? '');
  } catch (error) {
    // the full message quotes the lines around the mistake, and the reason may quote a word of them
    const { reason, mark } = error as Partial<YAMLException>;
    const line = mark === undefined ? '' : `, line ${mark.line + 1}`;
    const what = (reason ?? 'unreadable').replaceAll(/"[^"]*"|<[^>]*>/g, '…');
    return { problems: [`configuration file${line}: not valid YAML: ${what}`] };
  }
  if (documents.length > 1) return { problems: ['configuration file: must be one document, without "---" inside'] };
  const value = documents[0] ?? {};
  if (!isRecord(value)) return { problems: ['configuration file: must be a map of keys, such as "apiRate: 20"'] };
  return { value };
}

/** A part of the file that is not a map is left as it is, for the schema to refuse. */
function withFlags(value: Record<string, unknown>, flags: Flags): Record<string, unknown> {
  const result: Record<string, unknown> = { ...value };
  const put = (part: 'log' | 'health', key: string, setting: unknown) => {
    const old = result[part] ?? {};
    if (setting !== undefined && isRecord(old)) result[part] = { ...old, [key]: setting };
  };
  put('log', 'level', flags.logLevel);
  put('health', 'port', flags.healthPort);
  return result;
}

function describe(issue: z.core.$ZodIssue, flags: Flags): string[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const allowed = keysAt(settingsSchema, issue.path).join(', ');
    return issue.keys.map(key => `${path === '' ? '' : `${path}.`}${key}: unknown key; allowed here: ${allowed}`);
  }
  if (issue.code === 'invalid_type' && issue.expected === 'object') return [`${path}: must be a map of keys`];
  const key = FLAG_KEYS.find(known => known.path === path && flags[known.flag] !== undefined)?.option ?? path;
  return [`${key}: ${issue.message}`];
}

/** Keys that the schema knows at a path; the wrappers for defaults and checks are looked through. */
function keysAt(schema: z.core.$ZodType, path: PropertyKey[]): string[] {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodPrefault || inner instanceof z.ZodDefault)
    inner = inner.unwrap();
  const [first, ...rest] = path;
  if (inner instanceof z.ZodArray) return keysAt(inner.element, rest);
  if (!(inner instanceof z.ZodObject)) return [];
  if (first === undefined) return Object.keys(inner.shape);
  return keysAt(inner.shape[first as string] as z.core.$ZodType, rest);
}
