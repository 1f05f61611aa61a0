/** Small manifests as an inventory, and a namespace of it as a scope that goes from PERMISSIVE to STRICT. */
import assert from 'node:assert/strict';
import { loadAll } from 'js-yaml';
import { effectiveModes } from '../../../src/istio/effectiveMode.ts';
import type { Family, Finding, Move } from '../../../src/istio/hazards/family.ts';
import {
  DEFAULT_MESH,
  type Ground,
  type Inventory,
  InventoryBuilder,
  inNamespace,
} from '../../../src/istio/inventory/inventory.ts';
import { kindOf } from '../../../src/istio/inventory/kinds.ts';
import type { MeshSettings } from '../../../src/istio/inventory/shapes.ts';
import { selects } from '../../../src/istio/policies.ts';

/** An inventory of the documents. Every kind in them must be one that an inventory knows. */
export function inventoryOf(yaml: string, mesh: Partial<MeshSettings> = {}, more: Partial<Ground> = {}): Inventory {
  const builder = new InventoryBuilder();
  for (const raw of loadAll(yaml) as ({ apiVersion: string; kind: string } | null)[]) {
    // what a trailing line of dashes leaves
    if (raw === null) continue;
    const kind = kindOf(raw.apiVersion, raw.kind);
    assert.ok(kind, `${raw.apiVersion} ${raw.kind} is no kind of an inventory`);
    builder.add(kind, raw);
  }
  return builder.build({ rootNamespace: 'istio-system', mesh: { ...DEFAULT_MESH, ...mesh }, ...more });
}

/** All of the namespace, or the pods with these labels; ports of policies that are there already stay as they are. */
function moveOf(inventory: Inventory, namespace: string, labels: Record<string, string> = {}): Move {
  const { policies, rootNamespace } = inventory;
  const pods = inNamespace(inventory.pods, namespace).filter(pod => !pod.gateway && selects(labels, pod.labels));
  return {
    key: namespace,
    namespaces: [namespace],
    pods,
    hardens: (pod, port) => {
      const { workload, ports } = effectiveModes(policies, rootNamespace, pod.namespace, pod.labels);
      const of = ports.get(port);
      return of === undefined && workload.mode !== 'STRICT';
    },
  };
}

/** The findings of a family about namespace `shop` of these documents. */
export function findings(family: Family, yaml: string, mesh: Partial<MeshSettings> = {}): Finding[] {
  const inventory = inventoryOf(yaml, mesh);
  return [...family.find(inventory, moveOf(inventory, 'shop')), ...(family.findInMesh?.(inventory) ?? [])];
}

/** Each row: the code is found in `yes`, about an object and with words that match, and not in `no`, the nearest that is sound. */
export interface Row {
  code: string;
  what: string;
  yes: string;
  no: string;
  /** Name of the object that the finding is about. */
  object: string;
  says: RegExp;
  mesh?: Partial<MeshSettings>;
  meshOfNo?: Partial<MeshSettings>;
}

/** Tests of a family, one a row; every code of the family must have one. */
export function tellsApart(family: Family, rows: readonly Row[]): void {
  for (const { code, what, yes, no, object, says, mesh, meshOfNo } of rows)
    it(`${code}: ${what}`, () => {
      const [found, ...more] = findings(family, yes, mesh).filter(finding => finding.code === code);
      assert.ok(found, 'the hazard must be found');
      assert.deepEqual(more, [], 'it must be found once');
      assert.equal(found.object, object);
      assert.match(found.message, says);
      assert.ok(found.fix, 'somebody must be told what to do');
      const severity = family.codes.find(known => known.code === code)?.severity;
      assert.equal(found.severity, severity);
      assert.deepEqual(
        findings(family, no, meshOfNo ?? mesh).filter(finding => finding.code === code),
        [],
        'the nearest sound manifests must be left alone',
      );
    });
  it('has a row for every code', () => {
    const known = family.codes.map(({ code }) => code);
    assert.deepEqual(
      known.filter(code => !rows.some(row => row.code === code)),
      [],
    );
  });
}
