/** Which part of `src` may use which, and what the pure parts may not touch. */
import { posix } from 'node:path';
import { blank, imports } from './source.ts';

const PURE = ['api', 'istio', 'rollout'];
const PARTS = [...PURE, 'probes', 'cluster', 'report', 'operator', 'sim', 'cli', 'main'];
const but = (...excluded: string[]) => PARTS.filter(part => !excluded.includes(part));

/** Every part may import itself too. */
const ARROWS: Record<string, string[]> = {
  api: [],
  istio: ['api'],
  rollout: ['istio', 'api'],
  probes: PURE,
  cluster: PURE,
  report: PURE,
  operator: but('sim', 'cli', 'main'),
  sim: but('main', 'cli'),
  cli: [...PURE, 'cluster', 'report'],
  main: but('sim', 'cli'),
};

/** What a pure part may import from outside, by file or folder. */
const PURE_PACKAGES: Record<string, string[]> = {
  'src/api/': ['zod'],
  'src/api/queryText.ts': ['@prometheus-io/lezer-promql'],
  'src/api/hash.ts': ['node:crypto'],
  'src/rollout/localTime.ts': ['luxon'],
};

/** Clock, randomness and surroundings: in a pure part these come in as values. */
const IMPURE = [
  /\bDate\s*\.\s*now\b/,
  /\bnew\s+Date\s*(\(\s*\)|(?![\s(]))/,
  /(?<!new\s+)(?<![\w$.])Date\s*\(/,
  /\bMath\s*\.\s*random\b/,
  /\brandomUUID\b/,
  /(?<![\w$.])process\s*[.[]/,
  /(?<![\w$.])performance\s*\./,
  /(?<![\w$.])(setTimeout|setInterval|setImmediate|queueMicrotask|fetch)\s*\(/,
  /(?<![\w$.])(globalThis|console)\s*[.[]/,
  /\bDateTime\s*\.\s*(now|local|utc)\s*\(\s*\)/,
];

/** Process entries: the only places that read the environment. */
const ENTRIES = ['src/main.ts', 'src/cli/main.ts'];
const ENVIRONMENT = /\bprocess\s*\.\s*env\b|\bprocess\s*\[|[{,]\s*env\s*[,}][^;]*=\s*process\b/;

/** The part a file belongs to: its folder under `src`, or `main` for `src/main.ts`. */
function partOf(file: string): string | undefined {
  const [root, first, ...rest] = file.split('/');
  if (root !== 'src' || first === undefined) return undefined;
  return rest.length > 0 ? first : first.replace(/\.ts$/, '');
}

/** Everything wrong with one file; `file` is its path from the project's root, with slashes. */
export function violations(file: string, source: string): string[] {
  const part = partOf(file);
  if (part === undefined || !PARTS.includes(part)) return [`${file}: not in a known part of src (${PARTS.join(', ')})`];
  return [...imports(source).flatMap(name => importProblem(file, part, name)), ...codeProblems(file, part, source)];
}

function importProblem(file: string, part: string, name: string): string[] {
  if (name.startsWith('.')) {
    const target = partOf(posix.join(posix.dirname(file), name));
    const allowed = target === part || ARROWS[part]!.includes(target ?? '');
    return allowed
      ? []
      : [`${file}: ${part} must not import ${name}: allowed are ${ARROWS[part]!.join(', ') || 'none'}`];
  }
  if (!PURE.includes(part)) return [];
  const allowed = Object.entries(PURE_PACKAGES).some(
    ([where, names]) => file.startsWith(where) && names.includes(name),
  );
  return allowed ? [] : [`${file}: ${part} is pure and must not import ${name}`];
}

function codeProblems(file: string, part: string, source: string): string[] {
  const code = blank(source, { strings: true });
  const patterns = PURE.includes(part) ? IMPURE : ENTRIES.includes(file) ? [] : [ENVIRONMENT];
  return patterns.flatMap(pattern => {
    const found = pattern.exec(code);
    if (found === null) return [];
    const line = code.slice(0, found.index).split('\n').length;
    const why = PURE.includes(part)
      ? `${part} is pure: time, randomness and surroundings come in as values`
      : 'only process entries read the environment';
    return [`${file}:${line}: ${found[0].trim()}: ${why}`];
  });
}
