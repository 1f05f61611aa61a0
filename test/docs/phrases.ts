/** Whether a sentence that the documentation quotes is one that the program can say. */
import { readdirSync, readFileSync } from 'node:fs';
import { APPS, SHOP_NAMESPACES } from '../../src/sim/boutique/shop.ts';
import { rolloutObject } from '../../src/sim/demo/rollout.ts';
import { blank } from '../project/source.ts';

/** What a quoted sentence is filled with: names of the demo, numbers, times, stages and verdicts. */
const NAMES = [
  ...SHOP_NAMESPACES,
  ...APPS.flatMap(({ namespace, name }) => [`${namespace}/${name}`, namespace]),
  ...(rolloutObject.spec.strategy?.waves ?? []).map(({ name }) => name),
  ...(rolloutObject.spec.probes ?? []).map(({ name }) => name),
  'istio-system/boutique',
  'shipping/default',
  'ad/mtls-rollout',
  'PeerAuthentication',
  'PERMISSIVE',
  'kubectl-patch',
  'mtlsrollout.io/retry',
  'Unhealthy',
].toSorted((a, b) => b.length - a.length);
const DATA = new RegExp(
  String.raw`(?<![\w/-])(?:${NAMES.join('|')})(?![\w/-])|\d[\d:/]*(?:ms|[smh])?(?: (?:request|connection)s?)?`,
  'g',
);
/** What joins the items of a list. */
const GLUE = /^(and|→|\W)*$/u;

/** The fixed parts of every string and template in these folders. */
export function fragmentsIn(...folders: string[]): string[] {
  const files = folders.flatMap(folder =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => `${folder}/${name}`),
  );
  return files.flatMap(file => {
    const source = readFileSync(file, 'utf8');
    const code = blank(source, { strings: false });
    const bare = blank(source, { strings: true });
    // what is blank only because it is the inside of a literal
    return [...bare.matchAll(/(?<=['"`}])[^\S\n]+(?=['"`]|\$\{)/g)]
      .map(match => code.slice(match.index, match.index + match[0].length))
      .filter(text => /\p{L}/u.test(text));
  });
}

/** The parts of a sentence, between what it is filled with, that no fragment holds; none when it can be said. */
export function strangeParts(sentence: string, fragments: readonly string[]): string[] {
  return sentence
    .replaceAll(DATA, '\n')
    .split('\n')
    .map(part => part.replace(/^[\s,;:()→/.…]+|[\s,;:()→/…]+$/gu, ''))
    .filter(part => !GLUE.test(part) && !isSayable(part, fragments));
}

/** Parts that follow each other may come from several fragments: of two words at least, or whole ones. */
function isSayable(part: string, fragments: readonly string[]): boolean {
  if (fragments.some(fragment => fragment.includes(part))) return true;
  const cuts = [...part.matchAll(/\)?[;:,]? /g)].map(match => [match.index, match.index + match[0].length] as const);
  return cuts.some(([end, next]) => {
    const [head, tail] = [part.slice(0, end), part.slice(next)];
    const known = fragments.some(fragment => (head.includes(' ') ? fragment.includes(head) : fragment.trim() === head));
    return known && isSayable(tail, fragments);
  });
}
