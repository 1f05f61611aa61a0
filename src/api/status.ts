/** The status of a MtlsRollout: bounded whatever the size of the target, and enough to go on after a crash. */
import { z } from 'zod';
import { count, hash, sentence, time, waiting } from './statusFields.ts';

const VERDICTS = ['Healthy', 'Unhealthy', 'NoData', 'Error'] as const;
const STAGES = [
  'Pending',
  'Preparing',
  'Observing',
  'Enforcing',
  'Soaking',
  'Consolidating',
  'Done',
  'RollingBack',
  'RolledBack',
] as const;
export const PHASES = [
  'Pending',
  'Planned',
  'Preparing',
  'Observing',
  'Enforcing',
  'Soaking',
  'Consolidating',
  'RollingBack',
  'RolledBack',
  'Reverted',
  'Suspended',
  'Paused',
  'Completed',
  'Refused',
] as const;

/** The step that runs. `changedAt` is the time STRICT was first written; absent before. */
const step = z.object({
  index: count.describe('Number of the step, from 1.'),
  of: count,
  wave: z.string().max(63),
  stage: z.enum(STAGES),
  scopes: z.array(z.string().max(127)).max(500).describe('What moves in this step: namespace, or namespace/workload.'),
  since: time.describe('Begin of the stage.'),
  startedAt: time.describe('Begin of the step.'),
  changedAt: time
    .optional()
    .describe('When STRICT was first written; in Consolidating, when the policy was seen to be gone.'),
  pinsAt: time
    .optional()
    .describe('When pins were last written or removed, or PERMISSIVE set with them, for a step that leaves DISABLE.'),
  shadowsAt: time.optional().describe('When the policies that count plaintext were announced, written or not yet.'),
  rulesAt: time.optional().describe('When DestinationRules for its clients were last written.'),
  heldSince: time.optional().describe('Since when a gate holds the step: a time window, an approval, another rollout.'),
  resumedAt: time.optional().describe('When a gate let the step go on; its time counts from there.'),
  healthyRounds: count,
  failures: count,
  lastRoundAt: time.optional(),
});

const observation = z.object({
  name: z.string().max(63),
  verdict: z.enum(VERDICTS),
  value: z.string().max(128),
  samples: z.number().min(0).describe('Size of the sample behind the value.'),
  message: sentence,
  at: time,
  row: count.optional().describe('Healthy looks in a row.'),
  failures: count.optional().describe('Unhealthy looks since the stage began.'),
  silent: count.optional().describe('Looks in a row without data.'),
  errors: count.optional().describe('Looks in a row that could not be made.'),
  dryRun: z.boolean().optional().describe('Decides nothing.'),
});

const hazard = z.object({
  code: z.string().max(64),
  severity: z.enum(['Block', 'Warn', 'Info']),
  scope: z.string().max(127).optional(),
  object: z.string().max(400),
  message: sentence,
  fix: sentence.optional(),
  accepted: z.boolean().optional(),
});

/** How far the way back is: what is still to restore is told by the marks on the objects, so a crash repeats nothing. */
const rollback = z.object({
  cause: z.enum(['Failure', 'Revert', 'Deletion']).optional().describe('Absent: Failure.'),
  reason: sentence,
  wave: z.string().max(63).optional(),
  step: count.optional(),
  extent: z.enum(['Step', 'Wave', 'All']),
  scopes: z.array(z.string().max(127)).max(500).describe('Scopes of the step that failed.'),
  at: time,
  restored: count.optional().describe('Policies that are as they were before.'),
  total: count.optional().describe('Policies to restore when it began.'),
  kept: z
    .array(z.string().max(400))
    .max(10)
    .optional()
    .describe('Restored policies in which a mode of somebody else was left alone.'),
  asked: z
    .array(z.string().max(127))
    .max(16)
    .optional()
    .describe('Scopes that were STRICT, whose ports are asked afterwards whether they are not any more.'),
  restoredAt: time.optional().describe('When every original was read back.'),
  looked: z
    .object({ at: time, verdict: z.enum(VERDICTS), message: sentence })
    .optional()
    .describe('What the ports showed last.'),
  provenAt: time.optional().describe('When the ports were seen to be no longer STRICT, or nothing had been.'),
  unproven: sentence.optional().describe('Why that was not seen; the policies are restored all the same.'),
  finishedAt: time.optional(),
  attempt: count.describe('How many times this generation was rolled back.'),
  retryAt: time.optional(),
  generation: count.describe('Generation of the spec that failed.'),
});

const approved = z.object({
  plan: hash,
  by: z.string().max(256),
  at: time.describe('When the operator first saw the approval.'),
  total: count.describe('How many scopes the wave had.'),
  scopes: z.array(z.string().max(127)).max(500).describe('Which ones; empty where there is no room for them.'),
});

/** Absent `since`: it has moved again, and is remembered only for what was written lately. */
const drift = z.object({
  scope: z.string().max(127),
  since: time.optional().describe('Since when it is weaker than the rollout had set it; absent once it is not.'),
  writes: z.array(time).max(3).describe('When policies of it were written to correct that, the newest ones.'),
  asked: z.boolean().optional().describe('Somebody asked for it to be moved again.'),
});

const guard = z.object({
  since: time.describe('Since when everything is done.'),
  looks: z
    .array(
      z.object({
        probe: z.string().max(63).describe('Name of the probe; empty for the default set.'),
        at: time.describe('When it looked last.'),
        scope: z.string().max(127).describe('The last scope that it looked at; the next look begins behind it.'),
      }),
    )
    .max(32),
  findings: z
    .array(
      z.object({
        probe: z.string().max(63),
        scopes: z.array(z.string().max(127)).max(20).describe('What was looked at.'),
        message: sentence,
        since: time,
      }),
    )
    .max(10)
    .describe('What probes object to, until a look at the same scopes is healthy.'),
  unmeshed: z
    .array(z.object({ code: z.string().max(64), object: z.string().max(400), scope: z.string().max(127) }))
    .max(20)
    .describe('Workloads without a proxy in what is done.'),
});

export const statusSchema = z.object({
  observedGeneration: z.number().int().optional(),
  phase: z.enum(PHASES).optional(),
  message: sentence.optional(),
  waiting: waiting.optional(),
  plan: hash.optional().describe('Hash of all waves.'),
  summary: z
    .object({
      step: z.string().max(32).optional(),
      strict: z.string().max(32).optional(),
      waitingOn: z.string().max(256).optional(),
      probe: z.string().max(256).optional(),
    })
    .optional()
    .describe('The columns of kubectl get.'),
  step: step.optional(),
  strict: z.object({ done: count, total: count }).optional().describe('Scopes in STRICT.'),
  waves: z
    .array(
      z.object({
        name: z.string().max(63),
        phase: z.enum(['Pending', 'Progressing', 'Done', 'RolledBack']),
        done: count,
        total: count,
        plan: hash,
        startedAt: time.optional(),
        finishedAt: time.optional(),
        approved: approved.optional().describe('What was last approved: a record, and no approval by itself.'),
      }),
    )
    .max(66)
    .optional(),
  probes: z.array(observation).max(32).optional().describe('The newest observation of each probe.'),
  hazards: z.array(hazard).max(20).optional().describe('Worst first; the full list is computed by the plugin.'),
  rollback: rollback.optional(),
  drift: z
    .array(drift)
    .max(50)
    .optional()
    .describe('Scopes that somebody else has weakened after they had moved, and what was done about it.'),
  guard: guard.optional().describe('The looks since everything is done.'),
  clientRules: count.optional().describe('DestinationRules for clients that the rollout has written.'),
  shadows: count
    .optional()
    .describe('AuthorizationPolicies in dry run that the rollout has written to count plaintext.'),
  settlingSince: time
    .optional()
    .describe('Since when every original is restored while DestinationRules for clients still stand.'),
  retried: z.string().max(256).optional().describe('Newest value of the retry annotation that was acted on.'),
  history: z
    .array(z.object({ at: time, reason: z.string().max(64), message: sentence }))
    .max(20)
    .optional()
    .describe('The newest decisions, oldest first.'),
  epoch: z.number().int().min(0).optional().describe('Term of the leader that wrote last.'),
  conditions: z
    .array(
      z.object({
        type: z.enum(['Ready', 'Reconciling', 'Stalled', 'Progressing', 'Drifted', 'ExceptionsDue', 'Unmeshed']),
        status: z.enum(['True', 'False', 'Unknown']),
        reason: z.string().min(1).max(64),
        message: sentence,
        lastTransitionTime: time,
        observedGeneration: z.number().int().optional(),
      }),
    )
    .max(8)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['type'] })
    .optional(),
});

export type Status = z.output<typeof statusSchema>;
export type Stage = (typeof STAGES)[number];
export type Phase = (typeof PHASES)[number];
export type StepStatus = z.output<typeof step>;
export type Observation = z.output<typeof observation>;
export type Verdict = Observation['verdict'];
export type Hazard = z.output<typeof hazard>;
export type Guard = z.output<typeof guard>;
export type Drift = z.output<typeof drift>;
export type RollbackStatus = z.output<typeof rollback>;
export type Approved = z.output<typeof approved>;
export type Condition = NonNullable<Status['conditions']>[number];
