/** The small fields that the parts of the spec are made of. */
import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from '../duration.ts';
import { ruled } from './rule.ts';

/** A duration with a default, between two durations that are themselves allowed. */
export function duration(fallback: string, bounds: readonly [string, string], description: string) {
  return durationBetween(bounds).default(fallback).describe(description);
}

/** A duration that may be left out. */
export function optionalDuration(bounds: readonly [string, string], description: string) {
  return durationBetween(bounds).optional().describe(description);
}

function durationBetween([least, most]: readonly [string, string]) {
  return ruled(z.string().max(24), {
    cel: `self.matches('${DURATION_PATTERN.source}') && duration(self) >= duration('${least}') && duration(self) <= duration('${most}')`,
    holds: value => {
      if (!DURATION_PATTERN.test(value)) return false;
      const ms = parseDuration(value);
      return ms >= parseDuration(least) && ms <= parseDuration(most);
    },
    message: `must be a duration such as 30s, 10m or 1h30m, from ${least} to ${most}`,
  });
}

/** Longest wait that anything in a rollout may have. */
export const YEAR = '8760h';

/** Name of a namespace, a scope, a wave or a probe. */
export const dnsLabel = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a lower-case DNS label: letters, digits and "-"');

export const containerPort = z.int32().min(1).max(65535);

export const containerPorts = z.array(containerPort).min(1).max(64).optional();

/** A day that the calendar has, as `2027-03-31`. */
export function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
