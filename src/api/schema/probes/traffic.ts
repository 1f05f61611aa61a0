/** Probes that read the metrics of the mesh. */
import { z } from 'zod';
import { duration } from '../field.ts';

export const plaintextTraffic = z.strictObject({
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

export const trafficDrop = z.strictObject({
  window: duration('5m', ['1s', '720h'], 'Span that is compared; shorter while the change is younger.'),
  maxPercent: z
    .int32()
    .min(1)
    .max(100)
    .default(50)
    .describe('Drop against the baseline, in percent, that is still healthy.'),
  minRequests: z.int32().min(1).max(1_000_000_000).default(20).describe('A baseline below this is no evidence.'),
});

const refusals = {
  window: duration('2m', ['1s', '720h'], 'How far a look goes back, never beyond the change.'),
  maxConnections: z
    .int32()
    .min(0)
    .max(1_000_000_000)
    .default(0)
    .describe('So many refused connections in the window are still healthy.'),
};

export const refusedConnections = z.strictObject(refusals);

export const ambientDenials = z.strictObject(refusals);

export const clientErrors = z.strictObject({
  window: duration('2m', ['1s', '720h'], 'How far a look goes back, never beyond the change.'),
  maxPercent: z
    .int32()
    .min(0)
    .max(100)
    .default(1)
    .describe('Share of failed calls, in percent above that of before the change, that is still healthy.'),
  minRequests: z
    .int32()
    .min(0)
    .max(1_000_000_000)
    .default(20)
    .describe('Fewer requests and connections of mesh clients than this in the window are no evidence.'),
});

export const controlPlane = z.strictObject({
  window: duration('5m', ['1s', '720h'], 'How far a look goes back, never beyond the change.'),
  maxConvergence: duration(
    '10s',
    ['100ms', '30s'],
    'Time within which 99 of 100 proxies must have what istiod sends them.',
  ),
});
