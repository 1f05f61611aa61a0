/** The modes of a sidecar as its Envoy has them: read from the filter chains of its inbound listener. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Mode } from '../../../src/istio/objects.ts';
import { inPod } from './network.ts';
import type { MeshPod } from './pods.ts';

interface FilterChain {
  name: string;
  filter_chain_match?: { destination_port?: number };
  /** Ends mutual TLS; without it the chain takes what comes, TLS of the application too. */
  transport_socket?: unknown;
}

interface Dump {
  configs: { name: string; active_state?: { listener: { filter_chains: FilterChain[] } } }[];
}

/** The mode of a port; `*`: of every port that has no chains of its own. */
export class Listener {
  readonly #chains: readonly FilterChain[];

  private constructor(chains: readonly FilterChain[]) {
    this.#chains = chains;
  }

  static async of({ network }: MeshPod): Promise<Listener> {
    const url = 'http://127.0.0.1:15000/config_dump?resource=dynamic_listeners';
    const [command, ...args] = inPod(network, 'curl', '--silent', '--fail', '--max-time', '10', url);
    const { stdout } = await promisify(execFile)(command!, args, { maxBuffer: 64 * 1024 * 1024 });
    const inbound = (JSON.parse(stdout) as Dump).configs.find(({ name }) => name === 'virtualInbound');
    if (inbound?.active_state === undefined) throw new Error('the proxy has no inbound listener yet');
    return new Listener(inbound.active_state.listener.filter_chains);
  }

  mode(port: number | '*'): Mode {
    const own = this.#chains.filter(({ filter_chain_match: match }) => match?.destination_port === port);
    const chains = own.length > 0 ? own : this.#chains.filter(isForAnyPort);
    const endsMutualTls = chains.some(({ transport_socket: socket }) => socket !== undefined);
    const takesAnything = chains.some(({ transport_socket: socket }) => socket === undefined);
    if (!endsMutualTls) return 'DISABLE';
    return takesAnything ? 'PERMISSIVE' : 'STRICT';
  }
}

function isForAnyPort({ filter_chain_match: match }: FilterChain): boolean {
  return match?.destination_port === undefined;
}
