/** From the probes of a spec to probes that look. */
import { kindOf, type ProbeKind } from '../api/schema/probes/kinds.ts';
import { specSchema, type ProbeSpec } from '../api/schema.ts';
import { roundsOf } from '../rollout/probeRounds.ts';
import { ambientDenials } from './ambientDenials.ts';
import { clientErrors } from './clientErrors.ts';
import { controlPlane } from './controlPlane.ts';
import { enforcement } from './enforcement.ts';
import type { NamedQuery } from './namedQuery.ts';
import { plaintextTraffic } from './plaintextTraffic.ts';
import { http } from './http.ts';
import { job } from './job.ts';
import type { Author } from './jobObject.ts';
import { kubernetesApi } from './kubernetesApi.ts';
import { prometheusQuery } from './prometheusQuery.ts';
import type { ClusterSight, LongProbe, MetricsPreset, Probe, Sight } from './probe.ts';
import { refusedConnections } from './refusedConnections.ts';
import { shadowTraffic } from './shadowTraffic.ts';
import { trafficDrop } from './trafficDrop.ts';
import { type Receiver, webhook } from './webhook.ts';
import { workloadReadiness } from './workloadReadiness.ts';

/** What the operator's configuration gives its probes to look with. */
export interface Surroundings {
  sight: Sight;
  preset: MetricsPreset;
  /** Whether Prometheus is configured. */
  metrics: boolean;
  cluster: ClusterSight;
  /** The rollout: what its probes name is in its namespace unless they say otherwise. */
  author: Author;
  /** Whether that is the mesh root namespace. */
  isRoot: boolean;
  /** What `prometheus` probes may ask. */
  queries: readonly NamedQuery[];
  /** Hash of the plan; empty where there is none yet. */
  plan: string;
  /** Whom `webhook` probes may call. */
  receivers: readonly Receiver[];
}

/** What the other probes of a rollout see. */
interface Company {
  /** Whether one of them counts, and decides by, what ztunnel denies. */
  denialsCounted: boolean;
}

type Builder<K extends ProbeKind> = (
  name: string,
  options: NonNullable<ProbeSpec[K]>,
  surroundings: Surroundings & Company,
) => Probe | LongProbe;

/** How each kind is built. */
const BUILDERS: { readonly [K in ProbeKind]: Builder<K> } = {
  plaintextTraffic: (name, options, { sight, preset }) =>
    options.source === 'Shadow' ? shadowTraffic(name, options, sight) : plaintextTraffic(name, options, sight, preset),
  enforcement: (name, options, { sight, denialsCounted }) => enforcement(name, { ...options, denialsCounted }, sight),
  workloadReadiness: name => workloadReadiness(name),
  trafficDrop: (name, options, { sight, preset }) => trafficDrop(name, options, sight, preset),
  refusedConnections: (name, options, { sight }) => refusedConnections(name, options, sight),
  ambientDenials: (name, options, { sight }) => ambientDenials(name, options, sight),
  clientErrors: (name, options, { sight }) => clientErrors(name, options, sight),
  controlPlane: (name, options, { sight }) => controlPlane(name, options, sight),
  prometheus: (name, options, { sight, author: { namespace }, isRoot, queries }) =>
    prometheusQuery(name, options, sight, { namespace, isRoot, queries }),
  kubernetesApi: (name, _, { sight, cluster }) => kubernetesApi(name, sight, cluster),
  http: (name, options, { sight, cluster, author }) => http(name, placed(options, author), sight, cluster),
  webhook: (name, options, { sight, ...told }) => webhook(name, options, told, sight),
  job: (name, options, { cluster, author }) => job(name, placed(options, author), author, cluster.jobs),
};

function placed<O extends { namespace?: string | undefined }>(options: O, author: Author): O & { namespace: string } {
  return { ...options, namespace: options.namespace ?? author.namespace };
}

/** Kinds that read metrics. */
const METRIC_KINDS: ReadonlySet<ProbeKind> = new Set([
  'plaintextTraffic',
  'trafficDrop',
  'refusedConnections',
  'ambientDenials',
  'clientErrors',
  'controlPlane',
  'prometheus',
]);

/**
 * The probes of a spec; none given means the default set, which without Prometheus is what can look without it. A
 * probe that the author named stays, and says Error in each round if it cannot look.
 */
export function buildProbes(specs: readonly ProbeSpec[], surroundings: Surroundings): (Probe | LongProbe)[] {
  const chosen =
    specs.length > 0 ? specs : defaultProbes().filter(spec => surroundings.metrics || !METRIC_KINDS.has(kindOf(spec)));
  const denialsCounted = chosen.some(
    ({ ambientDenials: denials, refusedConnections: refused, dryRun }) => (denials ?? refused) && !dryRun,
  );
  // the author may say when a probe looks
  return chosen.map(spec => {
    const kind = kindOf(spec);
    return { ...buildProbe(spec.name, kind, spec[kind]!, { ...surroundings, denialsCounted }), rounds: roundsOf(spec) };
  });
}

/** What looks where the author named nothing: with what a mesh exports by default, or it would wait for ever. */
function defaultProbes(): ProbeSpec[] {
  return specSchema.shape.probes.parse([
    { name: 'no-plaintext', plaintextTraffic: {} },
    { name: 'enforced', enforcement: {} },
    { name: 'ready', workloadReadiness: {} },
    { name: 'traffic', trafficDrop: {} },
    { name: 'denied', ambientDenials: {} },
  ]);
}

function buildProbe<K extends ProbeKind>(
  name: string,
  kind: K,
  options: NonNullable<ProbeSpec[K]>,
  surroundings: Surroundings & Company,
): Probe | LongProbe {
  return BUILDERS[kind](name, options, surroundings);
}
