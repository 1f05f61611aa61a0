/** The receivers that the configuration of the operator names for `webhook` probes: no rollout names an address. */
import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from '../api/duration.ts';

const NAME = 'must be a lower-case DNS label of at most 63 characters: letters, digits and "-"';
const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const URL_RULE =
  'must be an http or https address without user, password or fragment; a token belongs in bearerTokenFile';
const FILE = 'must be the path of a file';
const NAMESPACES = 'must be a list of at most 1000 namespaces, or ["*"] for all';
const TIMEOUT = 'must be a duration from 100ms to 2m, such as 10s';
const LIST = 'must be a list of at most 64 receivers';

function isReceiver(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.hash === '';
}

const file = z.string(FILE).min(1, FILE);

const webhook = z.strictObject({
  name: z.string(NAME).regex(LABEL, NAME),
  url: z.string(URL_RULE).refine(isReceiver, URL_RULE),
  /** Read anew for every request, so that a rotated token needs no restart. */
  bearerTokenFile: file.optional(),
  /** PEM bundle that replaces the system's certificate authorities. */
  caFile: file.optional(),
  timeout: z
    .string(TIMEOUT)
    .regex(DURATION_PATTERN, { error: TIMEOUT, abort: true })
    .default('10s')
    .transform(parseDuration)
    .refine(ms => ms >= 100 && ms <= 120_000, TIMEOUT),
  /** Whose rollouts may call it, beside those of the mesh root namespace. */
  namespaces: z
    .array(z.union([z.literal('*'), z.string(NAME).regex(LABEL, NAME)], NAMESPACES), NAMESPACES)
    .max(1000, NAMESPACES)
    .default([]),
});

/** Looked up by name, so a name stands for one receiver. */
export const webhooks = z
  .array(webhook, LIST)
  .max(64, LIST)
  .refine(list => new Set(list.map(({ name }) => name)).size === list.length, 'must have different names')
  .default([]);
