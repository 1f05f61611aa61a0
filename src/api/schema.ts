/**
 * The spec of a MtlsRollout: the one source of its types, defaults, validation, CRD and reference page.
 * What CEL can check stands beside the field as `x-kubernetes-validations`; `superRefine` in `validate.ts`
 * repeats it for objects that never met an API server.
 */
import { z } from 'zod';
import { DURATION_PATTERN } from './duration.ts';

const cel = (rule: string, message: string) => ({ rule, message });
const rules = (...validations: { rule: string; message: string }[]) => ({ 'x-kubernetes-validations': validations });

const duration = (fallback: string, description: string) =>
  z
    .string()
    .max(24)
    .regex(DURATION_PATTERN, 'must be a duration such as 30s, 10m or 1h30m')
    .default(fallback)
    .describe(description);

const dnsLabel = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a lower-case DNS label: letters, digits and "-"');
const containerPort = z.int32().min(1).max(65535);

const matchLabels = z
  .record(z.string().min(1).max(317), z.string().max(63))
  .describe('Labels that must all be there with these values.');

/** Namespaces and waves: the operator itself evaluates these, so set-based requirements are possible. */
export const labelSelector = z
  .strictObject({
    matchLabels: matchLabels.optional(),
    matchExpressions: z
      .array(
        z.strictObject({
          key: z.string().min(1).max(317),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.array(z.string().max(63)).max(64).optional(),
        }),
      )
      .max(16)
      .optional()
      .describe('Set-based requirements, as in every Kubernetes label selector.'),
  })
  .describe('A label selector. An empty one matches everything.');

/** Workloads: Istio evaluates these, and Istio knows only `matchLabels`. */
export const workloadSelector = z
  .strictObject({ matchLabels })
  .meta(
    rules(cel('size(self.matchLabels) > 0', 'matchLabels must not be empty: use target.namespace for every workload')),
  )
  .describe('Labels of the pods, as Istio matches them.');

const target = z
  .strictObject({
    namespaces: z
      .strictObject({
        names: z.array(dnsLabel).min(1).max(2000).optional().describe('Namespaces by name.'),
        selector: labelSelector.optional().describe('Namespaces by label; those that appear later join.'),
      })
      .meta(rules(cel('has(self.names) || has(self.selector)', 'give names, a selector or both')))
      .optional()
      .describe('Many namespaces. Only for a rollout in the mesh root namespace.'),
    mesh: z
      .strictObject({})
      .optional()
      .describe('Every namespace, and at the end the mesh-wide policy. Only for a rollout in the mesh root namespace.'),
    namespace: z.strictObject({}).optional().describe('The whole namespace of this object.'),
    workloads: z
      .array(
        z.strictObject({
          name: dnsLabel.describe('Name of the scope; the policy is named after it.'),
          selector: workloadSelector,
          ports: z
            .array(containerPort)
            .min(1)
            .max(64)
            .optional()
            .describe('Container ports to move. None: the whole workload.'),
        }),
      )
      .min(1)
      .max(256)
      .meta(rules(cel('self.all(a, self.exists_one(b, b.name == a.name))', 'names of workloads must be unique')))
      .optional()
      .describe('Chosen workloads of the namespace of this object.'),
  })
  .meta(
    rules(
      cel(
        '[has(self.namespaces), has(self.mesh), has(self.namespace), has(self.workloads)].filter(x, x).size() == 1',
        'give exactly one of namespaces, mesh, namespace, workloads',
      ),
    ),
  )
  .describe('What to move to STRICT: exactly one of the members.');

const exception = z.strictObject({
  name: dnsLabel,
  namespace: dnsLabel
    .optional()
    .describe('Only in the mesh root namespace; elsewhere always the namespace of the object.'),
  selector: workloadSelector,
  ports: z.array(containerPort).min(1).max(64).optional().describe('Container ports. None: the whole workload.'),
  reason: z.string().min(1).max(1024).describe('Why the workload cannot move yet.'),
  until: z
    .string()
    .max(10)
    .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/, 'must be a date such as 2027-03-31')
    .describe('Last day of the exception.'),
});

const wave = z
  .strictObject({
    name: dnsLabel,
    names: z
      .array(dnsLabel)
      .min(1)
      .max(1000)
      .optional()
      .describe('Scopes by name, in this order: namespaces, or workloads where those are the unit.'),
    selector: labelSelector.optional().describe('Scopes by the labels of the namespace (or of the workload).'),
    maxConcurrent: z
      .union([
        z.int32().min(1).max(500),
        z
          .string()
          .max(4)
          .regex(/^([1-9][0-9]?|100)%$/, 'must be a percentage such as 25%'),
      ])
      .default(1)
      .meta(
        rules(
          cel(
            "type(self) == int ? self >= 1 && self <= 500 : self.matches('^([1-9][0-9]?|100)%$')",
            'must be a whole number from 1 to 500 or a percentage such as "25%"',
          ),
        ),
      )
      .describe(
        'Scopes that move together in one step: a number, or a percentage of the wave rounded up (500 at most).',
      ),
    soak: duration('10m', 'How long a step must stay healthy in STRICT before the next begins.'),
    approval: z
      .enum(['NotRequired', 'Required'])
      .default('NotRequired')
      .describe('Whether somebody must approve the wave first.'),
  })
  .meta(
    rules(
      cel('has(self.names) || has(self.selector)', 'give names, a selector or both'),
      cel("self.name != 'rest'", 'the name "rest" is kept for the scopes that match no wave'),
    ),
  );

const strategy = z
  .strictObject({
    unit: z.enum(['Namespace', 'Workload']).default('Namespace').describe('Size of the scopes of a step.'),
    waves: z
      .array(wave)
      .max(64)
      .meta(rules(cel('self.all(a, self.exists_one(b, b.name == a.name))', 'names of waves must be unique')))
      .default([])
      .describe('Groups of scopes, in order. Scopes that match none form a last wave "rest": nothing is left out.'),
    consolidate: z
      .boolean()
      .default(false)
      .describe('Whether one policy for the whole target replaces the many at the end.'),
  })
  .prefault({})
  .describe('In which order and how fast.');

const clockTime = z
  .string()
  .max(5)
  .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, 'must be a time such as 09:00');

const schedule = z
  .strictObject({
    startAt: z
      .string()
      .max(35)
      .regex(
        /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$/,
        'must be a time such as 2026-12-01T08:00:00Z',
      )
      .optional()
      .describe('Nothing tightens before this time.'),
    timeZone: z.string().min(1).max(64).default('UTC').describe('IANA time zone of the windows.'),
    windows: z
      .array(
        z.strictObject({
          kind: z.enum(['Allow', 'Deny']),
          days: z
            .array(z.enum(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']))
            .min(1)
            .max(7)
            .optional(),
          from: clockTime.optional(),
          to: clockTime.optional(),
          dates: z
            .string()
            .max(21)
            .regex(
              /^[0-9]{4}-[0-9]{2}-[0-9]{2}(\/[0-9]{4}-[0-9]{2}-[0-9]{2})?$/,
              'must be a date or a range such as 2026-12-20/2027-01-04',
            )
            .optional(),
          reason: z.string().max(256).optional(),
        }),
      )
      .max(64)
      .default([])
      .describe('Deny wins; no Allow means always allowed; a rollback is never held up.'),
  })
  .optional()
  .describe('When steps may begin.');

const probe = z
  .strictObject({
    name: dnsLabel,
    plaintextTraffic: z
      .strictObject({
        window: duration(
          '24h',
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
      })
      .optional()
      .describe('Requests and connections that reached the scope without mutual TLS.'),
    enforcement: z
      .strictObject({
        samples: z.int32().min(1).max(1000).default(20).describe('Pods of a scope that are asked at the most.'),
      })
      .optional()
      .describe('What every port of the scope answers to a stranger: STRICT or not.'),
    workloadReadiness: z
      .strictObject({})
      .optional()
      .describe('Pods of the scope against the moment before the step: readiness and restarts.'),
    trafficDrop: z
      .strictObject({
        window: duration('5m', 'Span that is compared; shorter while the change is younger.'),
        maxPercent: z
          .int32()
          .min(1)
          .max(100)
          .default(50)
          .describe('Drop against the baseline, in percent, that is still healthy.'),
        minRequests: z.int32().min(1).max(1_000_000_000).default(20).describe('A baseline below this is no evidence.'),
      })
      .optional()
      .describe('Requests and connections that reach the scope, against their own baseline before the step.'),
    clientErrors: z
      .strictObject({
        window: duration('2m', 'How far a look goes back.'),
        maxPercent: z.int32().min(0).max(100).default(1),
      })
      .optional()
      .describe('Errors that mesh clients of the scope see.'),
    http: z
      .strictObject({
        service: dnsLabel,
        port: containerPort,
        path: z.string().min(1).max(1024).regex(/^\//, 'must begin with "/"'),
      })
      .optional()
      .describe('A request to a Service of the namespace of this object.'),
  })
  .meta(
    rules(
      cel(
        '[has(self.plaintextTraffic), has(self.enforcement), has(self.workloadReadiness), has(self.trafficDrop), has(self.clientErrors), has(self.http)].filter(x, x).size() == 1',
        'give exactly one kind of probe',
      ),
    ),
  );

const analysis = z
  .strictObject({
    interval: duration('30s', 'Time between two rounds of probes.'),
    successes: z.int32().min(1).max(1000).default(3).describe('Healthy rounds in a row that a step needs.'),
    failureLimit: z
      .int32()
      .min(0)
      .max(1000)
      .default(0)
      .describe('Unhealthy rounds after STRICT that are still forgiven.'),
    progressDeadline: duration(
      '6h',
      'How long a step may take. Before STRICT it then stalls and keeps looking; after STRICT it rolls back.',
    ),
  })
  .prefault({})
  .describe('How probe verdicts become decisions.');

const rollback = z
  .strictObject({
    onFailure: z.enum(['Rollback', 'Pause']).default('Rollback').describe('What a failure after STRICT leads to.'),
    extent: z.enum(['Step', 'Wave', 'All']).default('Wave').describe('How much is restored.'),
    retries: z.int32().min(0).max(100).default(0).describe('How often a rolled back rollout tries again by itself.'),
    retryAfter: duration('1h', 'Rest before such a try.'),
  })
  .prefault({})
  .describe('What happens when a step fails.');

/** Everything an author can say. */
export const specSchema = z
  .strictObject({
    mode: z
      .enum(['Plan', 'Enforce', 'Revert'])
      .default('Enforce')
      .describe('Plan: compute and report, write nothing. Enforce: move. Revert: walk back to the originals.'),
    suspend: z.boolean().default(false).describe('Hold everything but an ongoing rollback.'),
    target,
    exceptions: z
      .array(exception)
      .max(256)
      .default([])
      .describe('Ports or workloads that stay PERMISSIVE, with a reason and an end date.'),
    strategy,
    schedule,
    probes: z
      .array(probe)
      .max(32)
      .meta(rules(cel('self.all(a, self.exists_one(b, b.name == a.name))', 'names of probes must be unique')))
      .default([])
      .describe(
        'Ways of looking at the running mesh. None: plaintextTraffic, enforcement, workloadReadiness and trafficDrop with their defaults.',
      ),
    analysis,
    rollback,
    destinationRules: z
      .enum(['Auto', 'Always', 'Never'])
      .default('Auto')
      .describe('When DestinationRule objects are generated.'),
    adopt: z
      .enum(['Unmanaged', 'Always', 'Never'])
      .default('Unmanaged')
      .describe(
        'Which existing policies of others may be patched: those that no GitOps tool, Helm or controller manages, all, or none.',
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
        accept: z
          .array(
            z
              .string()
              .min(1)
              .max(64)
              .regex(/^[A-Z][A-Za-z0-9]*$/, 'must be a hazard code such as UnmeshedWorkload'),
          )
          .max(64)
          .default([])
          .describe('Codes of hazards that the author takes on.'),
      })
      .prefault({})
      .describe('Hazards that are known and accepted.'),
    approvals: z
      .array(
        z.strictObject({
          wave: dnsLabel,
          plan: z
            .string()
            .max(16)
            .regex(/^[0-9a-f]{8,16}$/, 'must be the plan hash of the wave'),
          by: z.string().min(1).max(256),
        }),
      )
      .max(64)
      .default([])
      .describe('Approvals of waves, by the hash of their plan.'),
  })
  .meta(
    rules(
      cel(
        "!has(self.strategy) || !has(self.strategy.unit) || self.strategy.unit != 'Workload' || !has(self.target.mesh)",
        'strategy.unit Workload does not go with target.mesh: name namespaces instead',
      ),
    ),
  );

/** A spec with all defaults filled in. */
export type Spec = z.output<typeof specSchema>;
/** A spec as an author writes it. */
export type SpecInput = z.input<typeof specSchema>;
export type Target = Spec['target'];
export type Wave = Spec['strategy']['waves'][number];
export type LabelSelector = z.output<typeof labelSelector>;
export type ProbeSpec = Spec['probes'][number];
