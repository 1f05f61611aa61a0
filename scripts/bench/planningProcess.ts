/** One process, one plan: `node --expose-gc planningProcess.ts NAMESPACES` prints what it took as JSON. */
import { specSchema } from '../../src/api/schema.ts';
import type { MtlsRollout } from '../../src/api/resource.ts';
import { DEFAULT_MESH, type Inventory, InventoryBuilder } from '../../src/istio/inventory/inventory.ts';
import { type Findings, findingsIn } from '../../src/rollout/findings.ts';
import { Situation } from '../../src/rollout/situation.ts';
import { largeMesh } from './largeMesh.ts';

export interface Planned {
  namespaces: number;
  /** For the plan and every hazard, without reading. */
  ms: number;
  readMs: number;
  findings: number;
  peakMiB: number;
  keptMiB: number;
}

const MIB = 1024 * 1024;
const ROOT = 'istio-system';
const rollout: MtlsRollout = {
  apiVersion: 'mtlsrollout.io/v1alpha1',
  kind: 'MtlsRollout',
  metadata: { name: 'mesh', namespace: ROOT, uid: 'u', generation: 1, creationTimestamp: '2026-12-01T08:00:00Z' },
  spec: specSchema.parse({ target: { mesh: {} } }),
};

function plan(namespaces: number): { found: Findings; ms: number; readMs: number } {
  const begun = performance.now();
  const inventory = read(namespaces);
  const started = performance.now();
  const { policies, rules } = inventory;
  const world = {
    rootNamespace: ROOT,
    drainMs: 45_000,
    namespaces: [...inventory.namespaces.values()],
    policies,
    rules,
  };
  const input = { rollout, world: { ...world, workloads: [], services: new Map() }, now: 0, epoch: 0, metrics: true };
  const situation = new Situation(input);
  const { findings: found } = findingsIn(situation, [...situation.states()], inventory, 'istio');
  return { found, ms: performance.now() - started, readMs: started - begun };
}

/** Objects come one by one, as pages do: whole ones are never held. */
function read(namespaces: number): Inventory {
  const builder = new InventoryBuilder();
  for (const { kind, raw } of largeMesh(namespaces)) builder.add(kind, raw);
  return builder.build({ rootNamespace: ROOT, mesh: DEFAULT_MESH });
}

globalThis.gc?.();
const { rss, heapUsed } = process.memoryUsage();
const namespaces = Number(process.argv[2]);
const { found, ms, readMs } = plan(namespaces);
const peakMiB = (process.resourceUsage().maxRSS * 1024 - rss) / MIB;
// as in the operator, only the findings stay; what was looked up by weak keys goes with the second pass
globalThis.gc?.();
globalThis.gc?.();
const keptMiB = (process.memoryUsage().heapUsed - heapUsed) / MIB;
const findings = [...found.values()].reduce((sum, list) => sum + list.length, 0);
const planned: Planned = { namespaces, ms, readMs, findings, peakMiB, keptMiB };
process.stdout.write(JSON.stringify(planned));
