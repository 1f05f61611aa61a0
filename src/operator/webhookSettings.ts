/** The receivers that the configuration of the operator names for `webhook` probes: no rollout names an address. */
import { z } from 'zod';
import { access, duration, isHttpAddress, label, named } from './settingValues.ts';

const ADDRESS =
  'must be an http or https address without user, password or fragment; a token belongs in bearerTokenFile';
const NAMESPACES = 'must be a list of at most 1000 namespaces, or ["*"] for all';

function isReceiver(text: string): boolean {
  if (!isHttpAddress(text)) return false;
  const { username, password, hash } = new URL(text);
  return username + password + hash === '';
}

const webhook = z.strictObject({
  name: label,
  url: z.string(ADDRESS).refine(isReceiver, ADDRESS),
  ...access,
  timeout: duration('10s', '100ms', '2m'),
  /** Whose rollouts may call it, beside those of the mesh root namespace. */
  namespaces: z
    .array(z.union([z.literal('*'), label], NAMESPACES), NAMESPACES)
    .max(1000, NAMESPACES)
    .default([]),
});

export const webhooks = named(webhook, 64, 'receivers');
