/** Lists in the documentation are complete: reasons, configuration keys, flags and probes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { load } from 'js-yaml';
import { buildCrd } from '../../src/api/crd.ts';
import { look } from '../../src/api/schema/look.ts';
import { PHASES } from '../../src/api/status.ts';
import { HELP } from '../../src/operator/flags.ts';
import { loadSettings, type Settings } from '../../src/operator/settings.ts';
import { blank } from '../project/source.ts';
import { codesIn, pageAt, sectionOf, tableRows } from './markdown.ts';

const operations = pageAt('docs/operations.md');
const KEYS = sectionOf(operations, '## Configuration');
/** Words behind a reason that is put together. */
const FAILURES = ['Forbidden', 'Invalid', 'Unauthorized'];
const COMPOSED: Readonly<Record<string, string[]>> = {
  // the third, ProbeHealthy, is spelled out
  'Probe${verdict}': ['ProbeUnhealthy', 'ProbeError'],
  'Write${error.kind}': FAILURES.map(kind => `Write${kind}`),
  'Status${error.kind}': FAILURES.map(kind => `Status${kind}`),
};

/** Every reason, hazard code and decision that the sources name. */
function reasonsInSource(): Set<string> {
  const files = ['src/rollout', 'src/operator'].flatMap(folder =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => `${folder}/${name}`),
  );
  const found = new Set<string>();
  for (const file of files) {
    const code = blank(readFileSync(file, 'utf8'), { strings: false });
    for (const [line] of code.matchAll(/\b(?:reason|stalled|code): .*?(?=, \w+:|$)/gm)) {
      for (const [, word = ''] of line.matchAll(/'([A-Z][A-Za-z]+)'/g)) found.add(word);
      for (const [, text = ''] of line.matchAll(/`([A-Z][^`]*)`/g)) {
        assert.ok(text in COMPOSED, `${file} makes a reason that this test cannot follow: ${text}`);
        for (const word of COMPOSED[text] ?? []) found.add(word);
      }
    }
  }
  return found;
}

describe('reasons', () => {
  const inSource = reasonsInSource();
  const tables = ['## Logs and events', '## Reasons'].flatMap(heading => tableRows(sectionOf(operations, heading)));
  const listed = tables.flatMap(([first = '']) => codesIn(first)).filter(code => /^[A-Z][A-Za-z]+$/.test(code));
  const inText = codesIn(sectionOf(operations, '## Conditions'));

  it('of the program are all documented', () => {
    assert.ok(inSource.size > 30);
    const known = new Set([...listed, ...inText]);
    assert.deepEqual(
      [...inSource].filter(reason => !known.has(reason)),
      [],
    );
  });

  it('of the documentation all exist', () => {
    assert.deepEqual(
      listed.filter(reason => !inSource.has(reason)),
      [],
    );
  });

  it('that are phases are the phases', () => {
    assert.deepEqual(
      PHASES.filter(phase => !inText.includes(phase)),
      [],
    );
  });
});

/** Parts of the configuration that have defaults only where they are there. */
const WITHIN: Readonly<Record<string, object>> = {
  prometheus: { url: 'http://prometheus:9090' },
  alerts: { url: 'http://alertmanager:9093', matchers: ['severity="critical"'] },
};

describe('the table of settings', () => {
  const rows = tableRows(KEYS).map(([name = '', fallback = '']) => [codesIn(name)[0] ?? '', fallback] as const);
  const documented = new Map(rows.filter(([name]) => !name.startsWith('--')));

  it('has every key, and no other', () => {
    assert.deepEqual([...documented.keys()].toSorted(), allKeys('').toSorted());
  });

  it('has the right defaults', () => {
    for (const [key, fallback] of documented) {
      const [code] = codesIn(fallback);
      if (code === undefined) continue;
      const [part = ''] = key.split('.');
      const base = part in WITHIN ? { [part]: WITHIN[part] } : {};
      assert.deepEqual(settingsOf(withKey(base, key, load(code))), settingsOf(base), key);
      assert.notEqual(valueAt(settingsOf(base), key), undefined, key);
    }
  });

  it('has every flag', () => {
    const flags = [...HELP.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag]) => flag ?? '');
    const named = tableRows(KEYS).flatMap(([name = '']) => codesIn(name).map(code => code.split(' ')[0] ?? ''));
    assert.deepEqual(named.filter(name => name.startsWith('--')).toSorted(), flags.toSorted());
  });
});

describe('the list of probes', () => {
  const page = pageAt('docs/probes.md');
  const schema = buildCrd().spec.versions[0]?.schema.openAPIV3Schema;
  const kinds = Object.keys(schema?.properties?.['spec']?.properties?.['probes']?.items?.properties ?? {});
  const kindless = ['name', ...Object.keys(look)];
  const built = kinds.filter(kind => !kindless.includes(kind));

  it('has a row and a section for each kind that is built, and no other', () => {
    assert.ok(built.length >= 5);
    const listed = tableRows(sectionOf(page, '# Probes').split('\n## ')[0] ?? '').map(
      ([first = '']) => codesIn(first)[0] ?? '',
    );
    assert.deepEqual(listed.filter(kind => kinds.includes(kind)).toSorted(), built.toSorted());
    for (const kind of built) assert.ok(sectionOf(page, `## ${kind}`).length > 100, kind);
  });
});

/** Leaves of the schema, found by asking for a key that cannot be: the refusal lists those that can. */
function allKeys(prefix: string): string[] {
  const result = loadSettings(JSON.stringify(withKey({}, `${prefix}zzz`, 1)), []);
  const problem = 'problems' in result ? result.problems.find(text => text.includes('unknown key')) : undefined;
  const names = problem?.split('allowed here: ')[1]?.split(', ') ?? [];
  return names.flatMap(name => {
    const inner = allKeys(`${prefix}${name}.`);
    return inner.length > 0 ? inner : [`${prefix}${name}`];
  });
}

function settingsOf(value: object): Settings {
  const result = loadSettings(JSON.stringify(value), []);
  assert.ok('settings' in result, JSON.stringify(result));
  return result.settings;
}

function withKey(base: Record<string, unknown>, path: string, value: unknown): Record<string, unknown> {
  const [first = '', ...rest] = path.split('.');
  if (rest.length === 0) return { ...base, [first]: value };
  return { ...base, [first]: withKey((base[first] ?? {}) as Record<string, unknown>, rest.join('.'), value) };
}

function valueAt(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], value);
}
