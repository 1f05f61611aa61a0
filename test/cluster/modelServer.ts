/** A server in memory that keeps versions as etcd does, for runs on a virtual clock; its watches break when told. */
import type { Clock } from '../../src/cluster/clock.ts';
import type { KubeObject } from '../../src/cluster/resource.ts';
import type { KubeRequest, KubeResponse, KubeStream, Transport } from '../../src/cluster/transport.ts';
import { bookmark, errorLine, line, listOf, widget } from './widgets.ts';

/** What befalls the next line of a watch. */
export type Fault =
  | 'Reset'
  | 'Damaged'
  | 'Half'
  | 'Twice'
  | 'Swapped'
  | 'Expired'
  | 'Silent'
  | 'Closed'
  | 'Refused'
  | 'Bookmark';

interface Event {
  version: number;
  text: string;
}

const PAGE = 2;

export class ModelServer implements Transport {
  readonly objects = new Map<string, KubeObject>();
  readonly faults: Fault[] = [];
  version = 100;
  /** Faults that a list or watch has met. */
  met = 0;
  #events: Event[] = [];
  #kept = 100;
  #uids = 0;
  #clock: Clock;
  #wake = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(name: string, size: string): void {
    const known = this.objects.get(name);
    this.version++;
    const object = widget(name, this.version, size, known?.metadata.uid ?? `uid-${++this.#uids}`);
    this.objects.set(name, object);
    this.#push(line(known === undefined ? 'ADDED' : 'MODIFIED', object));
  }

  remove(name: string): void {
    const known = this.objects.get(name);
    if (known === undefined) return;
    this.version++;
    this.objects.delete(name);
    this.#push(line('DELETED', { ...known, metadata: { ...known.metadata, resourceVersion: String(this.version) } }));
  }

  /** Forgets history: watches from older versions get 410. */
  compact(): void {
    this.#events = [];
    this.#kept = this.version;
  }

  async call({ query = {} }: KubeRequest): Promise<KubeResponse> {
    const [at, from] = (query['continue'] ?? `${this.version}/0`).split('/').map(Number) as [number, number];
    if (this.#take('Refused')) return { status: 500, headers: {}, body: 'broken' };
    // a continued list of an older version would need history: as if it was compacted
    if (at !== this.version) return { status: 410, headers: {}, body: { kind: 'Status', reason: 'Expired' } };
    const items = [...this.objects.values()];
    const next = from + PAGE < items.length ? `${at}/${from + PAGE}` : undefined;
    return { status: 200, headers: {}, body: structuredClone(listOf(at, items.slice(from, from + PAGE), next)) };
  }

  async stream({ query = {}, signal }: KubeRequest): Promise<KubeStream> {
    const from = Number(query['resourceVersion']);
    if (this.#take('Refused')) throw new Error('refused');
    if (from < this.#kept) return { status: 410, headers: {}, lines: lineOf('{"kind":"Status","code":410}') };
    return { status: 200, headers: {}, lines: this.#watch(from, Number(query['timeoutSeconds']) * 1000, signal!) };
  }

  async *#watch(from: number, timeoutMs: number, signal: AbortSignal): AsyncGenerator<string> {
    let seen = from;
    const end = this.#clock.monotonic() + timeoutMs;
    for (;;) {
      signal.throwIfAborted();
      if (this.#clock.monotonic() >= end) return;
      const next = this.#events.find(({ version }) => version > seen);
      if (next === undefined) {
        await this.#clock.wait(end - this.#clock.monotonic(), AbortSignal.any([signal, this.#wake.signal]));
        continue;
      }
      const following = this.#events.find(({ version }) => version > next.version);
      const fault = this.faults.shift();
      if (fault !== undefined) this.met++;
      if (fault === 'Closed') return;
      if (fault === 'Reset' || fault === 'Refused') throw new Error('reset');
      if (fault === 'Half') {
        yield next.text.slice(0, next.text.length / 2);
        return;
      }
      if (fault === 'Damaged') yield next.text.replace('"metadata"', '"metadata');
      if (fault === 'Expired') yield errorLine(410, 'Expired').trim();
      if (fault === 'Silent') await this.#clock.wait(Number.MAX_SAFE_INTEGER, signal);
      if (fault === 'Bookmark') yield bookmark(seen).trim();
      if (fault === 'Swapped' && following !== undefined) {
        yield following.text;
        yield next.text;
        seen = following.version;
        continue;
      }
      yield next.text;
      if (fault === 'Twice') yield next.text;
      seen = next.version;
    }
  }

  #push(text: string): void {
    this.#events.push({ version: this.version, text: text.trim() });
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  #take(fault: Fault): boolean {
    if (this.faults[0] !== fault) return false;
    this.faults.shift();
    this.met++;
    return true;
  }
}

async function* lineOf(text: string): AsyncGenerator<string> {
  yield text;
}
