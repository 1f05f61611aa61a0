/** The commands that only read: each looks at a source and prints a report. Their result is the exit code. */
import { parseRollout } from '../api/validate.ts';
import type { KubeObject } from '../cluster/resource.ts';
import { workloadStatus } from '../istio/workloadStatus.ts';
import type { Input } from '../rollout/world.ts';
import type { Call } from './arguments.ts';
import type { Surroundings } from './command.ts';
import { explainLines } from './explainView.ts';
import { type HazardReport, hazardReport } from './hazardReport.ts';
import { hazardReportLines } from './hazardReportView.ts';
import { junitOf } from './junit.ts';
import { itemsOf, show, showReports } from './output.ts';
import { isClean, knowsMetrics, planReport, type PlanReport } from './planReport.ts';
import { planLines } from './planView.ts';
import { sarifOf } from './sarif.ts';
import type { Seen, Source } from './source.ts';
import { statusReport } from './statusReport.ts';
import { statusLines } from './statusView.ts';
import { noteLines } from './table.ts';
import { workloadLines } from './workloadView.ts';

const NOT_CLEAN = 2;

/** What the source leaves open is said last, on the other channel. */
export async function look(call: Call, source: Source, around: Surroundings): Promise<number> {
  const code = await perform(call, source, around);
  const lines = noteLines(source.notes, around.width);
  // the empty line in front is for a terminal that shows both channels
  if (lines.length > 0) around.complain(`${lines.slice(around.width === undefined ? 1 : 0).join('\n')}\n`);
  return code;
}

function perform(call: Call, source: Source, around: Surroundings): Promise<number> {
  const { command } = call;
  if (command === 'status') return status(call, source, around);
  if (command === 'describe') return tell(call, source, around, statusLines);
  if (command === 'explain') return tell(call, source, around, explainLines);
  return command === 'hazards' ? hazards(call, source, around) : plan(call, source, around);
}

async function status({ format }: Call, source: Source, { print, complain, width }: Surroundings): Promise<number> {
  const { inventory, namespaces } = await source.workloads();
  const found = workloadStatus(inventory, namespaces);
  if (format !== 'text' && format !== 'wide') print(show(itemsOf(found), format));
  else if (found.length === 0) complain('There are no workloads here.\n');
  else print(`${workloadLines(found, format === 'wide', width).join('\n')}\n`);
  return 0;
}

/** Tells what the status says, in one view of it or the other. */
async function tell(call: Call, source: Source, around: Surroundings, view: typeof statusLines): Promise<number> {
  const reports = (await source.rollouts()).map(statusReport);
  showReports(call, reports, report => view(report, around.clock.now(), around.width), around);
  return 0;
}

async function hazards(call: Call, source: Source, around: Surroundings): Promise<number> {
  const now = around.clock.now();
  const reports: HazardReport[] = [];
  for (const raw of await source.rollouts()) {
    const seen = await lookedAt(raw, source, now);
    reports.push('problems' in seen ? unfit(raw, seen.problems) : hazardReport(seen.input, seen.inventory, seen.gaps));
  }
  if (call.format === 'sarif')
    around.print(
      show(
        sarifOf(reports, object => source.placeOf(object)),
        'json',
      ),
    );
  else if (call.format === 'junit') around.print(junitOf(reports));
  else showReports(call, reports, report => hazardReportLines(report, now, around.width), around);
  return reports.every(isClean) ? 0 : NOT_CLEAN;
}

async function plan(call: Call, source: Source, around: Surroundings): Promise<number> {
  const reports: PlanReport[] = [];
  for (const raw of await source.rollouts()) reports.push(await plannedFor(raw, source, around.clock.now()));
  showReports(call, reports, report => planLines(report, call.diff, around.width), around);
  return reports.every(isClean) ? 0 : NOT_CLEAN;
}

/** The plan of one rollout, as `plan` shows it. */
export async function plannedFor(raw: KubeObject, source: Source, now: number): Promise<PlanReport> {
  const seen = await lookedAt(raw, source, now);
  return 'problems' in seen
    ? { ...unfit(raw, seen.problems), waves: [] }
    : planReport(seen.input, seen.inventory, seen.gaps);
}

type LookedAt = { input: Input; inventory: Seen['inventory']; gaps: string[] } | { problems: string[] };

async function lookedAt(raw: KubeObject, source: Source, now: number): Promise<LookedAt> {
  const parsed = parseRollout(raw);
  if ('problems' in parsed) return { problems: parsed.problems };
  const { rollout } = parsed;
  const { world, obstacle, inventory, gaps } = await source.look(rollout);
  const metrics = knowsMetrics(rollout.status);
  return { input: { rollout, world, now, epoch: 0, metrics, ...(obstacle ? { obstacle } : {}) }, inventory, gaps };
}

/** Of a rollout that the API server would not take today. */
function unfit({ metadata: { namespace = '', name } }: KubeObject, problems: readonly string[]) {
  const obstacle = { reason: 'Invalid', message: problems.join('; ') };
  return { namespace, name, obstacle, scopes: [], hazards: [], blocking: 0, notes: [] };
}
