/** How much of the code the tests reach, by area, and the least that is accepted. */

/** The part of c8's json-summary that is used; keys are absolute file names and `total`. */
export type Summary = Record<string, { lines: { total: number; covered: number } }>;

interface Area {
  name: string;
  folders: string[];
  /** Percent of lines. */
  least: number;
}

/** The rules that decide what is written to a cluster are held higher than the rest. */
const AREAS: Area[] = [
  { name: 'core (src/rollout, src/istio)', folders: ['src/rollout/', 'src/istio/'], least: 90 },
  { name: 'all of src', folders: ['src/'], least: 85 },
];

function percent(summary: Summary, root: string, area: Area): number | undefined {
  let total = 0;
  let covered = 0;
  for (const [file, { lines }] of Object.entries(summary)) {
    if (!area.folders.some(folder => file.startsWith(`${root}/${folder}`))) continue;
    total += lines.total;
    covered += lines.covered;
  }
  return total === 0 ? undefined : (100 * covered) / total;
}

export function coverageLines(summary: Summary, root: string): string[] {
  return AREAS.map(area => {
    const found = percent(summary, root, area);
    return `${area.name}: ${found === undefined ? 'nothing measured' : `${found.toFixed(1)} % of lines`}`;
  });
}

export function coverageProblems(summary: Summary, root: string): string[] {
  return AREAS.flatMap(area => {
    const found = percent(summary, root, area);
    if (found === undefined) return [`${area.name}: coverage was not measured`];
    return found < area.least ? [`${area.name}: ${found.toFixed(1)} % of lines, at least ${area.least} % wanted`] : [];
  });
}
