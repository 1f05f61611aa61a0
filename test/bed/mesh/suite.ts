/** How a suite gets its mesh, and how it prints what it measured. */
import { Mesh, type MeshOptions } from './mesh.ts';

/** For a `before` hook; ended by `stop()`. Only `run.ts` makes the world in which a mesh can run. */
export async function meshFor(context: Mocha.Context, options: MeshOptions = {}): Promise<Mesh> {
  context.timeout(120_000);
  return Mesh.start(options);
}

/** One figure on a line of its own, for whoever reads the output of the suite. */
export function figure(what: string, value: string | number): void {
  console.log(`    ${what}: ${value}`);
}

/** Least, median and greatest of some times in milliseconds. */
export function spread(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b).map(time => Math.round(time));
  return `${sorted[0]} / ${sorted[Math.floor(sorted.length / 2)]} / ${sorted.at(-1)} ms`;
}
