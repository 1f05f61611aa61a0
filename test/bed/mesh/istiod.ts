/** A real istiod beside a real API server, and the mesh configuration it reads. */
import type { Transport } from '../../../src/cluster/transport.ts';
import { apply } from '../boutiqueObjects.ts';
import { Component } from '../component.ts';
import type { ControlPlane } from '../controlPlane.ts';
import { ACCESS_LOG, accessLogFormat, PERIODIC_TCP_LOG } from './accessLog.ts';
import { HOST, ISTIOD, MESHBED } from './world.ts';

export const ISTIO_NAMESPACE = 'istio-system';
const [HTTP, GRPC, SECURE, HTTPS, MONITORING] = [8080, 15010, 15012, 15017, 15014];
/** Address of its metrics. */
export const ISTIOD_METRICS = `${HOST}:${MONITORING}`;

export interface MeshConfig {
  enableAutoMtls?: boolean;
  [field: string]: unknown;
}

/** Writes the ConfigMap that istiod reads at its start; to be called before. */
export async function configureMesh(api: Transport, config: MeshConfig): Promise<void> {
  const mesh = {
    enableAutoMtls: true,
    enableTracing: false,
    rootNamespace: ISTIO_NAMESPACE,
    trustDomain: 'cluster.local',
    accessLogFile: ACCESS_LOG,
    accessLogEncoding: 'JSON',
    accessLogFormat: accessLogFormat(),
    ...config,
  };
  const data = { mesh: JSON.stringify(mesh), meshNetworks: '{"networks":{}}' };
  const metadata = { namespace: ISTIO_NAMESPACE, name: 'istio' };
  await apply(api, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
}

/** What the proxies are told beside the mesh configuration; Istio's definitions have to be there. */
export async function configureProxies(api: Transport): Promise<void> {
  const metadata = { namespace: ISTIO_NAMESPACE, name: 'periodic-tcp-log' };
  await apply(api, {
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata,
    spec: PERIODIC_TCP_LOG,
  });
}

export function istiod({ folder, adminKubeconfig }: ControlPlane): Component {
  const port = (flag: string, number: number) => `--${flag}=${HOST}:${number}`;
  return new Component(folder, {
    name: 'istiod',
    command: MESHBED,
    args: [
      'istiod',
      'discovery',
      `--kubeconfig=${adminKubeconfig}`,
      `--namespace=${ISTIO_NAMESPACE}`,
      port('httpAddr', HTTP),
      port('grpcAddr', GRPC),
      port('secureGRPCAddr', SECURE),
      port('httpsAddr', HTTPS),
      port('monitoringAddr', MONITORING),
      '--ctrlz_port=0',
    ],
    env: {
      PATH: process.env['PATH'],
      HOME: folder.path,
      POD_NAME: 'istiod-0',
      POD_NAMESPACE: ISTIO_NAMESPACE,
      CLUSTER_ID: 'Kubernetes',
      REVISION: 'default',
      CLOUD_PLATFORM: 'none',
      INJECT_ENABLED: 'false',
      PILOT_ENABLE_GATEWAY_API: 'false',
      // filters of Istio's own proxy, which Envoy as the Envoy project builds it does not have
      PILOT_ENABLE_METADATA_EXCHANGE: 'false',
      PILOT_ENABLE_ALPN_FILTER: 'false',
      ISTIOD_CUSTOM_HOST: `${HOST},localhost`,
      ISTIOD_SAN: ISTIOD,
    },
    graceMs: 3000,
    ready: async () => (await fetch(`http://${HOST}:${HTTP}/ready`)).ok,
  });
}
