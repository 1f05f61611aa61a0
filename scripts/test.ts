/** `make test`: every fast check, one after the other, each to its end, and one closing line for all of them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { coverageProblems, coverageLines, type Summary } from './coverage.ts';
import { closingLine, type Counts } from './reporter.ts';

const RESULT = 'coverage/tests.json';
const SUMMARY = 'coverage/coverage-summary.json';

const CHECKS: [name: string, command: string, ...args: string[]][] = [
  ['format', 'biome', 'format', '.'],
  ['types', 'tsc'],
  ['lint', 'oxlint', '--type-aware'],
  ['dead exports', 'knip', '--no-progress'],
];

const total: Counts = { passed: 0, failed: 0, skipped: 0 };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function count(ok: boolean): void {
  if (ok) total.passed++;
  else total.failed++;
}

/** Quiet when all is well; the tool's own words when not. */
function check(name: string, command: string, args: string[]): void {
  const started = Date.now();
  const run = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const ok = run.status === 0;
  count(ok);
  say(`  ${name}: ${ok ? 'passed' : 'FAILED'} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (!ok)
    say(run.error === undefined ? `${run.stdout}${run.stderr}` : `could not run ${command}: ${run.error.message}`);
}

function tests(): void {
  rmSync('coverage', { recursive: true, force: true });
  const c8 = [
    '--all',
    '--src',
    'src',
    '--include',
    'src/**',
    '--reporter',
    'json-summary',
    '--reports-dir',
    'coverage',
  ];
  const mocha = [
    'mocha',
    'test/**/*.test.ts',
    '--ignore',
    'test/bed/**',
    '--reporter',
    'scripts/reporter.ts',
    '--reporter-option',
    `result=${RESULT}`,
  ];
  const run = spawnSync('c8', [...c8, ...mocha], { stdio: 'inherit' });
  if (!existsSync(RESULT)) {
    say(`  the tests did not come to an end (exit code ${run.status ?? run.signal ?? run.error?.message})`);
    return count(false);
  }
  const counts = JSON.parse(readFileSync(RESULT, 'utf8')) as Counts;
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  // a crash after the last test, or a process that would not end
  if (run.status !== 0 && counts.failed === 0) {
    say(`  mocha ended with exit code ${run.status ?? run.signal}`);
    count(false);
  }
}

function coverage(): void {
  const summary = existsSync(SUMMARY) ? (JSON.parse(readFileSync(SUMMARY, 'utf8')) as Summary) : {};
  for (const line of coverageLines(summary, process.cwd())) say(`  ${line}`);
  const problems = coverageProblems(summary, process.cwd());
  for (const problem of problems) say(`  FAILED: ${problem}`);
  count(problems.length === 0);
}

say('checks');
for (const [name, command, ...args] of CHECKS) check(name, command, args);
say('tests');
tests();
say('coverage');
coverage();
say(closingLine(total));
process.exitCode = total.failed === 0 ? 0 : 1;
