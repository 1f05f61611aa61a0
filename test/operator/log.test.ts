/** What somebody reads who watches the operator in a terminal. */
import assert from 'node:assert/strict';
import { createLogger } from '../../src/report/logger.ts';
import { Notifier, type Post, type Target } from '../../src/report/notifier.ts';
import type { Bench } from './harness.ts';
import { goalOf, type Play, stage } from './plays.ts';
import { SMALL_SHOP } from './scene.ts';

describe('the log of the operator', () => {
  const plays: Record<string, Play> = {
    rollout: { namespaces: SMALL_SHOP },
    rollback: { namespaces: SMALL_SHOP, extent: 'All' },
  };
  for (const [name, play] of Object.entries(plays))
    it(`has one line for every decision of a ${name}, as have events, notifications and history`, async () => {
      const bench = stage(play);
      const notified: unknown[] = [];
      bench.notifier = notifierTo(bench, body => notified.push(body));
      await bench.start();
      await bench.untilPhase(goalOf(play));
      await bench.clock.advance(1000);
      bench.end();
      const ofRollout = bench.lines.filter(({ fields }) => fields['rollout'] !== undefined);
      const decided = (bench.status().history ?? []).map(({ message }) => message);
      assert.deepEqual(
        ofRollout.map(({ message }) => message),
        decided,
      );
      const events = bench.cluster
        .list('events.k8s.io/v1', 'Event')
        .map(({ reason, note }) => ({ reason, message: note }));
      const history = (bench.status().history ?? []).map(({ reason, message }) => ({ reason, message }));
      assert.deepEqual(sorted(events), sorted(history));
      assert.deepEqual(notified, bench.status().history);
      const said = textOf(ofRollout);
      for (const line of said) assert.match(line, /^\d\d:\d\d:\d\d (info |warn ) istio-system\/shop: \S.* reason=\w+$/);
      for (const line of said) assert.doesNotMatch(line, /undefined|\[|\{/);
      const about = bench.lines.filter(({ fields }) => fields['rollout'] === undefined).map(({ message }) => message);
      assert.deepEqual(about, ['mesh root namespace', 'leading', 'reconciling']);
    });
});

function notifierTo(bench: Bench, take: (body: object) => void): Notifier {
  const target: Target = { name: 'all', kind: 'Generic', address: async () => 'http://hook.invalid', events: [] };
  const post: Post = async (_url, body) => {
    const { at, reason, message } = JSON.parse(body) as Record<string, unknown>;
    take({ at, reason, message });
    return { status: 200 };
  };
  return new Notifier({ targets: [target], post, clock: bench.clock, log: { warn: assert.fail } });
}

function sorted(records: readonly object[]): string[] {
  return records.map(record => JSON.stringify(record)).toSorted();
}

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
