/** What the documentation shows of the plugin is what it prints: every `console` fence is played, on 100 columns. */
import assert from 'node:assert/strict';
import { run } from '../../src/cli/command.ts';
import { systemClock } from '../../src/cluster/clock.ts';
import { openScene, ROOT, rollout, type Scene, SHOP, shopObjects } from '../cli/scene.ts';
import { soaking } from '../cli/statuses.ts';
import { problemsOf, wordsOf } from './commands.ts';
import { type Fence, fences } from './markdown.ts';

const NOW = Date.parse('2026-12-01T09:00:00Z');
const WIDTH = 100;
const ELIDED = '…';
const CALLED = 'kubectl mtlsrollout ';

/** The lines that were typed, each with what it printed. */
function turnsOf({ text }: Fence): { line: string; shown: string[] }[] {
  const turns: { line: string; shown: string[] }[] = [];
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('$ ')) turns.push({ line: line.slice(2), shown: [] });
    else turns.at(-1)?.shown.push(line);
  }
  return turns;
}

/** Whether the lines are those that were printed, but for what is left out. */
function isPlayed(shown: readonly string[], printed: readonly string[]): boolean {
  const [first, ...rest] = shown;
  if (first === undefined) return printed.length === 0;
  if (first !== ELIDED) return printed[0] === first && isPlayed(rest, printed.slice(1));
  return Array.from(printed.keys(), skipped => skipped + 1).some(skipped => isPlayed(rest, printed.slice(skipped)));
}

describe('transcripts of the plugin', function () {
  this.timeout(30_000);
  this.slow(5000);
  const played = fences('console');
  let scene: Scene;

  before(async () => {
    scene = await openScene();
    for (const object of [...shopObjects(), rollout(ROOT, 'shop', SHOP, soaking(NOW))]) scene.cluster.put(object);
  });
  after(() => scene.close());

  it('are there', () => assert.ok(played.length >= 6));

  for (const fence of played)
    it(`${fence.at} is what the plugin prints`, async () => {
      for (const { line, shown } of turnsOf(fence)) {
        assert.deepEqual(problemsOf(line), []);
        const words = wordsOf(line.slice(CALLED.length));
        let printed = '';
        const print = (text: string) => void (printed += text);
        await run(words.includes('-f') ? words : [...words, '--server', scene.url], {
          clock: { ...systemClock, now: () => NOW },
          print,
          complain: print,
          width: WIDTH,
        });
        assert.ok(isPlayed(shown, printed.trimEnd().split('\n')), `${line} prints:\n${printed}`);
      }
    });

  it('would not pass with other lines', () => {
    assert.ok(isPlayed(['a', ELIDED, 'd'], ['a', 'b', 'c', 'd']));
    assert.ok(!isPlayed(['a', ELIDED, 'c'], ['a', 'b', 'c', 'd']));
    assert.ok(!isPlayed(['a', ELIDED], ['a']));
  });
});
