import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const SUITE = `
import { skipBecause } from ${JSON.stringify(resolve('test/project/skip.ts'))};
describe('outer', () => {
  it('passes', () => {});
  describe('inner', () => { it('fails', () => { throw new Error('on purpose'); }); });
});
describe('skipped', () => {
  before(function () { skipBecause(this, 'no loopback here'); });
  it('is not run', () => {});
});
`;

describe('reporter', function () {
  this.slow(5000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'reporter-'));
    writeFileSync(join(folder, 'some.test.ts'), SUITE);
    writeFileSync(join(folder, 'good.test.ts'), "describe('good', () => { it('passes', () => {}); });");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function run(file: string, CI: string): { status: number | null; lines: string[] } {
    const args = [
      'node_modules/mocha/bin/mocha.js',
      '--no-config',
      '--reporter',
      'scripts/reporter.ts',
      join(folder, file),
    ];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, CI } });
    return { status, lines: stdout.trimEnd().split('\n') };
  }

  it('closes with the counts, alone on the last line', () => {
    const { status, lines } = run('good.test.ts', 'true');
    assert.equal(status, 0);
    assert.equal(lines.at(-1), '1 passed, 0 failed');
  });

  it('prints failures in full and why a test was skipped', () => {
    const { status, lines } = run('some.test.ts', '');
    assert.equal(status, 1);
    assert.equal(lines.at(-1), '1 passed, 1 failed, 1 skipped');
    assert.ok(lines.includes('  failed: outer › inner › fails'));
    assert.ok(lines.some(line => line.includes('on purpose')));
    assert.ok(lines.includes('  skipped: skipped › is not run: no loopback here'), lines.join('\n'));
  });

  it('counts a skipped test as failed under CI', () => {
    const { status, lines } = run('some.test.ts', 'true');
    assert.equal(status, 2);
    assert.equal(lines.at(-1), '1 passed, 2 failed');
    assert.ok(lines.includes('  must run under CI=true but was skipped: skipped › is not run: no loopback here'));
  });
});
