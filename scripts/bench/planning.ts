/** What it costs to plan a large mesh: time, memory at its peak, and what is kept when the findings are there. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { count, type Figure } from './figure.ts';
import type { Planned } from './planningProcess.ts';

/** Namespaces; each has ten workloads of five pods. */
const SIZES = [100, 1000];
const TRIES = 3;

/** Each size is planned in processes of its own, so that a peak is that of one plan. */
export function planning(): Figure[] {
  const [small, large] = SIZES.map(size => best(Array.from({ length: TRIES }, () => plan(size))));
  if (!small || !large) return [];
  const figures = [small, large].flatMap(({ namespaces, ms, findings, peakMiB, keptMiB, readMs }) => {
    const size = `${count(namespaces)} namespaces, ${count(namespaces * 10)} workloads, ${count(namespaces * 50)} pods`;
    return [
      { name: size, value: `${count(ms)} ms`, remark: `plan and ${count(findings)} hazards, one thread` },
      { name: '  hazards', value: `${count((findings / ms) * 1000)} /s` },
      { name: '  cutting objects down while reading', value: `${count(readMs)} ms` },
      { name: '  memory at its peak', value: `${count(peakMiB)} MiB`, remark: 'above that of the idle process' },
      { name: '  memory kept between steps', value: `${keptMiB.toFixed(1)} MiB`, remark: 'the findings' },
    ];
  });
  const grown = (of: (planned: Planned) => number) => `${(of(large) / of(small)).toFixed(1)}x`;
  return [
    ...figures,
    { name: 'ten times the mesh: time', value: grown(({ ms }) => ms), remark: 'linear is 10x' },
    { name: 'ten times the mesh: memory at its peak', value: grown(({ peakMiB }) => peakMiB) },
  ];
}

function plan(namespaces: number): Planned {
  const script = join(import.meta.dirname, 'planningProcess.ts');
  return JSON.parse(
    execFileSync(process.execPath, ['--expose-gc', script, String(namespaces)], { encoding: 'utf8' }),
  ) as Planned;
}

/** The fastest: whatever else ran on the machine made the others slower. */
function best(all: readonly Planned[]): Planned | undefined {
  return all.toSorted((a, b) => a.ms - b.ms)[0];
}
