/** Ports of workloads as their callers see them: members of the mesh that call all the time, and strangers now and then. */
import assert from 'node:assert/strict';
import { waitFor } from '../waiting.ts';
import type { MeshPod } from './pods.ts';
import { call, type Got } from './portKinds.ts';
import { figure } from './suite.ts';
import type { Load } from './workload.ts';

/** Measured: a quarter of a second. */
const SPREAD_MS = 5_000;

export interface Door {
  /** namespace/workload. */
  of: string;
  port: number;
  serves: 'http' | 'echo';
}

/** What a client gets at each of these doors, by `namespace/workload:port`. */
async function answersAt(client: MeshPod, doors: readonly Door[]): Promise<Record<string, Got>> {
  const each = doors.map(async door => [nameOf(door), await knock(client, door)] as const);
  return Object.fromEntries(await Promise.all(each));
}

/** Every door gives this client this answer. */
export async function allGive(got: Got, client: MeshPod, doors: readonly Door[]): Promise<void> {
  const expected = Object.fromEntries(doors.map(door => [nameOf(door), got]));
  assert.deepEqual(await answersAt(client, doors), expected, `to ${client.namespace}/${client.workload}`);
}

/** The same, as soon as every proxy has learned of a change that was made just now. */
export async function soonGive(got: Got, client: MeshPod, doors: readonly Door[]): Promise<void> {
  const settled = async () => Object.values(await answersAt(client, doors)).every(each => each === got);
  await waitFor(settled, `doors to be ${got}`, SPREAD_MS).catch(() => allGive(got, client, doors));
}

/** Fresh connections at a steady rate to every door, and to those of HTTP as many requests over kept ones. */
export class Callers {
  readonly #loads: { name: string; load: Load }[] = [];

  static async begin(client: MeshPod, doors: readonly Door[], perSecond = 10): Promise<Callers> {
    const callers = new Callers();
    for (const door of doors) {
      const address = await client.addressOf(door.of, door.port);
      for (const fresh of door.serves === 'http' ? [true, false] : [true]) {
        const kind = door.serves === 'http' ? ('http' as const) : ('tcp' as const);
        const load = await client.load({ kind, address, perSecond, fresh, timeoutMs: 5000 });
        callers.#loads.push({ name: nameOf(door), load });
      }
    }
    return callers;
  }

  /** Ends the calls: none of them may have failed. */
  async lostNothing(what: string): Promise<void> {
    let calls = 0;
    for (const { name, load } of this.#loads) {
      const { sent, failed, failures } = await load.stop();
      assert.ok(sent > 0, `${name} was never called`);
      assert.equal(failed, 0, `${name}: ${JSON.stringify(failures.slice(0, 3))}`);
      calls += sent;
    }
    figure(what, `${calls} calls, 0 failed`);
  }

  /** Ends the calls: none of them may have been served. */
  async gotNothing(what: string): Promise<void> {
    let calls = 0;
    for (const { name, load } of this.#loads) {
      const { sent, ok } = await load.stop();
      assert.ok(sent > 0, `${name} was never called`);
      assert.equal(ok, 0, `${name} was served ${ok} times`);
      calls += sent;
    }
    figure(what, `${calls} calls, 0 served`);
  }
}

async function knock(client: MeshPod, door: Door): Promise<Got> {
  const { of, port, serves } = door;
  return call(client, await client.addressOf(of, port), { name: serves, port, serves });
}

function nameOf({ of, port }: Door): string {
  return `${of}:${port}`;
}
