/** The access log of the sidecars: what is written, and how a line is read. */

/** Name of the file in the pod's folder, where the proxy runs. */
export const ACCESS_LOG = 'access.log';

/**
 * One request, a TCP connection so far or as a whole, or a connection that no filter chain took. Addresses are `ip:port`.
 */
export interface AccessLine {
  /** `inbound|8080||`, `outbound|8080||server.demo.svc.cluster.local`, `PassthroughCluster`; absent where none was chosen. */
  cluster?: string;
  /** HTTP status; 0 for a TCP connection or where there was no answer. */
  code: number;
  /** Envoy's response flags, `-` for none. */
  flags: string;
  /** `HTTP/1.1`, `HTTP/2`; absent for TCP. */
  protocol?: string;
  /** Name in the certificate of the peer, where it showed one. */
  peer?: string;
  remote: string;
  local: string;
  /** Where it was sent. */
  upstream?: string;
  /** `TcpPeriodic` while a TCP connection goes on, `TcpConnectionEnd` when it is over; another word for HTTP. */
  type: string;
  /** Of the connection, in this proxy. */
  connection: number;
  /** Bytes from the client, and to it. */
  received: number;
  sent: number;
}

export function accessLogFormat(): string {
  return JSON.stringify({
    cluster: '%UPSTREAM_CLUSTER_RAW%',
    code: '%RESPONSE_CODE%',
    flags: '%RESPONSE_FLAGS%',
    protocol: '%PROTOCOL%',
    peer: '%DOWNSTREAM_PEER_URI_SAN%',
    remote: '%DOWNSTREAM_REMOTE_ADDRESS%',
    local: '%DOWNSTREAM_LOCAL_ADDRESS%',
    upstream: '%UPSTREAM_HOST%',
    type: '%ACCESS_LOG_TYPE%',
    connection: '%CONNECTION_ID%',
    received: '%BYTES_RECEIVED%',
    sent: '%BYTES_SENT%',
  });
}

/** What makes a proxy write a line for a TCP connection every second while it goes on, as Istio's filter counts it. */
export const PERIODIC_TCP_LOG = {
  configPatches: [
    {
      applyTo: 'NETWORK_FILTER',
      match: { listener: { filterChain: { filter: { name: 'envoy.filters.network.tcp_proxy' } } } },
      patch: {
        operation: 'MERGE',
        value: {
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
            access_log_options: { access_log_flush_interval: '1s' },
          },
        },
      },
    },
  ],
};

/** Undefined for a line that is no whole record. */
export function readAccessLine(text: string): AccessLine | undefined {
  try {
    const all = JSON.parse(text) as Record<string, unknown>;
    const given = Object.entries(all).filter(([, value]) => value !== null && value !== '-');
    return { code: 0, flags: '-', ...Object.fromEntries(given) } as AccessLine;
  } catch {
    return undefined;
  }
}
