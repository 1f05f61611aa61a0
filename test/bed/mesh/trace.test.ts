/** A mesh leaves nothing behind: not when it is taken down, and not when whoever runs it is killed. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../waiting.ts';

const RUN = join(import.meta.dirname, 'run.ts');

/** A sleep that nobody else sleeps, so that it can be found among all processes of the machine. */
const marker = () => String(100_000 + Math.floor(Math.random() * 900_000));

function sleepers(seconds: string): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${seconds}\0`;
    } catch {
      return false; // gone meanwhile
    }
  });
}

describe('the world of a mesh', function () {
  this.timeout(120_000);
  const running: ChildProcess[] = [];
  after(() => running.forEach(child => child.kill('SIGKILL')));

  /** A world, inside of this one, in which a grandchild sleeps that its parent has forgotten. */
  async function world(seconds: string, then: string): Promise<ChildProcess> {
    const script = `ip netns add left; (setsid sleep ${seconds} &) ; ${then}`;
    const child = spawn(process.execPath, [RUN, 'sh', '-c', script], { stdio: 'ignore' });
    running.push(child);
    await waitFor(() => sleepers(seconds).length > 0, 'the world to be there', 60_000);
    return child;
  }

  const gone = (seconds: string) => waitFor(() => sleepers(seconds).length === 0, 'every process to be gone', 10_000);
  /** What a mount or a namespace of another world would add to. */
  const here = () => [
    readFileSync('/proc/self/mounts', 'utf8'),
    readdirSync('/run/netns').join(),
    readdirSync('/sys/class/net').join(),
  ];

  it('ends with its command', async () => {
    const [seconds, before] = [marker(), here()];
    const child = await world(seconds, 'sleep 1; exit 3');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 3);
    await gone(seconds);
    assert.deepEqual(here(), before);
  });

  it('ends with the process that runs it, even where that is killed', async () => {
    const [seconds, before] = [marker(), here()];
    const child = await world(seconds, 'sleep 600');
    child.kill('SIGKILL');
    await gone(seconds);
    assert.deepEqual(here(), before);
  });

  it('ends when its command crashes', async () => {
    const [seconds, before] = [marker(), here()];
    const child = await world(seconds, 'sleep 1; kill -SEGV $$');
    await once(child, 'exit');
    await gone(seconds);
    assert.deepEqual(here(), before);
  });
});
