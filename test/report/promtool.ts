/** Prometheus' own judgement of what the operator hands out, where promtool is installed. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'mocha';
import { skipBecause } from '../project/skip.ts';

/** What promtool complains about; empty where it is content. */
export function complaints(context: Context, args: string[], files: Record<string, string>, input = ''): string {
  const folder = mkdtempSync(join(tmpdir(), 'promtool-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { error, status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, input, encoding: 'utf8' });
    if (error) skipBecause(context, 'promtool is not installed');
    return status === 0 ? '' : `${stdout}${stderr}` || `promtool ended with ${status}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
