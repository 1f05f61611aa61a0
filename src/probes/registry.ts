/** From the probes of a spec to probes that look. */
import { specSchema, type ProbeSpec } from '../api/schema.ts';
import { enforcement } from './enforcement.ts';
import { plaintextTraffic } from './plaintextTraffic.ts';
import type { MetricsPreset, Probe, ProbeFactory, Sight } from './probe.ts';
import { roundsOf } from '../rollout/probeRounds.ts';
import { refusedConnections } from './refusedConnections.ts';
import { trafficDrop } from './trafficDrop.ts';
import { workloadReadiness } from './workloadReadiness.ts';

/** Kinds of probe that read metrics. */
const METRIC_KINDS = ['plaintextTraffic', 'trafficDrop', 'refusedConnections'] as const;

/**
 * The probes of a spec; none given means the default set, which without Prometheus is what can look without it. A
 * probe that the author named stays, and says Error in each round if it cannot look. Throws RangeError for what is
 * not built; a spec that asks for such a thing is refused long before.
 */
export function buildProbes(
  specs: readonly ProbeSpec[],
  sight: Sight,
  preset: MetricsPreset,
  haveMetrics: boolean,
): Probe[] {
  const chosen = specs.length > 0 ? specs : defaultProbes().filter(spec => haveMetrics || !readsMetrics(spec));
  // the author may say when a probe looks
  return chosen.map(spec => ({ ...buildProbe(spec, sight, preset), rounds: roundsOf(spec) }));
}

/** What looks where the author named nothing: with what a mesh exports by default, or it would wait for ever. */
function defaultProbes(): ProbeSpec[] {
  return specSchema.shape.probes.parse([
    { name: 'no-plaintext', plaintextTraffic: {} },
    { name: 'enforced', enforcement: {} },
    { name: 'ready', workloadReadiness: {} },
    { name: 'traffic', trafficDrop: {} },
  ]);
}

const readsMetrics = (spec: ProbeSpec) => METRIC_KINDS.some(kind => spec[kind] !== undefined);

const buildProbe: ProbeFactory = (spec, sight, preset) => {
  if (spec.plaintextTraffic?.source === 'Metrics') {
    return plaintextTraffic(spec.name, spec.plaintextTraffic, sight, preset);
  }
  if (spec.enforcement) return enforcement(spec.name, spec.enforcement, sight);
  if (spec.workloadReadiness) return workloadReadiness(spec.name);
  if (spec.trafficDrop) return trafficDrop(spec.name, spec.trafficDrop, sight, preset);
  if (spec.refusedConnections) return refusedConnections(spec.name, spec.refusedConnections, sight);
  throw new RangeError(`probe ${spec.name} is of a kind that is not built`);
};
