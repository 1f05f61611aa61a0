import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { generatedFiles } from '../../scripts/generated.ts';
import { buildCrd, type SchemaNode } from '../../src/api/crd.ts';

const project = join(import.meta.dirname, '../..');
const version = buildCrd().spec.versions[0];
assert.ok(version);
const root = version.schema.openAPIV3Schema;

/** Every node of the schema with its path. */
function* nodes(node: SchemaNode, path = ''): Generator<[string, SchemaNode]> {
  yield [path, node];
  for (const [name, child] of Object.entries(node.properties ?? {})) yield* nodes(child, `${path}.${name}`);
  if (node.items !== undefined) yield* nodes(node.items, `${path}[]`);
  if (node.additionalProperties !== undefined) yield* nodes(node.additionalProperties, `${path}{}`);
}

/** The node at a path such as `.spec.strategy.waves[].soak`. */
function nodeAt(path: string): SchemaNode {
  for (const [at, node] of nodes(root)) if (at === path) return node;
  throw new Error(`the CRD has no ${path}`);
}

describe('generated files', () => {
  for (const { path, text } of generatedFiles()) {
    it(`${path} is fresh (npm run generate)`, () => {
      assert.equal(readFileSync(join(project, path), 'utf8'), text);
    });
  }

  it('hold the CRD without loss', () => {
    const yaml = readFileSync(join(project, 'crds/mtlsrollout.io_mtlsrollouts.yaml'), 'utf8');
    assert.deepEqual(load(yaml), JSON.parse(JSON.stringify(buildCrd())));
    assert.doesNotMatch(yaml, /[&*]ref_/);
  });

  it('the reference names every field', () => {
    const page = readFileSync(join(project, 'docs/reference.md'), 'utf8');
    for (const [path] of nodes(root)) {
      if (!/^\.(spec|status)\.(.*[^\]}])$/.test(path)) continue;
      assert.ok(page.includes(`\`${path.slice(1)}\``), `docs/reference.md does not have ${path}`);
    }
  });
});

describe('CRD', () => {
  it('fits into etcd and into an annotation', () => {
    assert.ok(JSON.stringify(buildCrd()).length < 256 * 1024);
  });

  it('is structural', () => {
    for (const [path, node] of nodes(root)) {
      for (const keyword of [
        'oneOf',
        'anyOf',
        'allOf',
        'not',
        '$ref',
        '$schema',
        'nullable',
        'const',
        'propertyNames',
      ]) {
        assert.ok(!(keyword in node), `${keyword} at ${path}`);
      }
      assert.notEqual(node.additionalProperties, false, `closed object at ${path}`);
      const typed = node.type !== undefined || node['x-kubernetes-int-or-string'] === true;
      assert.ok(typed, `no type at ${path}`);
    }
  });

  it('bounds every list, map and string, so that the status cannot grow and rules stay cheap', () => {
    for (const [path, node] of nodes(root)) {
      if (!/^\.(spec|status)/.test(path)) continue;
      if (node.type === 'array') assert.ok(node.maxItems !== undefined, `no maxItems at ${path}`);
      if (node.additionalProperties) assert.ok(node.maxProperties !== undefined, `no maxProperties at ${path}`);
      if (node.type === 'string' && node.enum === undefined) {
        assert.ok(node.maxLength !== undefined, `no maxLength at ${path}`);
      }
    }
  });

  it('describes every field of the spec', () => {
    for (const [path, node] of nodes(root)) {
      if (!/^\.spec.*[^\]}]$/.test(path)) continue;
      assert.ok((node.description ?? '').length > 0, `no description at ${path}`);
    }
  });

  it('carries the defaults, so that kubectl get -o yaml shows them', () => {
    assert.equal(nodeAt('.spec.mode').default, 'Enforce');
    assert.deepEqual(nodeAt('.spec.strategy').default, {});
    assert.equal(nodeAt('.spec.strategy.waves[].maxConcurrent').default, 1);
    assert.equal(nodeAt('.spec.strategy.waves[].soak').default, '10m');
    assert.equal(nodeAt('.spec.analysis.progressDeadline').default, '6h');
  });

  it('says number or percentage in the way of Kubernetes', () => {
    const node = nodeAt('.spec.strategy.waves[].maxConcurrent');
    assert.equal(node['x-kubernetes-int-or-string'], true);
    assert.equal(node.type, undefined);
  });

  it('keeps numbers that outgrow 32 bits wide', () => {
    assert.equal(nodeAt('.status.observedGeneration').format, 'int64');
    assert.equal(nodeAt('.status.conditions[].observedGeneration').format, 'int64');
    assert.equal(nodeAt('.spec.analysis.successes').format, 'int32');
  });

  it('has rules at the places where the API server must refuse', () => {
    const ruled = [...nodes(root)].filter(([, node]) => node['x-kubernetes-validations'] !== undefined);
    const paths = ruled.map(([path]) => path);
    for (const path of [
      '',
      '.spec',
      '.spec.target',
      '.spec.strategy.waves',
      '.spec.strategy.waves[].soak',
      '.spec.probes[]',
    ]) {
      assert.ok(paths.includes(path), `no rule at "${path}"`);
    }
    for (const [path, node] of ruled) {
      for (const { rule, message } of node['x-kubernetes-validations'] ?? []) {
        assert.ok(rule !== '' && message !== '' && !message.includes('\n'), `rule without words at ${path}`);
      }
    }
  });

  it('shows the columns in order', () => {
    const columns = version.additionalPrinterColumns.map(({ name, jsonPath, priority = 0 }) => [
      name,
      jsonPath,
      priority,
    ]);
    assert.deepEqual(columns, [
      ['Phase', '.status.phase', 0],
      ['Step', '.status.summary.step', 0],
      ['Strict', '.status.summary.strict', 0],
      ['Waiting-On', '.status.summary.waitingOn', 0],
      ['Age', '.metadata.creationTimestamp', 0],
      ['Wave', '.status.step.wave', 1],
      ['Probe', '.status.summary.probe', 1],
      ['Message', '.status.message', 1],
    ]);
    for (const [, path] of columns) {
      if (String(path).startsWith('.status')) assert.equal(nodeAt(String(path)).type, 'string');
    }
  });
});
