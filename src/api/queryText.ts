/**
 * What can be said about the text of a query without understanding PromQL: which placeholders it has, and that it looks
 * back over the window that the operator sets, and over nothing else.
 */

export const PLACEHOLDER = /\$\{([A-Za-z][A-Za-z0-9]*)\}/g;
/** Longest text of a query. */
export const MOST_QUERY = 1024;
/** Placeholders that the operator fills by itself: of the scope that is looked at, and how far to look back. */
export const OPERATORS_OWN = ['namespace', 'workload', 'window'] as const;

const STRINGS = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`/g;
const WINDOW = /^\[\s*\$\{window\}\s*(:[^\][]*)?\]$/;

/** Names of the placeholders in a text, each once. */
export function placeholdersOf(text: string): string[] {
  return [...new Set([...text.matchAll(PLACEHOLDER)].map(([, name]) => name!))];
}

/** Why a query might look at another time than it should: evidence about a change never looks back beyond the change. */
export function wrongSpan(text: string): string | undefined {
  const bare = text.replaceAll(STRINGS, '""').replaceAll(/#.*/g, '');
  const range = [...bare.matchAll(/\[[^\]]*\]?/g)].find(([span]) => !WINDOW.test(span));
  if (range) return 'every range must be [${window}], which the operator keeps within the change';
  if (/@|\boffset\b/i.test(bare)) return 'must not use "offset" or "@", which look at another time';
  return undefined;
}
