/**
 * `npm run bench [-- NAME…]`: figures about weight and speed, all of them or the named ones. Nothing is asserted: a
 * time says something only beside another one of the same run. docs/figures.md says what each figure means.
 */
import { availableParallelism } from 'node:os';
import { apiCalls } from './bench/apiCalls.ts';
import { decisions } from './bench/decisions.ts';
import { type Figure, page } from './bench/figure.ts';
import { memory } from './bench/memory.ts';
import { planning } from './bench/planning.ts';
import { Bundle } from './bench/operatorProcess.ts';
import { startUp } from './bench/startUp.ts';
import { throughput } from './bench/throughput.ts';

interface Part {
  title: string;
  measure: (bundle: Bundle) => Figure[] | Promise<Figure[]>;
}

const PARTS: Record<string, Part> = {
  'api-calls': { title: 'API calls, Online Boutique in 11 namespaces, virtual time', measure: apiCalls },
  decisions: { title: 'Decisions of the core, one thread', measure: decisions },
  planning: { title: 'Plan and hazards of a whole mesh', measure: planning },
  'start-up': { title: 'Start of the bundled operator', measure: startUp },
  throughput: { title: 'Namespaces to STRICT without soak, HTTP on loopback', measure: throughput },
  memory: { title: 'Memory of the bundled operator', measure: memory },
};

const asked = process.argv.slice(2);
const unknown = asked.filter(name => !(name in PARTS));
if (unknown.length > 0) {
  process.stderr.write(`unknown: ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}\n`);
  process.exit(2);
}

const begun = performance.now();
process.stdout.write(`Node ${process.version}, ${availableParallelism()} cores\n\n`);
const bundle = new Bundle();
try {
  for (const name of asked.length > 0 ? asked : Object.keys(PARTS)) {
    const { title, measure } = PARTS[name]!;
    process.stdout.write(`${page(title, await measure(bundle))}\n`);
  }
} finally {
  bundle.remove();
}
process.stdout.write(`done in ${((performance.now() - begun) / 1000).toFixed(0)} s\n`);
