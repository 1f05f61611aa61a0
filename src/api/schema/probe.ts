/** The ways of looking at the running mesh. */
import { z } from 'zod';
import { dnsLabel } from './field.ts';
import { look } from './look.ts';
import { kinds, PROBE_KINDS, PURPOSE } from './probes/kinds.ts';
import { exactlyOne, keyedByName, ruled } from './rule.ts';

/** Kinds that have nothing to look at before STRICT. */
const JUDGE_A_CHANGE = PROBE_KINDS.filter(kind => PURPOSE[kind] === 'Change');

const probe = ruled(
  z.strictObject({
    name: dnsLabel.describe('Name of the probe in status and events.'),
    ...look,
    ...kinds,
  }),
  exactlyOne(PROBE_KINDS, 'say how to look'),
  {
    cel: `!has(self.when) || !(self.when in ['Entry', 'Both']) || !(${JUDGE_A_CHANGE.map(kind => `has(self.${kind})`).join(' || ')})`,
    holds: spec =>
      !['Entry', 'Both'].includes(spec.when ?? '') || !JUDGE_A_CHANGE.some(kind => spec[kind] !== undefined),
    message: `${JUDGE_A_CHANGE.join(', ')} judge a change: when must be Soak or Guard`,
  },
  {
    cel: "!has(self.plaintextTraffic) || !has(self.plaintextTraffic.source) || self.plaintextTraffic.source != 'Shadow' || !has(self.when) || self.when == 'Entry'",
    holds: ({ plaintextTraffic, when = 'Entry' }) => plaintextTraffic?.source !== 'Shadow' || when === 'Entry',
    message: 'plaintextTraffic with source Shadow counts what comes before STRICT: when must be Entry',
  },
);

export const probes = keyedByName(z.array(probe).max(32), 'probes')
  .default([])
  .describe(
    'Ways of looking at the running mesh. None: plaintextTraffic, enforcement, workloadReadiness, trafficDrop and ambientDenials with their defaults.',
  );
