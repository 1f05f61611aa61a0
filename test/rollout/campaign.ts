/** Random rollouts and what may happen to them: failing probes, crashes, edits, other people's writes, clocks. */
import * as fc from 'fast-check';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Verdict } from '../../src/api/status.ts';
import { type Mode, MODES } from '../../src/istio/objects.ts';
import type { RoundKind } from '../../src/rollout/world.ts';
import { type GateEvent, gateEvent, schedule } from './gateEvents.ts';

export const NAMES = ['ad', 'cart', 'pay', 'web'] as const;

export interface Setting {
  spec: SpecInput;
  home: string;
  /** Mode of the mesh-wide policy; undefined: there is none. */
  mesh: Mode | undefined;
  /** Policies of the namespaces and of their workload `db`. */
  policies: { namespace: string; mode: Mode | 'UNSET' | undefined; workload: boolean; port?: Mode }[];
  /** Whether clients speak mutual TLS of their own accord. */
  automatic: boolean;
  /** Namespaces with a Service of the same name and one of the workload `db`. */
  services: string[];
}

export type Event =
  /** Decides once, after this much of the time until the next look has passed; how far the operator comes with it. */
  | { kind: 'decide'; wait: 'none' | 'half' | 'all'; outcome: Outcome }
  | { kind: 'judge'; round: RoundKind; verdict: Verdict }
  | { kind: 'clock'; seconds: number }
  | { kind: 'edit'; change: Partial<SpecInput> }
  | { kind: 'retry' }
  | { kind: 'leader' }
  | { kind: 'obstacle'; there: boolean }
  | { kind: 'trouble'; there: boolean }
  | GateEvent
  | Foreign;

/** `lost`: neither status nor writes; a number: the status and so many writes; `race`: somebody else comes between. */
export type Outcome = 'done' | 'lost' | number | { race: Foreign };

export type Foreign =
  | { kind: 'namespacePolicy'; namespace: string; mode: Mode }
  | { kind: 'deletePolicies'; namespace: string }
  | { kind: 'meshPolicy'; mode: Mode }
  | { kind: 'workloadPolicy'; namespace: string; mode: Mode }
  | { kind: 'rule'; namespace: string; host: string; tls: 'ISTIO_MUTUAL' | 'DISABLE'; there: boolean }
  | { kind: 'deletePins'; namespace: string }
  | { kind: 'namespace'; namespace: string; there: boolean };

const name = fc.constantFrom(...NAMES);
const mode = fc.constantFrom(...MODES);

const waves = fc
  .array(
    fc.record({
      names: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }),
      maxConcurrent: fc.constantFrom(1, 2, 500, '50%'),
      soak: fc.constantFrom('0s', '5m'),
      approval: fc.constantFrom('NotRequired' as const, 'NotRequired' as const, 'Required' as const),
    }),
    { maxLength: 3 },
  )
  .map(list => list.map((wave, index) => ({ ...wave, name: `w${index}` })))
  .filter(list => new Set(list.flatMap(({ names }) => names)).size === list.flatMap(({ names }) => names).length);

const target = fc.oneof(
  { arbitrary: fc.constant({ namespaces: { selector: {} } }), weight: 3 },
  { arbitrary: fc.constant({ mesh: {} }), weight: 2 },
  { arbitrary: fc.uniqueArray(name, { minLength: 1 }).map(names => ({ namespaces: { names } })), weight: 1 },
);

const analysis = fc.record({
  successes: fc.integer({ min: 1, max: 3 }),
  failureLimit: fc.integer({ min: 0, max: 1 }),
  progressDeadline: fc.constantFrom('10m', '6h'),
});

const rollback = fc.record({
  onFailure: fc.constantFrom('Rollback' as const, 'Pause' as const),
  extent: fc.constantFrom('Step' as const, 'Wave' as const, 'All' as const),
  retries: fc.integer({ min: 0, max: 2 }),
  retryAfter: fc.constantFrom('1m', '1h'),
});

const codes = [
  'PinVoid',
  'LeavesDisable',
  'WeakerPolicy',
  'OverlappingPolicy',
  'NamespaceNotFound',
  'RuleVoid',
  'RuleWithoutProxy',
  'Conflict',
];
const accept = fc.oneof(fc.constant(codes), fc.subarray(codes));
const probes = fc.constantFrom<SpecInput['probes'][]>([], [{ name: 'plain', plaintextTraffic: {} }]);
const destinationRules = fc.constantFrom('Auto' as const, 'Auto' as const, 'Always' as const, 'Never' as const);
const shared = {
  times: schedule,
  analysis,
  rollback,
  probes,
  destinationRules,
  drift: fc.constantFrom('Report' as const, 'Correct' as const),
  preflight: accept.map(taken => ({ accept: taken })),
};

const meshSpec = fc
  .record({
    ...shared,
    target,
    waves,
    unit: fc.constantFrom('Namespace' as const, 'Workload' as const),
    consolidate: fc.boolean(),
  })
  .map(
    ({ waves: list, unit, consolidate, times, ...spec }): SpecInput => ({
      ...spec,
      ...times,
      strategy: { waves: list, unit: 'mesh' in spec.target ? 'Namespace' : unit, consolidate },
    }),
  );

const ownSpec = fc.record({ ...shared, ports: fc.subarray([80, 90]) }).map(
  ({ ports, times, ...spec }): SpecInput => ({
    ...spec,
    ...times,
    target: {
      workloads: [{ name: 'db', selector: { matchLabels: { app: 'db' } }, ...(ports.length > 0 ? { ports } : {}) }],
    },
  }),
);

export const setting: fc.Arbitrary<Setting> = fc
  .record({
    place: fc.oneof(
      { arbitrary: meshSpec.map(spec => ({ spec, home: 'istio-system' })), weight: 3 },
      { arbitrary: ownSpec.map(spec => ({ spec, home: 'cart' })), weight: 1 },
    ),
    mesh: fc.option(mode, { nil: undefined, freq: 2 }),
    automatic: fc.constantFrom(true, true, false),
    services: fc.subarray([...NAMES]),
    policies: fc.uniqueArray(
      fc.record(
        {
          namespace: name,
          mode: fc.constantFrom(undefined, 'UNSET' as const, ...MODES),
          workload: fc.boolean(),
          port: mode,
        },
        { requiredKeys: ['namespace', 'mode', 'workload'] },
      ),
      { selector: ({ namespace, workload }) => `${namespace} ${workload}`, maxLength: 5 },
    ),
  })
  .map(({ place, ...rest }) => ({ ...place, ...rest }));

const foreign: fc.Arbitrary<Foreign> = fc.oneof(
  fc.record({ kind: fc.constant('namespacePolicy' as const), namespace: name, mode }),
  fc.record({ kind: fc.constant('deletePolicies' as const), namespace: name }),
  fc.record({ kind: fc.constant('meshPolicy' as const), mode }),
  fc.record({ kind: fc.constant('workloadPolicy' as const), namespace: name, mode }),
  fc.record({ kind: fc.constant('namespace' as const), namespace: name, there: fc.boolean() }),
  fc.record({
    kind: fc.constant('rule' as const),
    namespace: name,
    host: fc.constantFrom('*', ...NAMES),
    tls: fc.constantFrom('ISTIO_MUTUAL' as const, 'DISABLE' as const),
    there: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('deletePins' as const), namespace: name }),
);

function outcome(races: boolean): fc.Arbitrary<Outcome> {
  return fc.oneof(
    { arbitrary: fc.constant<Outcome>('done'), weight: 12 },
    { arbitrary: fc.constant<Outcome>('lost'), weight: 2 },
    { arbitrary: fc.integer({ min: 0, max: 2 }), weight: 3 },
    { arbitrary: foreign.map(race => ({ race })), weight: races ? 1 : 0 },
  );
}

const change: fc.Arbitrary<Partial<SpecInput>> = fc.oneof(
  fc.constantFrom(true, false, false).map(suspend => ({ suspend })),
  fc.constantFrom('Plan' as const, 'Enforce' as const, 'Enforce' as const, 'Revert' as const).map(to => ({ mode: to })),
  analysis.map(to => ({ analysis: to })),
  rollback.map(to => ({ rollback: to })),
  accept.map(taken => ({ preflight: { accept: taken } })),
);

/** What happens to a rollout, with or without the hands of others. */
export function events(others: boolean): fc.Arbitrary<Event[]> {
  const decides = fc.record({
    kind: fc.constant('decide' as const),
    wait: fc.constantFrom('none' as const, 'half' as const, 'all' as const, 'all' as const),
    outcome: outcome(others),
  });
  const event: fc.Arbitrary<Event> = fc.oneof(
    { arbitrary: decides, weight: 24 },
    {
      arbitrary: fc.record({
        kind: fc.constant('judge' as const),
        round: fc.constantFrom('Entry' as const, 'Enforcement' as const, 'Soak' as const, 'Guard' as const),
        verdict: fc.constantFrom(
          'Healthy' as const,
          'Healthy' as const,
          'Unhealthy' as const,
          'NoData' as const,
          'Error' as const,
        ),
      }),
      weight: 4,
    },
    {
      arbitrary: fc.record({
        kind: fc.constant('clock' as const),
        seconds: fc.integer({ min: -100_000, max: 100_000 }),
      }),
      weight: 1,
    },
    { arbitrary: fc.record({ kind: fc.constant('edit' as const), change }), weight: 3 },
    { arbitrary: fc.constant<Event>({ kind: 'retry' }), weight: 1 },
    { arbitrary: fc.constant<Event>({ kind: 'leader' }), weight: 1 },
    {
      arbitrary: fc.record({ kind: fc.constant('obstacle' as const), there: fc.constantFrom(true, false, false) }),
      weight: 1,
    },
    {
      arbitrary: fc.record({ kind: fc.constant('trouble' as const), there: fc.constantFrom(true, false, false) }),
      weight: 1,
    },
    { arbitrary: gateEvent, weight: 5 },
    { arbitrary: foreign, weight: others ? 3 : 0 },
  );
  return fc.array(event, { minLength: 10, maxLength: 80, size: 'max' });
}
