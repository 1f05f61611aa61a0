/** Runs one call of the plugin: from its arguments to its exit code. */
import { dump } from 'js-yaml';
import { PROGRAM_VERSION } from '../api/version.ts';
import { parseRollout } from '../api/validate.ts';
import type { Clock } from '../cluster/clock.ts';
import type { KubeObject } from '../cluster/resource.ts';
import { type Call, type Format, HELP, parseCall } from './arguments.ts';
import { retry, suspend } from './change.ts';
import { connect, type Connection } from './connect.ts';
import { lineOf } from './failure.ts';
import { isClean, knowsMetrics, planReport, type PlanReport } from './planReport.ts';
import { planLines } from './planView.ts';
import { WorldReader } from './reader.ts';
import { findRollout, listRollouts } from './rollouts.ts';
import { statusReport } from './statusReport.ts';
import { statusLines } from './statusView.ts';
import type { Width } from './table.ts';

/** `sysexits.h`: the command was used incorrectly. */
const MISUSED = 64;
const FAILED = 1;
const NOT_CLEAN = 2;

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
  let connection: Connection | undefined;
  try {
    connection = connect(parsed.call.connection, around.clock);
    return await perform(parsed.call, connection, around);
  } catch (error) {
    around.complain(`error: ${lineOf(error)}\n`);
    return FAILED;
  } finally {
    await connection?.close();
  }
}

async function perform(call: Call, connection: Connection, around: Surroundings): Promise<number> {
  const { command, name = '' } = call;
  if (command === 'status') return await status(call, connection, around);
  if (command === 'plan') return await plan(call, connection, around);
  const target = { client: connection.client, namespace: call.namespace ?? connection.namespace, name };
  const done =
    command === 'retry' ? await retry(target, around.clock.now()) : await suspend(target, command === 'suspend');
  around.print(`${done}\n`);
  return 0;
}

async function status(call: Call, connection: Connection, around: Surroundings): Promise<number> {
  const reports = (await chosen(call, connection, around)).map(statusReport);
  show(call, reports, report => statusLines(report, around.clock.now(), around.width), around);
  return 0;
}

async function plan(call: Call, connection: Connection, around: Surroundings): Promise<number> {
  const rollouts = await chosen(call, connection, around);
  const reader = new WorldReader(connection.client, call.rootNamespace);
  const reports: PlanReport[] = [];
  for (const raw of rollouts) reports.push(await planned(raw, reader, around.clock.now()));
  show(call, reports, report => planLines(report, around.width), around);
  return reports.every(isClean) ? 0 : NOT_CLEAN;
}

async function planned(raw: KubeObject, reader: WorldReader, now: number): Promise<PlanReport> {
  const parsed = parseRollout(raw);
  if ('problems' in parsed) {
    const { namespace = '', name } = raw.metadata;
    const obstacle = { reason: 'Invalid', message: parsed.problems.join('; ') };
    return { namespace, name, obstacle, waves: [], hazards: [], blocking: 0, notes: [] };
  }
  const { rollout } = parsed;
  const { world, obstacle, gaps } = await reader.look(rollout);
  const metrics = knowsMetrics(rollout.status);
  return planReport({ rollout, world, now, epoch: 0, metrics, ...(obstacle ? { obstacle } : {}) }, gaps);
}

async function chosen(
  { name, namespace: asked, allNamespaces }: Call,
  { client, namespace: usual }: Connection,
  { complain }: Surroundings,
): Promise<KubeObject[]> {
  const namespace = asked ?? usual;
  if (name !== undefined) return [await findRollout(client, namespace, name)];
  const found = await listRollouts(client, allNamespaces ? undefined : namespace);
  if (found.length === 0)
    complain(allNamespaces ? 'There are no MtlsRollouts.\n' : `There are no MtlsRollouts in namespace ${namespace}.\n`);
  return found;
}

/** One value for a name, a list of items otherwise, as with kubectl. */
function show<T>(
  { name, format }: Call,
  reports: readonly T[],
  lines: (report: T) => string[],
  { print }: Surroundings,
) {
  if (format === 'text') {
    print(reports.map(report => lines(report).join('\n') + '\n').join('\n'));
    return;
  }
  print(documentOf(name === undefined ? { items: reports } : reports[0], format));
}

function documentOf(value: unknown, format: Exclude<Format, 'text'>): string {
  return format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : dump(value, { lineWidth: 120, noRefs: true });
}
