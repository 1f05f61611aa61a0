/** Who calls whom, how often: the traffic of the simulated mesh as its author states it. */

/** One kind of traffic from a workload to a Service port. Times are milliseconds since the epoch. */
export interface Call {
  /** Unique name. */
  name: string;
  from: { namespace: string; workload: string };
  to: { namespace: string; service: string; port: number };
  kind: 'http' | 'grpc' | 'tcp';
  /** Requests a second, or new connections a second where `kind` is tcp; split evenly over the pods of both ends. */
  perSecond: number;
  /** Connections that every client pod keeps open to the service, and uses, for as long as it can. */
  held?: number;
  /** The client addresses pods instead of the Service, so that its sidecar sends plaintext. */
  viaPodIp?: boolean;
  /** First call. May lie in the past: the call then has a history at once. */
  since: number;
  /** Last call; none: for ever. */
  until?: number;
}

/** What the client of a call has met in a span of time. Counts are fractions: traffic is a flow, not single events. */
export interface CallReport {
  call: Call;
  mutualTls: number;
  plaintext: number;
  /** Reset by the server's proxy. */
  refused: number;
  /** Lost because the two ends did not understand each other, or nobody was there. */
  failed: number;
  /** Held connections that the drain after a switch has cut. */
  cut: number;
}
