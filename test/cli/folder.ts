/** A folder of manifests, and the plugin at work on it without any cluster. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../src/cli/command.ts';
import { VirtualClock } from '../../src/sim/clock.ts';
import type { Seen } from './scene.ts';

export const NOW = Date.parse('2026-12-01T09:00:00Z');

/** Runs the plugin in this process on files that are given as they are, or by name and text. */
export async function offline(
  command: string[],
  files: string[] | Record<string, string>,
  width?: number,
): Promise<Seen> {
  const named = Array.isArray(files) ? files : undefined;
  const folder = mkdtempSync(join(tmpdir(), 'manifests-'));
  try {
    for (const [name, text] of named ? [] : Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    const seen = { out: '', err: '' };
    const code = await run([...command, ...(named ?? [folder]).flatMap(name => ['-f', name])], {
      clock: new VirtualClock(NOW),
      print: text => void (seen.out += text),
      complain: text => void (seen.err += text),
      width,
    });
    return { code, out: seen.out, err: seen.err.replaceAll(`${folder}/`, '') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
