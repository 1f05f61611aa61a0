/**
 * All applications and all clients of all pods of a mesh. They live in one process, which opens its sockets in the network
 * namespaces of the pods (`netns`: path of a file that stands for one).
 */
import type { RunFolder } from '../runFolder.ts';
import type {
  Call,
  Closed,
  Echoed,
  Failed,
  LoadCounts,
  LoadSpec,
  Responded,
  RespondedOver,
  Seen,
  ServerSpec,
  SingleRequest,
  Talk,
  TalkFailed,
} from './workloadAnswers.ts';
import { type WorkloadEvent, WorkloadProcess } from './workloadProcess.ts';

export type { LoadCounts, ServerKind } from './workloadAnswers.ts';

const SAY_MS = 5000;

/** What a round trip over a connection gives, by the protocol spoken on it. */
export interface SaidOver {
  tcp: Echoed;
  http: RespondedOver;
}

export class Workloads {
  readonly #process: WorkloadProcess;
  readonly #endings: Endings;

  private constructor(process: WorkloadProcess, endings: Endings) {
    this.#process = process;
    this.#endings = endings;
  }

  /** @param program path of the built `test/bed/mesh/workload`. */
  static async start(folder: RunFolder, program: string): Promise<Workloads> {
    const endings = new Endings();
    const onEvent = ({ connection, how, at }: WorkloadEvent) => endings.of(connection).resolve({ how, at });
    const process = await WorkloadProcess.start(folder, program, onEvent, error => endings.reject(error));
    return new Workloads(process, endings);
  }

  /** Opens ports on all IPv4 addresses of a pod: all of them, or none and an error that names the port. */
  async serve(netns: string, name: string, servers: readonly ServerSpec[]): Promise<void> {
    await this.#process.call('serve', { netns, name, servers });
  }

  /** What the application at this port asks others from now on before it answers: 502 where one of them fails. */
  async setCalls(netns: string, port: number, calls: readonly Call[]): Promise<void> {
    await this.#process.call('calls', { netns, port, calls });
  }

  /** What the applications of a pod received, by port. */
  seen(netns: string): Promise<Record<number, Seen>> {
    return this.#process.call('seen', { netns });
  }

  /** Ends the applications of a pod as if killed; does nothing where there are none. Its connections and loads stay. */
  async unserve(netns: string): Promise<void> {
    await this.#process.call('unserve', { netns });
  }

  /** One HTTP request from a pod. One that fails is an answer too. */
  request(netns: string, request: SingleRequest): Promise<Responded | Failed> {
    return this.#process.call('request', { netns, ...request });
  }

  /** One TCP connection from a pod: sends, and reads as much as it sent. */
  talk(netns: string, talk: Talk): Promise<Echoed | TalkFailed> {
    return this.#process.call('talk', { netns, ...talk });
  }

  /** Opens a connection from a pod that stays; rejects where nobody accepts it. */
  async dial<K extends keyof SaidOver>(
    netns: string,
    to: { address: string; kind: K; host?: string },
  ): Promise<Connection<K>> {
    const { connection } = await this.#process.call<{ connection: number }>('dial', { netns, ...to });
    return new Connection(this.#process, connection, this.#endings.of(connection).promise);
  }

  /** Starts requests at a steady rate from a pod, however long the answers take. */
  async load(netns: string, spec: LoadSpec): Promise<Load> {
    const { load } = await this.#process.call<{ load: number }>('load', { netns, ...spec });
    return new Load(this.#process, load);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
  }
}

/** A connection held open. Somebody reads it all the time, so that its end is noticed when it comes. */
export class Connection<K extends keyof SaidOver> {
  /** Its end, whoever ended it; rejects where the process of the workloads dies. */
  readonly closed: Promise<Closed>;
  readonly #process: WorkloadProcess;
  readonly #number: number;

  constructor(process: WorkloadProcess, number: number, closed: Promise<Closed>) {
    this.#process = process;
    this.#number = number;
    this.closed = closed;
  }

  /**
   * One round trip: TCP sends the text and reads as much, HTTP gets the path that is the text. An answer that does not
   * come in time ends the connection.
   */
  say(text: string, timeoutMs = SAY_MS): Promise<SaidOver[K] | Failed> {
    return this.#process.call('say', { connection: this.#number, text, timeoutMs });
  }

  async hang(): Promise<void> {
    await this.#process.call('hang', { connection: this.#number });
  }
}

/** A load under way. */
export class Load {
  readonly #process: WorkloadProcess;
  readonly #number: number;

  constructor(process: WorkloadProcess, number: number) {
    this.#process = process;
    this.#number = number;
  }

  counts(): Promise<LoadCounts> {
    return this.#process.call('loadCounts', { load: this.#number });
  }

  /** From now on; 0 pauses. */
  async setRate(perSecond: number): Promise<void> {
    await this.#process.call('loadRate', { load: this.#number, perSecond });
  }

  /** Starts nothing more, waits for what is under way, and gives the final counts. */
  stop(): Promise<LoadCounts> {
    return this.#process.call('loadStop', { load: this.#number });
  }
}

/** How connections ended. An end may be told before the answer to the `dial` that gives the connection its number. */
class Endings {
  readonly #all = new Map<number, PromiseWithResolvers<Closed>>();

  of(connection: number): PromiseWithResolvers<Closed> {
    const known = this.#all.get(connection) ?? Promise.withResolvers<Closed>();
    this.#all.set(connection, known);
    return known;
  }

  reject(error: Error): void {
    for (const { promise, reject } of this.#all.values()) {
      // nobody has to wait for it
      promise.catch(() => {});
      reject(error);
    }
  }
}
