/**
 * Compares the rules of `src/istio` with answers that Istio's own code gave. `npm run vectors` runs the committed
 * file and every further one named in ISTIO_RULE_VECTORS (paths between colons; `.gz` is unpacked).
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { answersOf, type State } from './vectorState.ts';

export const COMMITTED = fileURLToPath(new URL('vectors/istio-rules.jsonl', import.meta.url));

export interface Outcome {
  passed: number;
  failed: number;
  /** What went wrong, one text a failed state, in the order of the file. */
  failures: string[];
}

/** Runs every line of a file. A file that cannot be read, or holds no state, is one failure. */
export function runFile(path: string): Outcome {
  let text: string;
  try {
    const bytes = readFileSync(path);
    text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    return failure(`${path}: cannot be read: ${messageOf(error)}`);
  }
  const outcome: Outcome = { passed: 0, failed: 0, failures: [] };
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const difference = runLine(line, `${path}:${index + 1}`);
    if (difference === undefined) outcome.passed++;
    else outcome.failures.push(difference);
  }
  outcome.failed = outcome.failures.length;
  return outcome.passed + outcome.failed === 0 ? failure(`${path}: holds no state`) : outcome;
}

/** Undefined when every answer is the expected one. */
function runLine(line: string, place: string): string | undefined {
  let state: State;
  let got: Record<string, string>;
  try {
    state = JSON.parse(line) as State;
    got = answersOf(state);
  } catch (error) {
    return `${place}: malformed: ${messageOf(error)}`;
  }
  const expected = Object.entries(state.expect);
  const differences = expected.filter(([key, answer]) => got[key] !== answer);
  if (differences.length === 0) return undefined;
  const lines = differences.map(([key, answer]) => `  ${key}: expected ${answer}, got ${got[key] ?? 'nothing'}`);
  return [`${place}:`, ...lines, `  given ${JSON.stringify(state.given)}`].join('\n');
}

function failure(message: string): Outcome {
  return { passed: 0, failed: 1, failures: [message] };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function main(): void {
  const further = (process.env['ISTIO_RULE_VECTORS'] ?? '').split(':').filter(path => path !== '');
  const outcomes = [COMMITTED, ...further].map(runFile);
  for (const failed of outcomes.flatMap(outcome => outcome.failures).slice(0, 5)) console.log(failed);
  const sum = (key: 'passed' | 'failed') => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') > 0 ? 1 : 0;
}

if (import.meta.main) main();
