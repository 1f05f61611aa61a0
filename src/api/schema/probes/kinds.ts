/** The kinds of probe: how each is written down, and what it is for. A new kind is a line in both tables. */
import { http, job, webhook } from './calls.ts';
import { enforcement, kubernetesApi, workloadReadiness } from './pods.ts';
import { prometheus } from './query.ts';
import {
  ambientDenials,
  clientErrors,
  controlPlane,
  plaintextTraffic,
  refusedConnections,
  trafficDrop,
} from './traffic.ts';

/** A probe has exactly one of these members. */
export const kinds = {
  plaintextTraffic: plaintextTraffic
    .optional()
    .describe('Requests and connections that reached the scope without mutual TLS.'),
  enforcement: enforcement.optional().describe('What every port of the scope answers to a stranger: STRICT or not.'),
  workloadReadiness: workloadReadiness
    .optional()
    .describe('Pods of the scope against the moment before the step: readiness and restarts.'),
  trafficDrop: trafficDrop
    .optional()
    .describe('Requests and connections that reach the scope, against their own baseline right before STRICT.'),
  refusedConnections: refusedConnections
    .optional()
    .describe('Plaintext connections that STRICT refused, as the proxies of the scope count them.'),
  ambientDenials: ambientDenials
    .optional()
    .describe('Plaintext connections that ztunnel denied; nothing to see where no pod of the scope is ambient.'),
  clientErrors: clientErrors.optional().describe('Errors that mesh clients of the scope see.'),
  controlPlane: controlPlane
    .optional()
    .describe('Whether proxies take what istiod sends them, and how soon, by the metrics of istiod.'),
  prometheus: prometheus.optional().describe('A number that Prometheus knows, against limits.'),
  kubernetesApi: kubernetesApi
    .optional()
    .describe('What the API server calls in the scope: webhooks for admission and conversion, and aggregated APIs.'),
  http: http.optional().describe('A request from the operator, which is outside the mesh, to a Service.'),
  job: job.optional().describe('A Job made from a CronJob for each look; its exit code decides.'),
  webhook: webhook.optional().describe('A receiver that the configuration of the operator names; its status decides.'),
};

export type ProbeKind = keyof typeof kinds;

/**
 * What a kind looks at unless its author says otherwise. `Change`: nothing to look at before STRICT. `Soak`: looks after
 * STRICT, and before it where asked to. `Both`: before and after.
 */
export const PURPOSE: Readonly<Record<ProbeKind, 'Change' | 'Soak' | 'Both'>> = {
  plaintextTraffic: 'Both',
  enforcement: 'Change',
  workloadReadiness: 'Change',
  trafficDrop: 'Change',
  refusedConnections: 'Change',
  ambientDenials: 'Change',
  clientErrors: 'Soak',
  controlPlane: 'Both',
  prometheus: 'Soak',
  kubernetesApi: 'Change',
  http: 'Soak',
  job: 'Soak',
  webhook: 'Soak',
};

export const PROBE_KINDS = Object.keys(kinds) as ProbeKind[];

/** The kind of a probe that was validated. */
export function kindOf(probe: { [K in ProbeKind]?: unknown }): ProbeKind {
  return PROBE_KINDS.find(kind => probe[kind] !== undefined)!;
}
