/** What the probes see when they look at the simulated mesh. */
import type { Clock } from '../cluster/clock.ts';
import type { HelloAnswer, HttpAnswer, Series, Sight } from '../probes/probe.ts';
import { PrometheusError } from '../probes/prometheus.ts';
import { answerHello } from './mesh/hello.ts';
import type { SimulatedMesh } from './mesh/mesh.ts';
import { SimulatedPrometheus } from './prometheus.ts';
import { PromqlError } from './promql/syntax.ts';

export interface SightOptions {
  /** How long a hello waits for an answer. */
  helloTimeoutMs: number;
  /** Time between hello and answer. */
  roundTripMs: number;
}

const DEFAULTS: SightOptions = { helloTimeoutMs: 3000, roundTripMs: 3 };

export class SimulatedSight implements Sight {
  readonly #mesh: SimulatedMesh;
  readonly #prometheus: SimulatedPrometheus;
  readonly #clock: Clock;
  readonly #options: SightOptions;

  constructor(mesh: SimulatedMesh, clock: Clock, options: Partial<SightOptions> = {}) {
    this.#mesh = mesh;
    this.#prometheus = new SimulatedPrometheus(mesh);
    this.#clock = clock;
    this.#options = { ...DEFAULTS, ...options };
  }

  async query(promql: string, time: number, signal: AbortSignal): Promise<Series[]> {
    signal.throwIfAborted();
    try {
      return this.#prometheus.query(promql, time);
    } catch (error) {
      if (!(error instanceof PromqlError)) throw error;
      throw new PrometheusError('Refused', `the embedded Prometheus refused the query: ${error.message}`);
    }
  }

  async hello(address: string, port: number, alpn: string[], signal: AbortSignal): Promise<HelloAnswer> {
    await this.#clock.wait(this.#options.roundTripMs, signal);
    const answer = answerHello(this.#mesh, address, port, alpn);
    if (answer !== undefined) return answer;
    await this.#clock.wait(this.#options.helloTimeoutMs - this.#options.roundTripMs, signal);
    return { kind: 'Timeout' };
  }

  /** The simulated mesh knows who reaches whom, and nothing of what they say. */
  call(): Promise<HttpAnswer> {
    return Promise.resolve({ kind: 'Silent', code: 'simulated' });
  }
}
