/**
 * AuthorizationPolicies in dry run that would deny who shows no identity: what sidecars count because of them. Those of
 * any other kind are not simulated.
 */
import type { AuthorizationPolicy } from '../../istio/objects.ts';
import { selects } from '../../istio/policies.ts';
import type { ConfigurationHistory } from './configuration.ts';
import type { Sample } from './metrics.ts';
import type { MeshPod, PortProtocol } from './pod.ts';

/** By namespace. */
export type ShadowPolicies = ReadonlyMap<string, readonly AuthorizationPolicy[]>;

export function shadowPoliciesOf(all: Iterable<AuthorizationPolicy>): ShadowPolicies {
  return Map.groupBy([...all].filter(isShadow), ({ metadata }) => metadata.namespace);
}

/** Whether the sidecar of a pod counts by one. */
export function isShadowed(policies: ShadowPolicies, pod: MeshPod): boolean {
  return pod.sidecar && !pod.gateway && selecting(policies, pod).length > 0;
}

/** What a plaintext connection, or one with an identity, to a port adds; nothing where nobody counts. */
export function shadowSamples(
  policies: ShadowPolicies,
  pod: MeshPod,
  { port, protocol, plaintext }: { port: number; protocol: PortProtocol; plaintext: boolean },
  amount: number,
): Sample[] {
  if (!isShadowed(policies, pod)) return [];
  const isMeant = selecting(policies, pod).some(({ spec }) => {
    const ports = spec.rules?.[0]?.to?.[0]?.operation?.['ports'];
    return !ports || ports.includes(String(port));
  });
  const labels = {
    authz_dry_run_action: 'deny',
    authz_dry_run_result: plaintext && isMeant ? 'denied' : 'allowed',
    ...(protocol === 'http'
      ? { http_conn_manager_prefix: `inbound_0.0.0.0_${port}` }
      : { tcp_prefix: 'rbac.istio_dry_run_deny_' }),
    namespace: pod.namespace,
    pod: pod.name,
    app: pod.labels['app'] ?? pod.workload,
  };
  return [{ metric: protocol === 'http' ? 'envoy_http_rbac' : 'envoy_tcp', labels, reporter: pod.key, amount }];
}

/** Envoy has the counters as soon as it has the policy. */
export function shadowStart(configuration: ConfigurationHistory, pod: MeshPod, at: number): Sample[] {
  const { shadows } = configuration.of(pod.key, at);
  return shadowSamples(shadows, pod, { port: 0, protocol: 'tcp', plaintext: false }, 0);
}

function selecting(policies: ShadowPolicies, { namespace, labels }: MeshPod): AuthorizationPolicy[] {
  return (policies.get(namespace) ?? []).filter(({ spec }) => selects(spec.selector?.matchLabels ?? {}, labels));
}

function isShadow({ metadata, spec }: AuthorizationPolicy): boolean {
  const isTrial = metadata.annotations?.['istio.io/dry-run'] === 'true';
  return isTrial && spec.action === 'DENY' && spec.rules?.[0]?.from?.[0]?.source?.['notPrincipals']?.[0] === '*';
}
