/** What a query selects: metric and label names are fixed here, and every value is escaped. */

export type Metric =
  | 'istio_requests_total'
  | 'istio_tcp_connections_opened_total'
  | 'istio_tcp_received_bytes_total'
  | 'istio_tcp_sent_bytes_total'
  | 'istio_tcp_connections_closed_total'
  | 'istio_tcp_connections_failed_total'
  | 'istio_io:service_server_request_count'
  | 'istio_io:service_server_connection_open_count'
  | 'istio_io:service_server_received_bytes_count'
  | 'istio_io:service_server_sent_bytes_count'
  | 'istio_io:service_client_request_count'
  | 'istio_io:service_client_connection_open_count'
  | 'istio_build'
  | 'pilot_xds'
  | 'pilot_total_xds_rejects'
  | 'pilot_proxy_convergence_time_bucket'
  | 'envoy_http_rbac'
  | 'envoy_tcp'
  | 'envoy_listener_no_filter_chain_match'
  | 'envoy_listener_downstream_cx_total'
  | 'envoy_listener_ssl_handshake'
  | 'envoy_listener_ssl_fail_verify_no_cert'
  | 'envoy_listener_ssl_fail_verify_error'
  | 'envoy_listener_ssl_connection_error';

export type Label =
  | 'reporter'
  | 'connection_security_policy'
  | 'monitored_resource'
  | 'service_authentication_policy'
  | 'source_workload_name'
  | 'destination_workload_name'
  | 'response_flags'
  | 'source_workload_namespace'
  | 'source_workload'
  | 'destination_workload_namespace'
  | 'destination_workload'
  | 'destination_service_namespace'
  | 'destination_service_name'
  | 'response_code'
  | 'listener_address'
  | 'http_conn_manager_prefix'
  | 'authz_dry_run_action'
  | 'authz_dry_run_result'
  | 'component'
  | 'type'
  | 'le'
  | 'namespace'
  | 'pod';

export type Matcher =
  | { label: Label; op: '=' | '!='; value: string }
  /** One of these values exactly, never a pattern. */
  | { label: Label; op: 'in'; values: readonly string[] };

/** A PromQL string literal: double quotes, Go's escapes. */
function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** A pattern that matches this text only. Prometheus anchors every pattern itself. */
function literal(text: string): string {
  return text.replaceAll(/[\\.+*?()|[\]{}^$]/g, String.raw`\$&`);
}

function matcher(match: Matcher): string {
  if (match.op !== 'in') return `${match.label}${match.op}${quote(match.value)}`;
  // an empty alternative would match series that lack the label
  if (match.values.length === 0 || match.values.includes('')) throw new RangeError(`${match.label}: no value to match`);
  if (match.values.length === 1) return `${match.label}=${quote(match.values[0]!)}`;
  return `${match.label}=~${quote(match.values.map(literal).join('|'))}`;
}

export function selector(metric: Metric, matchers: readonly Matcher[]): string {
  return `${metric}{${matchers.map(matcher).join(',')}}`;
}
