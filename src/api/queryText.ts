/**
 * What can be said about the text of a query without Prometheus: that it is PromQL, which placeholders it has, and that
 * it looks back over the window that the operator sets, and over nothing else.
 */
import { parser } from '@prometheus-io/lezer-promql';

export const PLACEHOLDER = /\$\{([A-Za-z][A-Za-z0-9]*)\}/g;
/** Longest text of a query. */
export const MOST_QUERY = 1024;
/** Placeholders that the operator fills by itself: of the scope that is looked at, and how far to look back. */
export const OPERATORS_OWN = ['namespace', 'workload', 'window'] as const;
/** What a placeholder stands for: part of a string, a length of time, or a number. */
export type StandsFor = 'Text' | 'Duration' | 'Number';

type Node = ReturnType<typeof parser.parse>['topNode'];

const WINDOW = '${window}';
const RANGES: ReadonlySet<string> = new Set(['MatrixSelector', 'SubqueryExpr']);
/** What of the language looks at another time than the range says; the last two take in what lies beside it. */
const ELSEWHEN: ReadonlyMap<string, string> = new Map([
  ['OffsetExpr', '"offset"'],
  ['StepInvariantExpr', '"@"'],
  ['SmoothedExpr', '"smoothed"'],
  ['AnchoredExpr', '"anchored"'],
]);

/** Names of the placeholders in a text, each once. */
export function placeholdersOf(text: string): string[] {
  return [...new Set([...text.matchAll(PLACEHOLDER)].map(([, name]) => name!))];
}

/**
 * Why Prometheus would not take a text, or take it for another question than was meant; undefined: nothing that shows.
 * Evidence about a change never looks back beyond the change. `others` are placeholders beside the operator's own.
 */
export function wrongQuery(text: string, others: ReadonlyMap<string, StandsFor> = new Map()): string | undefined {
  const standsFor = (name: string) => (name === 'window' ? 'Duration' : (others.get(name) ?? 'Text'));
  const nodes = nodesOf(
    parser.parse(text.replaceAll(PLACEHOLDER, (all, name: string) => standIn(all, standsFor(name)))),
  );
  const broken = nodes.find(node => node.type.isError);
  if (broken) return notPromql(text, broken.from);
  const ends = [...text.matchAll(PLACEHOLDER)].find(
    ({ index, 1: name }) => standsFor(name!) === 'Text' && !nodes.some(node => isText(node) && holds(node, index)),
  );
  if (ends) return `${ends[0]} must stand in a string, such as label="${ends[0]}"`;
  const elsewhen = nodes.map(node => ELSEWHEN.get(node.name)).find(word => word !== undefined);
  if (elsewhen) return `must not use ${elsewhen}, which looks at another time`;
  const ranges = nodes.filter(node => RANGES.has(node.name));
  if (ranges.some(node => lengthOf(node, text) !== WINDOW))
    return 'every range must be [${window}], which the operator keeps within the change';
  if (ranges.some(node => ranges.some(outer => outer !== node && holds(outer, node.from) && outer.to > node.to)))
    return 'must not have a range within a subquery, which looks back from each of its steps';
  return undefined;
}

/** Something as long as the placeholder, so that what comes after it stays in its place. */
function standIn({ length }: string, what: StandsFor): string {
  return what === 'Text' ? 'n'.repeat(length) : what === 'Number' ? '1'.repeat(length) : `${'1'.repeat(length - 1)}s`;
}

function nodesOf(tree: ReturnType<typeof parser.parse>): Node[] {
  const found: Node[] = [];
  tree.iterate({ enter: ({ node }) => void found.push(node) });
  return found;
}

function notPromql(text: string, at: number): string {
  const rest = text.slice(at).trim();
  if (rest === '') return 'is not PromQL: it ends too soon';
  const shown = rest.length > 20 ? `${rest.slice(0, 20)}…` : rest;
  return `is not PromQL at character ${at + 1}, from ${JSON.stringify(shown)} on: no such function, or a mistake there`;
}

const isText = ({ name }: Node) => name === 'StringLiteral' || name === 'LineComment';
const holds = ({ from, to }: Node, at: number) => from <= at && at < to;

function lengthOf(range: Node, text: string): string | undefined {
  const written = range.getChild('DurationExpr');
  return written ? text.slice(written.from, written.to) : undefined;
}
