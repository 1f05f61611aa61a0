/**
 * Mocha reporter: one line a group of tests, failures and skips in full at the end, and a closing line
 * `N passed, N failed` that stands alone. With CI=true a skipped test counts as failed: what should run there must run.
 *
 * Options: `result=FILE` writes the counts as JSON instead of the closing line.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import mocha from 'mocha';
import { skipReason } from '../test/project/skip.ts';

const { EVENT_RUN_END, EVENT_SUITE_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } = mocha.Runner.constants;

/** What one run of mocha came to. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export default class Reporter extends mocha.reporters.Base {
  readonly #strict = process.env.CI === 'true';
  readonly #failed: mocha.Runnable[] = [];
  readonly #skipped: mocha.Test[] = [];
  #passed = 0;
  #groupPassed = 0;
  #groupStarted = Date.now();

  constructor(runner: mocha.Runner, options: mocha.MochaOptions) {
    super(runner, options);
    const result = (options.reporterOptions as { result?: string } | undefined)?.result;
    runner.on(EVENT_TEST_PASS, () => {
      this.#passed++;
      this.#groupPassed++;
    });
    runner.on(EVENT_TEST_FAIL, (test, error: Error) => {
      // a failed hook is reported as a runnable of its own; `err` is what Base.list prints
      Object.assign(test, { err: error });
      this.#failed.push(test);
      this.#print(`  failed: ${test.titlePath().join(' › ')}`);
    });
    runner.on(EVENT_TEST_PENDING, test => {
      this.#skipped.push(test);
    });
    runner.on(EVENT_SUITE_END, suite => {
      if (suite.parent?.root === true) this.#closeGroup(suite.title);
    });
    runner.on(EVENT_RUN_END, () => {
      this.#printSkipped();
      if (this.#failed.length > 0) mocha.reporters.Base.list(this.#failed as mocha.Test[]);
      const counts = this.#counts();
      if (result === undefined) return this.#print(closingLine(counts));
      mkdirSync(dirname(result), { recursive: true });
      writeFileSync(result, JSON.stringify(counts));
    });
  }

  /** Called by mocha before it exits; the number becomes the exit code. */
  override done(failures: number, exit?: (failures: number) => void): void {
    exit?.(this.#strict ? failures + this.#skipped.length : failures);
  }

  #counts(): Counts {
    const skipped = this.#skipped.length;
    return this.#strict
      ? { passed: this.#passed, failed: this.#failed.length + skipped, skipped: 0 }
      : { passed: this.#passed, failed: this.#failed.length, skipped };
  }

  #closeGroup(title: string): void {
    const seconds = ((Date.now() - this.#groupStarted) / 1000).toFixed(1);
    this.#print(`  ${title}: ${this.#groupPassed} passed (${seconds} s)`);
    this.#groupPassed = 0;
    this.#groupStarted = Date.now();
  }

  #printSkipped(): void {
    for (const test of this.#skipped) {
      const verb = this.#strict ? 'must run under CI=true but was skipped' : 'skipped';
      this.#print(`  ${verb}: ${test.titlePath().join(' › ')}: ${skipReason(test) ?? 'no reason given'}`);
    }
  }

  #print(line: string): void {
    process.stdout.write(`${line}\n`);
  }
}
