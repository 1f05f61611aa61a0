/** What probes see: ports answer as Istio's rules say for the policies that are in the cluster; plaintext is scripted. */
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import type { Mode, PeerAuthentication } from '../../src/istio/objects.ts';
import { policiesOf } from '../../src/istio/policies.ts';
import type { HelloAnswer, HttpAnswer, HttpRequest, Series, Sight } from '../../src/probes/probe.ts';
import type { EmbeddedCluster } from '../../src/sim/server/server.ts';
import { POLICY_API, PORT, ROOT } from './scene.ts';

export class ScriptedSight implements Sight {
  readonly #cluster: EmbeddedCluster;
  /** Plaintext requests that a look at a namespace finds. */
  plaintext: (namespace: string) => number = () => 0;
  /** Thrown by every query while it is set. */
  trouble: Error | undefined;

  /** What a Service answers. */
  answer: (request: HttpRequest) => HttpAnswer = () => ({ kind: 'Answer', status: 200, text: '' });

  constructor(cluster: EmbeddedCluster) {
    this.#cluster = cluster;
  }

  query(promql: string): Promise<Series[]> {
    if (this.trouble) return Promise.reject(this.trouble);
    if (promql.includes('authz_dry_run_action')) return Promise.resolve(this.#shadowed(promql));
    if (!promql.includes('istio_requests_total')) return Promise.resolve([]);
    const isPlaintext = promql.includes('connection_security_policy');
    const series = this.#cluster.list('v1', 'Namespace').map(({ metadata: { name } }) => ({
      labels: { destination_workload_namespace: name, destination_workload: name, source_workload: 'somebody' },
      value: isPlaintext ? this.plaintext(name) : 1000,
    }));
    return Promise.resolve(series);
  }

  /** What policies in dry run count of HTTP, where there are any: nothing else does. */
  #shadowed(promql: string): Series[] {
    if (!promql.includes('envoy_http_rbac')) return [];
    const counted = new Set(this.#cluster.list(POLICY_API, 'AuthorizationPolicy').map(each => each.metadata.namespace));
    const isPlaintext = promql.includes('authz_dry_run_result');
    return this.#cluster
      .list('v1', 'Pod')
      .filter(({ metadata }) => counted.has(metadata.namespace))
      .map(({ metadata: { namespace = '', name } }) => ({
        labels: { namespace, pod: name, http_conn_manager_prefix: `inbound_0.0.0.0_${PORT}` },
        value: isPlaintext ? this.plaintext(namespace) : 1000,
      }));
  }

  hello(address: string, port = PORT): Promise<HelloAnswer> {
    const found = this.#cluster
      .list('v1', 'Pod')
      .find(({ status }) => (status as { podIP?: string }).podIP === address);
    if (!found) return Promise.resolve({ kind: 'Timeout' });
    const { namespace = '' } = found.metadata;
    const spiffe = `spiffe://cluster.local/ns/${namespace}/sa/default`;
    const strict = this.mode(namespace, port) === 'STRICT';
    return Promise.resolve(strict ? { kind: 'Certificate', spiffe, validTo: undefined } : { kind: 'Plaintext' });
  }

  call(request: HttpRequest): Promise<HttpAnswer> {
    return Promise.resolve(this.answer(request));
  }

  /** Mode of a port of a namespace's pod, of the application's unless another is named. */
  mode(namespace: string, port = PORT): Mode {
    const policies = this.#cluster.list(POLICY_API, 'PeerAuthentication') as unknown as PeerAuthentication[];
    const { workload, ports } = effectiveModes(policiesOf(policies), ROOT, namespace, { app: namespace });
    return (ports.get(port) ?? workload).mode;
  }
}
