/** The ways of looking at the running mesh. */
import { z } from 'zod';
import { containerPort, dnsLabel, duration } from './field.ts';
import { look } from './look.ts';
import { exactlyOne, keyedByName, ruled } from './rule.ts';

const plaintextTraffic = z.strictObject({
  window: duration(
    '24h',
    ['1s', '720h'],
    'How far entry evidence looks back. A look at a change never goes back beyond the change.',
  ),
  minRequests: z
    .int32()
    .min(0)
    .max(1_000_000_000)
    .default(100)
    .describe('Fewer requests and connections than this in the window are no evidence.'),
  source: z
    .enum(['Metrics', 'Shadow'])
    .default('Metrics')
    .describe('Metrics of the mesh, or counters of a dry-run AuthorizationPolicy.'),
});

const enforcement = z.strictObject({
  samples: z.int32().min(1).max(1000).default(20).describe('Pods of a scope that are asked at the most.'),
});

const trafficDrop = z.strictObject({
  window: duration('5m', ['1s', '720h'], 'Span that is compared; shorter while the change is younger.'),
  maxPercent: z
    .int32()
    .min(1)
    .max(100)
    .default(50)
    .describe('Drop against the baseline, in percent, that is still healthy.'),
  minRequests: z.int32().min(1).max(1_000_000_000).default(20).describe('A baseline below this is no evidence.'),
});

const refusedConnections = z.strictObject({
  window: duration('2m', ['1s', '720h'], 'How far a look goes back, never beyond the change.'),
  maxConnections: z
    .int32()
    .min(0)
    .max(1_000_000_000)
    .default(0)
    .describe('So many refused connections in the window are still healthy.'),
});

const clientErrors = z.strictObject({
  window: duration('2m', ['1s', '720h'], 'How far a look goes back.'),
  maxPercent: z.int32().min(0).max(100).default(1).describe('Share of errors, in percent, that is still healthy.'),
});

const http = z.strictObject({
  service: dnsLabel.describe('Name of the Service.'),
  port: containerPort.describe('Port of the Service.'),
  path: z.string().min(1).max(1024).regex(/^\//, 'must begin with "/"').describe('Path of the request.'),
});

const KINDS = [
  'plaintextTraffic',
  'enforcement',
  'workloadReadiness',
  'trafficDrop',
  'refusedConnections',
  'clientErrors',
  'http',
] as const;

/** Kinds that have nothing to look at before STRICT. */
const JUDGE_A_CHANGE = ['enforcement', 'workloadReadiness', 'trafficDrop', 'refusedConnections'] as const;

const probe = ruled(
  z.strictObject({
    name: dnsLabel.describe('Name of the probe in status and events.'),
    ...look,
    plaintextTraffic: plaintextTraffic
      .optional()
      .describe('Requests and connections that reached the scope without mutual TLS.'),
    enforcement: enforcement.optional().describe('What every port of the scope answers to a stranger: STRICT or not.'),
    workloadReadiness: z
      .strictObject({})
      .optional()
      .describe('Pods of the scope against the moment before the step: readiness and restarts.'),
    trafficDrop: trafficDrop
      .optional()
      .describe('Requests and connections that reach the scope, against their own baseline right before STRICT.'),
    refusedConnections: refusedConnections
      .optional()
      .describe('Plaintext connections that STRICT refused, as the proxies of the scope count them.'),
    clientErrors: clientErrors.optional().describe('Errors that mesh clients of the scope see.'),
    http: http.optional().describe('A request to a Service of the namespace of this object.'),
  }),
  exactlyOne(KINDS, 'say how to look'),
  {
    cel: `!has(self.when) || !(self.when in ['Entry', 'Both']) || !(${JUDGE_A_CHANGE.map(kind => `has(self.${kind})`).join(' || ')})`,
    holds: spec =>
      !['Entry', 'Both'].includes(spec.when ?? '') || !JUDGE_A_CHANGE.some(kind => spec[kind] !== undefined),
    message: `${JUDGE_A_CHANGE.join(', ')} judge a change: when must be Soak or Guard`,
  },
);

export const probes = keyedByName(z.array(probe).max(32), 'probes')
  .default([])
  .describe(
    'Ways of looking at the running mesh. None: plaintextTraffic, enforcement, workloadReadiness and trafficDrop with their defaults.',
  );
