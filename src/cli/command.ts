/** Runs one call of the plugin: from its arguments to its exit code. */
import { PROGRAM_VERSION } from '../api/version.ts';
import type { Clock } from '../cluster/clock.ts';
import { type Call, HELP, parseCall } from './arguments.ts';
import { approve } from './approve.ts';
import { retry, suspend } from './change.ts';
import { ClusterSource } from './clusterSource.ts';
import { connect, type Connection } from './connect.ts';
import { lineOf } from './failure.ts';
import { look } from './look.ts';
import { ManifestSource } from './manifests/manifestSource.ts';
import { readManifests } from './manifests/read.ts';
import type { Width } from './table.ts';

/** `sysexits.h`: the command was used incorrectly. */
const MISUSED = 64;
const FAILED = 1;

export interface Surroundings {
  clock: Clock;
  print: (text: string) => void;
  complain: (text: string) => void;
  /** Of the terminal that reads what is printed. */
  width: Width;
}

/** Resolves with the exit code; never rejects. */
export async function run(argv: string[], around: Surroundings): Promise<number> {
  const parsed = parseCall(argv);
  if ('problem' in parsed) {
    around.complain(`${parsed.problem}\nusage: ${parsed.usage}\n"kubectl mtlsrollout --help" says more\n`);
    return MISUSED;
  }
  if ('show' in parsed) {
    around.print(parsed.show === 'help' ? HELP : `${PROGRAM_VERSION}\n`);
    return 0;
  }
  const { call } = parsed;
  try {
    return call.filenames.length > 0 ? await offline(call, around) : await online(call, around);
  } catch (error) {
    around.complain(`error: ${lineOf(error)}\n`);
    return FAILED;
  }
}

async function offline(call: Call, around: Surroundings): Promise<number> {
  const { filenames, namespace = 'default', rootNamespace, name } = call;
  const read = readManifests({ filenames, namespace, rootNamespace });
  if ('mesh' in read) return await look(call, new ManifestSource(read, name), around);
  for (const problem of read.problems) around.complain(`error: ${problem}\n`);
  return FAILED;
}

async function online(call: Call, around: Surroundings): Promise<number> {
  const connection = connect(call.connection, around.clock);
  try {
    return await perform(call, connection, around);
  } finally {
    await connection.close();
  }
}

async function perform(call: Call, connection: Connection, around: Surroundings): Promise<number> {
  const { command, name = '' } = call;
  const target = { client: connection.client, namespace: call.namespace ?? connection.namespace, name };
  if (command === 'retry') around.print(`${await retry(target, around.clock.now())}\n`);
  else if (command === 'suspend' || command === 'resume')
    around.print(`${await suspend(target, command === 'suspend')}\n`);
  else if (command === 'approve') {
    const wish = { wave: call.wave ?? '', by: call.by, now: around.clock.now() };
    around.print(`${await approve(target, new ClusterSource(call, connection, around.complain), wish)}\n`);
  } else return await look(call, new ClusterSource(call, connection, around.complain), around);
  return 0;
}
