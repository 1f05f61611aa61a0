/** The counters behind each `metricsPreset` of the operator's configuration. */
import { ENVOY } from './envoyCounters.ts';
import { GOOGLE_NAMING, ISTIO_NAMING } from './naming.ts';
import type { MetricsPreset } from './probe.ts';
import type { Counters } from './traffic.ts';
import { workloadCounters } from './workloadCounters.ts';

export const PRESETS: Readonly<Record<MetricsPreset, Counters>> = {
  istio: workloadCounters(ISTIO_NAMING),
  envoy: ENVOY,
  gcp: workloadCounters(GOOGLE_NAMING),
};
