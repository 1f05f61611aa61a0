import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { COMMITTED, runFile } from './vectors.ts';

describe("answers of Istio's own code", () => {
  let folder: string;
  const file = (name: string, content: string | Buffer): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const first = readFileSync(COMMITTED, 'utf8').split('\n')[0] ?? '';

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vectors-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('are matched in every state', () => {
    assert.deepEqual(runFile(COMMITTED), { passed: 500, failed: 0, failures: [] });
  });

  it('that differ are shown with what was given, expected and got', () => {
    const wrong = first
      .replace('"*":"PERMISSIVE"', '"*":"STRICT"')
      .replace('"expect":{', '"expect":{"nobody.asked:1":"AUTO",');
    const { passed, failures } = runFile(file('wrong.jsonl', `${first}\n\n${wrong}\n`));
    assert.equal(passed, 1);
    assert.equal(failures.length, 1);
    assert.match(failures[0] ?? '', /wrong\.jsonl:3:\n {2}nobody\.asked:1: expected AUTO, got nothing\n/);
    assert.match(failures[0] ?? '', /\*: expected STRICT, got PERMISSIVE\n {2}given \{"rootNamespace"/);
  });

  it('that cannot be read are failures with their place', () => {
    const damaged = [
      first,
      '{"given":',
      '{"given":{},"expect":{}}',
      '7',
      first.replace('"mode":"PERMISSIVE"', '"mode":"OFF"'),
    ];
    const { passed, failures } = runFile(file('damaged.jsonl', damaged.join('\n')));
    assert.deepEqual([passed, failures.length], [1, 4]);
    assert.match(failures[0] ?? '', /damaged\.jsonl:2: malformed: /);
    assert.match(runFile(join(folder, 'nowhere.jsonl')).failures[0] ?? '', /nowhere\.jsonl: cannot be read: ENOENT/);
    assert.match(runFile(file('not.gz', 'plain')).failures[0] ?? '', /not\.gz: cannot be read: /);
    assert.match(runFile(file('empty.jsonl', '\n')).failures[0] ?? '', /empty\.jsonl: holds no state/);
  });

  it('may lie in further files, packed or not', () => {
    const further = [file('more.jsonl', `${first}\n`), file('more.jsonl.gz', gzipSync(`${first}\n${first}\n`))];
    const program = (paths: string[]) =>
      spawnSync(process.execPath, [fileURLToPath(new URL('vectors.ts', import.meta.url))], {
        env: { ...process.env, ISTIO_RULE_VECTORS: paths.join(':') },
        encoding: 'utf8',
      });
    const good = program(further);
    assert.equal(good.stdout, '503 passed, 0 failed\n');
    assert.equal(good.status, 0);
    const bad = program([...further, join(folder, 'nowhere.jsonl')]);
    assert.match(bad.stdout, /nowhere\.jsonl: cannot be read: ENOENT[^\n]*\n503 passed, 1 failed\n$/);
    assert.equal(bad.status, 1);
  });
});
