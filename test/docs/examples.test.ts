/** Whatever the documentation shows works: manifests, configuration, command lines, links, transcripts. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { load } from 'js-yaml';
import { buildCrd } from '../../src/api/crd.ts';
import { parseRollout } from '../../src/api/validate.ts';
import { loadSettings } from '../../src/operator/settings.ts';
import { VirtualClock } from '../../src/sim/clock.ts';
import { EmbeddedCluster } from '../../src/sim/server/server.ts';
import { problemsOf } from './commands.ts';
import { anchors, codesIn, fences, type Fence, localLinks, pageAt, pages } from './markdown.ts';
import { fragmentsIn, strangeParts } from './phrases.ts';

interface Manifest {
  kind?: string;
  metadata: { name: string; namespace: string };
}

const examples = fences('yaml').map(fence => ({ ...fence, value: load(fence.text) as Manifest }));
const rollouts = examples.filter(({ value }) => value.kind === 'MtlsRollout');
const NOW = '2026-12-01T09:00:00Z';

describe('examples of rollouts', () => {
  it('are there', () => assert.ok(rollouts.length >= 5));

  for (const { at, value } of rollouts) {
    it(`${at} is valid`, () => {
      const metadata = { ...value.metadata, uid: 'u', generation: 1, creationTimestamp: NOW };
      const parsed = parseRollout({ ...value, metadata });
      assert.ok('rollout' in parsed, JSON.stringify(parsed));
    });

    it(`${at} is accepted by an API server`, async () => {
      const cluster = new EmbeddedCluster({ clock: new VirtualClock(Date.parse(NOW)), crds: [buildCrd()] });
      const { namespace } = value.metadata;
      cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      const path = `/apis/mtlsrollout.io/v1alpha1/namespaces/${namespace}/mtlsrollouts`;
      const query = { fieldValidation: 'Strict' };
      const { status, body } = await cluster.transport().call({ method: 'POST', path, query, body: value });
      assert.equal(status, 201, JSON.stringify(body));
    });
  }
});

describe('examples of configuration', () => {
  const settings = examples.filter(({ value }) => value.kind === undefined);
  it('are there', () => assert.ok(settings.length > 0));

  for (const { at, text } of settings)
    it(`${at} is accepted by the operator`, () => {
      const result = loadSettings(text, []);
      assert.ok('settings' in result, JSON.stringify(result));
    });
});

describe('command lines', () => {
  const lines = fences('sh').flatMap(({ at, text }) => text.split('\n').map(line => ({ at, line })));
  const quoted = [...pages].flatMap(([at, text]) =>
    codesIn(text.replaceAll(/^```[\s\S]*?^```$/gm, ''))
      .filter(code => /^(make [a-z]|npm run|node src|kubectl (apply|mtlsrollout) )/.test(code))
      .map(line => ({ at, line: line.replace(' [-- NAME…]', '') })),
  );
  const all = [...lines, ...quoted].filter(({ line }) => line.trim() !== '');

  it('are there', () => assert.ok(all.length >= 20));
  for (const { at, line } of all) it(`${at}: ${line}`, () => assert.deepEqual(problemsOf(line), []));
});

describe('links', () => {
  for (const [path, text] of pages)
    it(`of ${path} lead somewhere`, () => {
      const broken = localLinks(text).filter(link => {
        const [file = '', anchor] = link.split('#');
        const target = file === '' ? path : normalize(join(dirname(path), file));
        if (!existsSync(target)) return true;
        return anchor !== undefined && !anchors(pageAt(target)).has(anchor);
      });
      assert.deepEqual(broken, []);
    });

  it('of the list of decisions name each of them', () => {
    const there = readdirSync('docs/decisions').filter(name => name !== 'README.md');
    assert.deepEqual(localLinks(pageAt('docs/decisions/README.md')).toSorted(), there.toSorted());
  });
});

describe('transcripts', () => {
  const fragments = fragmentsIn('src/rollout', 'src/probes', 'src/sim/demo', 'src/sim/boutique');
  // other tools and figures speak in other words
  const quotes = fences('text').filter(({ text }) => /^(\d\d:\d\d:\d\d {2}|✔ )|WAITING-ON/m.test(text));
  const unsaid = ({ text }: Fence) =>
    sentencesOf(text).flatMap(sentence => strangeParts(sentence, fragments).map(part => `"${part}" in: ${sentence}`));

  it('are there', () => assert.ok(quotes.length >= 3));
  for (const fence of quotes) it(`${fence.at} is what the program says`, () => assert.deepEqual(unsaid(fence), []));

  it('would not pass with other words', () => {
    const sentence = 'wave leaf, step 1/5: ad and email STRICT and happy';
    assert.deepEqual(strangeParts(sentence, fragments), ['STRICT and happy']);
  });

  it('have the columns of kubectl get', () => {
    const { additionalPrinterColumns } = buildCrd().spec.versions[0]!;
    const columns = additionalPrinterColumns.map(({ name }) => name.toUpperCase());
    const heads = quotes.flatMap(({ text }) => text.split('\n').filter(line => line.includes('WAITING-ON')));
    assert.ok(heads.length > 0);
    for (const head of heads)
      assert.deepEqual(
        head.split(/ {2,}/).filter(name => name !== 'NAMESPACE'),
        ['NAME', ...columns],
      );
  });
});

/** Sentences of a transcript: log lines, what was shown, and the last cell of rows that have one. */
function sentencesOf(text: string): string[] {
  return text.split('\n').flatMap(line => {
    if (line.startsWith('✔ ')) return [line.slice(2)];
    if (/^\d\d:\d\d:\d\d {2}/.test(line)) return [line.slice(10)];
    const last = line.split(/ {2,}/).at(-1) ?? '';
    return last.includes(' ') ? [last] : [];
  });
}
