/**
 * The spec of a MtlsRollout: the one source of its types, defaults, validation, CRD and reference page.
 * Each part is in `schema/`; a rule stands beside its field, once for the API server and once for this program.
 */
import { z } from 'zod';
import { analysis, rollback } from './schema/analysis.ts';
import { probes } from './schema/probe.ts';
import { ruled } from './schema/rule.ts';
import { approvals, dependsOn, schedule } from './schema/schedule.ts';
import type { labelSelector } from './schema/selector.ts';
import { strategy } from './schema/strategy.ts';
import { exceptions, target } from './schema/target.ts';

const hazardCode = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Z][A-Za-z0-9]*$/, 'must be a hazard code such as UnmeshedWorkload');

/** Everything an author can say. */
export const specSchema = ruled(
  z.strictObject({
    mode: z
      .enum(['Plan', 'Enforce', 'Revert'])
      .default('Enforce')
      .describe('Plan: compute and report, write nothing. Enforce: move. Revert: walk back to the originals.'),
    suspend: z.boolean().default(false).describe('Hold everything but an ongoing rollback.'),
    target,
    exceptions,
    strategy,
    schedule,
    dependsOn,
    probes,
    analysis,
    rollback,
    destinationRules: z
      .enum(['Auto', 'Always', 'Never'])
      .default('Auto')
      .describe(
        'When DestinationRules are written that tell clients to use mutual TLS: where it takes one, for every Service, or not at all.',
      ),
    adopt: z
      .enum(['Unmanaged', 'Always', 'Never'])
      .default('Unmanaged')
      .describe(
        'Which existing policies and DestinationRules of others may be patched: those that no GitOps tool, Helm or controller manages, all, or none.',
      ),
    drift: z
      .enum(['Report', 'Correct'])
      .default('Report')
      .describe('What happens when somebody else changes what the rollout had set.'),
    deletionPolicy: z
      .enum(['Keep', 'Restore'])
      .default('Keep')
      .describe('What becomes of the policies when this object is deleted.'),
    preflight: z
      .strictObject({
        accept: z.array(hazardCode).max(64).default([]).describe('Codes of hazards that the author takes on.'),
      })
      .prefault({})
      .describe('Hazards that are known and accepted.'),
    approvals,
  }),
  {
    cel: "self.strategy.unit != 'Workload' || !has(self.target.mesh)",
    holds: ({ strategy: { unit }, target: { mesh } }) => unit !== 'Workload' || mesh === undefined,
    message: 'strategy.unit Workload does not go with target.mesh: name the namespaces in target.namespaces instead',
  },
).describe('What the author wants.');

/** A spec with all defaults filled in. */
export type Spec = z.output<typeof specSchema>;
/** A spec as an author writes it. */
export type SpecInput = z.input<typeof specSchema>;
export type Wave = Spec['strategy']['waves'][number];
export type LabelSelector = z.output<typeof labelSelector>;
export type ProbeSpec = Spec['probes'][number];
