/** A number that Prometheus knows, against the limits of the author: a query that the operator's configuration names. */
import { formatDuration, parseDuration } from '../api/duration.ts';
import { placeholdersOf } from '../api/queryText.ts';
import type { ProbeSpec } from '../api/schema.ts';
import { type Scope, scopeKey } from '../rollout/scope.ts';
import { eachOf } from './eachOf.ts';
import { fill, type NamedQuery, type Values, written } from './namedQuery.ts';
import { firstFew, observe, worst, type Finding, noData } from './observation.ts';
import type { Look, Probe, Series, Sight } from './probe.ts';
import { isTooShort, range } from './promql.ts';

export type QueryOptions = NonNullable<ProbeSpec['prometheus']>;

/** Who asks. */
export interface Asker {
  namespace: string;
  /** Whether that is the mesh root namespace. */
  isRoot: boolean;
  /** What the operator's configuration names. */
  queries: readonly NamedQuery[];
}

const QUERIES_AT_ONCE = 8;

export function prometheusQuery(name: string, options: QueryOptions, sight: Sight, asker: Asker): Probe {
  return {
    name,
    rounds: ['Soak'],
    observe: look => observe(name, look, () => find(look, options, sight, asker)),
  };
}

async function find(look: Look, options: QueryOptions, sight: Sight, asker: Asker): Promise<Finding> {
  const full = parseDuration(options.window);
  const since = look.inForceAt ?? look.changedAt;
  const windowMs = since === undefined ? full : Math.min(full, look.now - since);
  if (isTooShort(windowMs, full)) return TOO_SOON;
  const { what, expr, values } = chosen(options, asker);
  const asked = questions(expr, new Map([...values, ['window', range(windowMs)]]), look.scopes);
  const answers: ScopeFinding[] = [];
  await eachOf(asked, QUERIES_AT_ONCE, async ({ key, query }) => {
    answers.push(judge(key, await sight.query(query, look.now, look.signal), options));
  });
  return summary(what, answers, windowMs);
}

/** Throws an Error that says what is wrong with the choice. */
function chosen(options: QueryOptions, asker: Asker): { what: string; expr: string; values: Values } {
  const { query: name, expr, parameters } = options;
  if (expr !== undefined) {
    // refused long before; this is the last door
    if (!asker.isRoot) throw new Error('query text is only for a rollout in the mesh root namespace');
    return { what: 'the query', expr, values: new Map() };
  }
  const query = asker.queries.find(known => known.name === name);
  const isOpen = asker.isRoot || !query?.namespaces || query.namespaces.includes(asker.namespace);
  if (!query || !isOpen)
    throw new Error(`the configuration of the operator has no query ${name} for this namespace: correct the name`);
  const given = written(query, parameters);
  if ('problem' in given) throw new Error(`query ${name} ${given.problem}`);
  const foreign = query.parameters.find(
    ({ name: of, type }) => type === 'Namespace' && !asker.isRoot && parameters[of] !== asker.namespace,
  );
  if (foreign) throw new Error(`query ${name}: parameter ${foreign.name} must be ${asker.namespace} here`);
  return { what: `query ${name}`, expr: query.expr, values: given.values };
}

/** One question for each scope, or a single one where the text names none. */
function questions(expr: string, values: Values, scopes: readonly Scope[]): { key: string; query: string }[] {
  const names = placeholdersOf(expr);
  const [byNamespace, byWorkload] = [names.includes('namespace'), names.includes('workload')];
  if (!byNamespace && !byWorkload) return [{ key: 'the mesh', query: fill(expr, values) }];
  const found = new Map<string, string>();
  for (const scope of scopes) {
    if (scope.kind === 'Mesh' || (byWorkload && scope.kind !== 'Workload'))
      throw new Error(
        `the query asks for a ${byWorkload ? 'workload' : 'namespace'}, which the scope ${scopeKey(scope)} is not`,
      );
    const own: [string, string][] = [
      ['namespace', scope.namespace],
      ...(scope.kind === 'Workload' ? ([['workload', scope.name]] as [string, string][]) : []),
    ];
    found.set(fill(expr, new Map([...values, ...own])), byWorkload ? scopeKey(scope) : scope.namespace);
  }
  return [...found].map(([query, key]) => ({ key, query }));
}

interface ScopeFinding {
  verdict: Finding['verdict'];
  value: number | undefined;
  text: string;
}

/** The element that is worst decides; one that is no number leaves the answer open, unless another is bad already. */
function judge(key: string, series: readonly Series[], { min, max }: QueryOptions): ScopeFinding {
  const values = series.map(({ value }) => value);
  const numbers = values.filter(Number.isFinite);
  const high = Math.max(...numbers);
  const low = Math.min(...numbers);
  if (max !== undefined && high > max) return bad(key, high, `more than max ${shown(max)}`);
  if (min !== undefined && low < min) return bad(key, low, `less than min ${shown(min)}`);
  if (values.length === 0) return { verdict: 'NoData', value: undefined, text: `nothing for ${key}` };
  if (numbers.length < values.length)
    return { verdict: 'NoData', value: undefined, text: `no number (NaN or infinite) for ${key}` };
  const value = max === undefined ? low : high;
  return { verdict: 'Healthy', value, text: `${shown(value)} for ${key}` };
}

function bad(key: string, value: number, why: string): ScopeFinding {
  return { verdict: 'Unhealthy', value, text: `${shown(value)} for ${key}, ${why}` };
}

function summary(what: string, answers: readonly ScopeFinding[], windowMs: number): Finding {
  const verdict = worst(answers.map(answer => answer.verdict));
  const deciding = answers.filter(answer => answer.verdict === verdict);
  const value = deciding.find(answer => answer.value !== undefined)?.value;
  return {
    verdict,
    value: value === undefined ? '-' : shown(value),
    samples: answers.filter(answer => answer.value !== undefined).length,
    message: `${what} over the last ${formatDuration(windowMs)} gives ${firstFew(deciding.map(({ text }) => text).sort())}`,
  };
}

function shown(value: number): string {
  return String(Number(value.toPrecision(6)));
}

const TOO_SOON = noData('too soon after the change to ask for what came since; the next rounds will');
