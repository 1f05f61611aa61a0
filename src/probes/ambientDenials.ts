/**
 * Plaintext connections that ztunnel denied since STRICT. It counts them in its default metrics, by source and target:
 * in an ambient scope this is the trace that a refused client leaves, where a sidecar would leave none.
 */
import type { ProbeSpec } from '../api/schema.ts';
import { observe, noPods } from './observation.ts';
import type { Probe, Sight } from './probe.ts';
import { readDenials } from './refusals.ts';
import { findRefusals } from './refusedConnections.ts';
import { podsOfScopes } from './scopePods.ts';

export type DenialOptions = NonNullable<ProbeSpec['ambientDenials']>;

export function ambientDenials(name: string, options: DenialOptions, sight: Sight): Probe {
  return {
    name,
    rounds: ['Soak'],
    observe: look =>
      observe(name, look, async () => {
        const scopes = (await podsOfScopes(look)).filter(({ governed }) =>
          governed.some(({ mesh }) => mesh === 'Ambient'),
        );
        return scopes.length === 0 ? NO_ZTUNNEL : findRefusals(look, scopes, options, sight, readDenials);
      }),
  };
}

const NO_ZTUNNEL = noPods('no pods behind ztunnel in scope: it denies nothing here');
