/** How fast the core decides: pure, without any I/O, in the middle of a rollout. */
import { decide } from '../../src/rollout/decide.ts';
import type { Input } from '../../src/rollout/world.ts';
import { TestMesh } from '../../test/rollout/mesh.ts';
import { count, type Figure, median } from './figure.ts';

const SIZES = [11, 100, 1000];
const BATCHES = 7;
const BATCH_MS = 150;

export function decisions(): Figure[] {
  return SIZES.map(size => {
    const input = halfway(size);
    batch(input);
    const rates = Array.from({ length: BATCHES }, () => batch(input));
    return {
      name: `${count(size)} namespaces`,
      value: `${count(median(rates))} decisions/s`,
      remark: `${count(Math.min(...rates))} to ${count(Math.max(...rates))}`,
    };
  });
}

/** Half of the target is STRICT, and a step of up to ten namespaces soaks. */
function halfway(size: number): Input {
  const names = Array.from({ length: size }, (_, index) => `team-${String(index).padStart(4, '0')}`);
  const waves = [{ name: 'all', selector: {}, maxConcurrent: 10 }];
  const mesh = new TestMesh({ target: { namespaces: { names } }, strategy: { waves } }, names);
  for (const name of names.slice(0, size / 2)) mesh.putPolicy(name, 'default', { mtls: { mode: 'STRICT' } });
  mesh.until(({ phase }) => phase === 'Soaking');
  const { rollout, world, now, metrics } = mesh;
  return { rollout, world, now, metrics, epoch: 1 };
}

/** Decisions in a second of CPU time: what else runs on the machine makes little difference. */
function batch(input: Input): number {
  const begun = process.threadCpuUsage();
  let done = 0;
  let used = 0;
  while (used < BATCH_MS * 1000) {
    decide(input);
    done++;
    const { user, system } = process.threadCpuUsage(begun);
    used = user + system;
  }
  return (done / used) * 1_000_000;
}
