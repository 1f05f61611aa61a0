/** A cluster as what the reading commands look at, with the rights of whoever calls. */
import type { MtlsRollout } from '../api/resource.ts';
import type { KubeObject } from '../cluster/resource.ts';
import type { Call } from './arguments.ts';
import type { Connection } from './connect.ts';
import { WorldReader } from './reader.ts';
import { findRollout, listRollouts } from './rollouts.ts';
import type { Seen, Source } from './source.ts';

export class ClusterSource implements Source {
  readonly notes: string[] = [];
  readonly #call: Call;
  readonly #connection: Connection;
  readonly #reader: WorldReader;
  readonly #complain: (text: string) => void;

  constructor(call: Call, connection: Connection, complain: (text: string) => void) {
    this.#call = call;
    this.#connection = connection;
    this.#reader = new WorldReader(connection.client, call.rootNamespace);
    this.#complain = complain;
  }

  async rollouts(): Promise<KubeObject[]> {
    const { client } = this.#connection;
    const { name, allNamespaces } = this.#call;
    if (name !== undefined) return [await findRollout(client, this.#namespace, name)];
    const found = await listRollouts(client, allNamespaces ? undefined : this.#namespace);
    const where = allNamespaces ? '' : ` in namespace ${this.#namespace}`;
    if (found.length === 0) this.#complain(`There are no MtlsRollouts${where}.\n`);
    return found;
  }

  look(rollout: MtlsRollout): Promise<Seen> {
    return this.#reader.look(rollout);
  }

  async workloads(): ReturnType<Source['workloads']> {
    const { gaps, ...found } = await this.#reader.workloads(this.#call.allNamespaces ? undefined : this.#namespace);
    this.notes.push(...gaps);
    return found;
  }

  placeOf(): undefined {
    return undefined;
  }

  get #namespace(): string {
    return this.#call.namespace ?? this.#connection.namespace;
  }
}
