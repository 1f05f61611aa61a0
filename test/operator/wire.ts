/** What one operator reaches the API server through: every call is noted, and may be meddled with. */
import type { KubeRequest, KubeResponse, KubeStream, Transport } from '../../src/cluster/transport.ts';
import type { Bench, Line } from './harness.ts';
import { START } from './scene.ts';

export class Wire implements Transport {
  readonly #bench: Bench;
  readonly #by: string;
  readonly #inner: Transport;
  isDead = false;

  constructor(bench: Bench, by: string, inner: Transport) {
    this.#bench = bench;
    this.#by = by;
    this.#inner = inner;
  }

  async call(request: KubeRequest): Promise<KubeResponse> {
    if (this.isDead) return never();
    const call = this.#bench.note(this.#by, request);
    const proceed = async () => {
      const answer = await this.#inner.call(request);
      this.#bench.noteServed(call, answer.status);
      return answer;
    };
    try {
      const answer = await (this.#bench.meddle ? this.#bench.meddle(call, proceed) : proceed());
      return this.isDead ? await never() : answer;
    } catch (error) {
      if (this.isDead) return never();
      throw error;
    }
  }

  async stream(request: KubeRequest): Promise<KubeStream> {
    if (this.isDead) return never();
    const proceed = () => this.#inner.stream(request);
    return this.#bench.meddleStream ? this.#bench.meddleStream(request, proceed) : proceed();
  }

  log() {
    const { lines, clock } = this.#bench;
    const keep =
      (level: Line['level']) =>
      (message: string, fields: Record<string, unknown> = {}) =>
        void (this.isDead || lines.push({ by: this.#by, level, message, fields, at: clock.now() - START }));
    return { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') };
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
