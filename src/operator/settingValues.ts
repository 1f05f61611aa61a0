/** The small values that settings are made of, one for each kind. A rule says what is allowed and never repeats a value. */
import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from '../api/duration.ts';

/** A written duration within bounds; the setting is in milliseconds. */
export function duration(fallback: string, least: string, most: string) {
  const rule = `must be a duration from ${least} to ${most}, such as ${fallback}`;
  return z
    .string(rule)
    .regex(DURATION_PATTERN, { error: rule, abort: true })
    .default(fallback)
    .transform(parseDuration)
    .refine(ms => ms >= parseDuration(least) && ms <= parseDuration(most), rule);
}

const FILE = 'must be the path of a file';
export const file = z.string(FILE).min(1, FILE);

const LABEL = 'must be a lower-case DNS label of at most 63 characters: letters, digits and "-"';
export const label = z.string(LABEL).regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, LABEL);

export function isHttpAddress(text: string): boolean {
  return /^https?:$/.test(URL.parse(text)?.protocol ?? '');
}

/** How an HTTP API that the configuration names is spoken to. */
export const access = {
  /** Read anew for every request, so that a rotated token needs no restart. */
  bearerTokenFile: file.optional(),
  /** PEM bundle that replaces the system's certificate authorities. */
  caFile: file.optional(),
};

/** None unless given. A name stands for one of the list. */
export function named<T extends z.ZodType<{ name: string }>>(element: T, most: number, what: string) {
  const rule = `must be a list of at most ${most} ${what}`;
  return z
    .array(element, rule)
    .max(most, rule)
    .refine(list => new Set(list.map(({ name }) => name)).size === list.length, 'must have different names')
    .default([]);
}
