/** Counters as a proxy serves them to Prometheus; a counter exists from its first count on. */
export class Counters {
  scrapes = 0;
  readonly #values = new Map<string, number>();

  add(metric: string, labels: Record<string, string>, n: number): void {
    const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
    const key = `${metric}{${pairs.join(',')}}`;
    this.#values.set(key, (this.#values.get(key) ?? 0) + n);
  }

  traffic(metric: string, source: string, target: string, policy: string, n: number): void {
    const labels = { ...ends(source, target), connection_security_policy: policy };
    this.add(metric, { reporter: 'destination', ...labels }, n);
    // the client's side never knows, and must not be counted
    this.add(metric, { reporter: 'source', ...labels, connection_security_policy: 'unknown' }, n);
  }

  /** Requests as Cloud Monitoring shows what the server's proxy reported, once for each kind of resource. */
  google(source: string, target: string, policy: string, n: number): void {
    for (const resource of ['k8s_container', 'istio_canonical_service'])
      this.#google('service_server_request_count', resource, source, target, policy, n);
    this.#google('service_client_request_count', 'k8s_pod', source, target, 'unknown', n);
  }

  /** TCP connections in the same way, and what went over them. */
  googleTcp(source: string, target: string, policy: string, opened: number, bytes: number): void {
    const count = (what: string, n: number) =>
      this.#google(`service_server_${what}_count`, 'k8s_container', source, target, policy, n);
    count('connection_open', opened);
    for (const way of ['received', 'sent']) count(`${way}_bytes`, bytes);
  }

  #google(metric: string, resource: string, source: string, target: string, policy: string, n: number): void {
    const { source_workload, destination_workload, ...namespaces } = ends(source, target);
    const labels = {
      monitored_resource: resource,
      ...namespaces,
      source_workload_name: source_workload,
      destination_workload_name: destination_workload,
      service_authentication_policy: policy,
    };
    this.add(`istio_io:${metric}`, labels, n);
  }

  /** TCP connections without mutual TLS as a sidecar counts them, and what went over these and earlier ones. */
  tcp(source: string, target: string, opened: number, bytes: number): void {
    this.traffic('istio_tcp_connections_opened_total', source, target, 'none', opened);
    for (const way of ['received', 'sent']) this.traffic(`istio_tcp_${way}_bytes_total`, source, target, 'none', bytes);
  }

  /** As ztunnel counts a denial: among the failures, and among what was closed. */
  denied(source: string, target: string, n: number): void {
    const labels = { ...ends(source, target), connection_security_policy: 'unknown', response_flags: 'DENY' };
    for (const metric of ['istio_tcp_connections_failed_total', 'istio_tcp_connections_closed_total'])
      this.add(metric, { reporter: 'destination', ...labels }, n);
  }

  inbound(name: string, pod: string, n: number, namespace = 'cart'): void {
    this.add(`envoy_listener_${name}`, { listener_address: '0.0.0.0_15006', namespace, pod }, n);
    this.add(`envoy_listener_${name}`, { listener_address: '0.0.0.0_15001', namespace, pod }, n);
  }

  /** A request as the proxy of the client counts it; of one that nobody answered it does not know the workload. */
  call(source: string, target: string, code: string, flags: string, n: number, { known = true } = {}): void {
    const [namespace, service] = target.split('/');
    const labels = {
      reporter: 'source',
      ...ends(source, known ? target : 'unknown/unknown'),
      destination_service_namespace: namespace!,
      destination_service_name: service!,
      response_code: code,
      response_flags: flags,
    };
    this.add('istio_requests_total', labels, n);
  }

  /** Updates of proxies by how long they took, as istiod counts them. */
  converged(buckets: Record<string, number>): void {
    for (const [le, n] of Object.entries(buckets)) this.add('pilot_proxy_convergence_time_bucket', { le }, n);
  }

  build(namespace: string, pod: string): void {
    this.add('istio_build', { component: 'proxy', namespace, pod }, 1);
  }

  text(): string {
    return [...this.#values].map(([key, value]) => `${key} ${value}\n`).join('');
  }
}

function ends(source: string, target: string) {
  const [from, client] = source.split('/');
  const [to, server] = target.split('/');
  return {
    source_workload_namespace: from!,
    source_workload: client!,
    destination_workload_namespace: to!,
    destination_workload: server!,
  };
}
