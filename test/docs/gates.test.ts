/** The examples of the page on gates, run: what it quotes is what a reader gets to see. */
import assert from 'node:assert/strict';
import { load } from 'js-yaml';
import type { SpecInput } from '../../src/api/schema.ts';
import { TestMesh } from '../rollout/mesh.ts';
import { pageAt, sectionOf } from './markdown.ts';

const page = pageAt('docs/gates.md');

interface Example {
  metadata: { name: string; namespace: string };
  spec: SpecInput;
}

/** The first manifest of a section, in a mesh of its own, and what the section quotes. */
function exampleOf(heading: string, namespaces: string[] = []): { mesh: TestMesh; quotes: string[] } {
  const section = sectionOf(page, heading);
  const [, yaml = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(section) ?? [];
  const { spec, metadata } = load(yaml) as Example;
  const mesh = new TestMesh(spec, namespaces, metadata.namespace);
  mesh.rollout.metadata.name = metadata.name;
  const quotes = [...section.matchAll(/^> (.*)$/gm)].map(([, text = '']) => text);
  return { mesh, quotes };
}

describe('the page on gates', () => {
  it('shows what a closed window says', () => {
    const { mesh, quotes } = exampleOf('## Schedule');
    mesh.now = Date.parse('2026-12-25T08:00:00Z');
    mesh.step();
    assert.deepEqual(quotes, [mesh.status.message]);
    assert.equal(mesh.status.summary?.waitingOn, 'window 2027-01-05 09:00');
  });

  it('shows what an approval is asked for with, and is given by', () => {
    const { mesh, quotes } = exampleOf('## Approval');
    mesh.addNamespace('ad', { team: 'shop' });
    for (const name of ['cart', 'pay']) mesh.addNamespace(name, { team: 'shop', tier: 'core' });
    mesh.until(({ summary }) => summary?.waitingOn === 'approval of core');
    const hash = mesh.status.waves?.find(({ name }) => name === 'core')?.plan ?? '';
    const withoutTime = (text = '') => text.replace(/since [0-9:]+/, 'since …');
    assert.deepEqual(
      quotes.map(quote => withoutTime(quote.replaceAll('HASH', hash))),
      [withoutTime(mesh.status.message)],
    );
    mesh.annotate('mtlsrollout.io/approve', `core=${hash} by alice`);
    mesh.untilPhase('Completed');
  });

  it('shows what a rollout says that waits for another', () => {
    const { mesh, quotes } = exampleOf('## dependsOn', ['ad', 'cart']);
    mesh.step();
    assert.deepEqual(quotes, [mesh.status.message]);
  });
});
