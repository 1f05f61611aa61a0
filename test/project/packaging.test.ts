import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from './skip.ts';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
const instructions = readFileSync('Dockerfile', 'utf8')
  .split('\n')
  .filter(line => /^[A-Z]/.test(line));
const finalStage = instructions.slice(instructions.findLastIndex(line => line.startsWith('FROM')));
const files = (line: string) => line.split(' ').slice(1, -1);

describe('Dockerfile', () => {
  it('ends in an image without shell, as a numbered user that is not root', () => {
    assert.equal(finalStage[0], 'FROM scratch');
    const users = finalStage.filter(line => line.startsWith('USER'));
    assert.deepEqual(users, ['USER 65532:65532']);
    assert.ok(
      finalStage.every(line => !line.startsWith('RUN')),
      'nothing can run where there is no shell',
    );
    assert.match(
      finalStage.at(-1)!,
      /^ENTRYPOINT \["\/usr\/local\/bin\/node", "--max-semi-space-size=4", "\/app\/dist\/mtls-rollout\.mjs"\]$/,
    );
  });

  it('copies what is there, and .dockerignore lets it through', () => {
    const copied = instructions.filter(line => line.startsWith('COPY') && !line.includes('--from=')).flatMap(files);
    assert.ok(copied.length > 0);
    assert.deepEqual(
      copied.filter(file => !existsSync(file)),
      [],
    );
    const admitted = readFileSync('.dockerignore', 'utf8').split('\n');
    assert.deepEqual(
      copied.filter(file => !admitted.includes(`!${file.replace(/^\.\//, '')}`)),
      [],
    );
  });
});

describe('packaging', function () {
  this.timeout(180_000);
  this.slow(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'packaging-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const run = (command: string, args: string[], cwd: string) => execFileSync(command, args, { cwd, encoding: 'utf8' });
  const node = (cwd: string, ...args: string[]) => run(process.execPath, args, cwd);

  it('runs from an install without development packages', () => {
    const home = join(folder, 'package');
    mkdirSync(home);
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) cpSync(file, join(home, file));
    run(
      'npm',
      ['ci', '--omit=dev', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'],
      home,
    );
    assert.ok(!existsSync(join(home, 'node_modules/typescript')));
    run('tsc', ['-p', 'tsconfig.build.json', '--outDir', join(home, 'dist')], '.');
    assert.equal(node(home, 'dist/main.js', '--version').trim(), version);
  });

  it('runs from one file, beside nothing but package.json', () => {
    const home = join(folder, 'image');
    mkdirSync(join(home, 'dist'), { recursive: true });
    cpSync('package.json', join(home, 'package.json'));
    node('.', 'scripts/bundle.ts', join(home, 'dist'));
    assert.deepEqual(readdirSync(join(home, 'dist')).sort(), ['licenses.txt', 'mtls-rollout.mjs']);
    assert.equal(node(home, 'dist/mtls-rollout.mjs', '--version').trim(), version);
    const licenses = readFileSync(join(home, 'dist/licenses.txt'), 'utf8');
    for (const name of ['winston', 'zod', 'undici', '@kubernetes/client-node']) {
      assert.match(licenses, new RegExp(`^${name} \\d`, 'm'));
    }
  });

  it('runs where there is nothing but Node, the libraries it is linked with, and the bundle', function () {
    if (process.getuid?.() !== 0) skipBecause(this, 'only root may change the root folder of a process');
    const root = join(folder, 'root');
    const libraries = run('ldd', [process.execPath], '.').match(/\/\S+/g) ?? [];
    mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
    cpSync(process.execPath, join(root, 'usr/local/bin/node'));
    run('cp', ['--parents', '-L', ...libraries, root], '.');
    node('.', 'scripts/bundle.ts', join(root, 'app/dist'));
    cpSync('package.json', join(root, 'app/package.json'));
    const [program, ...flags] = JSON.parse(finalStage.at(-1)!.slice('ENTRYPOINT '.length)) as string[];
    // the folder is another's: nothing can be written
    const said = execFileSync('chroot', ['--userspec=65532:65532', root, program!, ...flags, '--version'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], NODE_ENV: 'production' },
    });
    assert.equal(said.trim(), version);
  });
});
