/** The families together: codes are unique, each has a page, and what could not be read is said. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { CODES, meshHazards } from '../../../src/istio/hazards/catalogue.ts';
import { INVENTORY_KINDS } from '../../../src/istio/inventory/kinds.ts';
import { inventoryOf } from './scene.ts';

const names = CODES.map(({ code }) => code);

describe('codes of hazards', () => {
  it('are each used by one family', () => assert.equal(new Set(names).size, names.length));

  it('have a page each, and no page is about another', () => {
    const pages = readdirSync('docs/hazards').filter(name => name !== 'README.md');
    assert.deepEqual(pages.toSorted(), names.map(name => `${name}.md`).toSorted());
  });

  for (const { code, severity } of CODES)
    it(`${code} has a page with its severity, what breaks, how to see it and what to do`, () => {
      const page = `docs/hazards/${code}.md`;
      assert.ok(existsSync(page));
      const text = readFileSync(page, 'utf8');
      assert.ok(text.startsWith(`# ${code}\n`));
      assert.ok(text.includes(severity), severity);
      for (const heading of ['## What breaks', '## See it by hand', '## Fix'])
        assert.ok(text.includes(heading), heading);
    });

  it('are unknown, and not absent, where a kind that they need cannot be read', () => {
    for (const { kind } of INVENTORY_KINDS) {
      const needing = CODES.filter(({ needs }) => needs.includes(kind)).map(({ code }) => code);
      const unseen = [{ kind, problem: `list ${kind}: forbidden`, permission: `list ${kind}` }];
      const [found, ...more] = meshHazards(inventoryOf('', {}, { unseen })).filter(({ code }) => code === 'Unknown');
      assert.deepEqual([found?.severity, found?.object, found?.fix, more], ['Warn', kind, `allow to list ${kind}`, []]);
      assert.ok(needing.length > 0, `nothing needs ${kind}: why is it read?`);
      for (const code of needing) assert.ok(found?.message.includes(code), `${kind}: ${code}`);
    }
  });
});
