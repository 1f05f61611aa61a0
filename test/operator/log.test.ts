/** What somebody reads who watches the operator in a terminal. */
import assert from 'node:assert/strict';
import { createLogger } from '../../src/report/logger.ts';
import { goalOf, type Play, stage } from './plays.ts';
import { SMALL_SHOP } from './scene.ts';

describe('the log of the operator', () => {
  const plays: Record<string, Play> = {
    rollout: { namespaces: SMALL_SHOP },
    rollback: { namespaces: SMALL_SHOP, extent: 'All' },
  };
  for (const [name, play] of Object.entries(plays))
    it(`has one line for every decision of a ${name}`, async () => {
      const bench = stage(play);
      await bench.start();
      await bench.untilPhase(goalOf(play));
      bench.end();
      const ofRollout = bench.lines.filter(({ fields }) => fields['rollout'] !== undefined);
      const decided = (bench.status().history ?? []).map(({ message }) => message);
      assert.deepEqual(
        ofRollout.map(({ message }) => message),
        decided,
      );
      const said = textOf(ofRollout);
      for (const line of said) assert.match(line, /^\d\d:\d\d:\d\d (info |warn ) istio-system\/shop: \S.* reason=\w+$/);
      for (const line of said) assert.doesNotMatch(line, /undefined|\[|\{/);
      const about = bench.lines.filter(({ fields }) => fields['rollout'] === undefined).map(({ message }) => message);
      assert.deepEqual(about, ['mesh root namespace', 'leading', 'reconciling']);
    });
});

function textOf(lines: readonly { message: string; level: string; fields: Record<string, unknown> }[]): string[] {
  const written: string[] = [];
  const log = createLogger({
    level: 'info',
    format: 'text',
    now: () => 0,
    write: line => written.push(line.trimEnd()),
  });
  for (const { level, message, fields } of lines) log.log(level, message, fields);
  return written;
}
