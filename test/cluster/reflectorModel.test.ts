import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { KubeClient } from '../../src/cluster/client.ts';
import { Reflector } from '../../src/cluster/reflector.ts';
import { VirtualClock } from '../../src/sim/clock.ts';
import { keptLog } from './keptLog.ts';
import { type Fault, ModelServer } from './modelServer.ts';
import { type Size, sizeOf, WIDGETS } from './widgets.ts';

const FAULTS: Fault[] = [
  'Reset',
  'Damaged',
  'Half',
  'Twice',
  'Swapped',
  'Expired',
  'Silent',
  'Closed',
  'Refused',
  'Bookmark',
];

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('put' as const), name: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('remove' as const), name: fc.constantFrom('a', 'b', 'c', 'd', 'e') }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('fault' as const), fault: fc.constantFrom(...FAULTS) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('compact' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 600, 20_000) }) },
);

describe('reflector against a server with history and faults', () => {
  it('ends with what the server has, never goes back, and tells every change once (400 histories)', async () => {
    let met = 0;
    const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), async steps => {
      const clock = new VirtualClock(0);
      const server = new ModelServer(clock);
      server.put('a', '0');
      const client = new KubeClient(server, clock);
      const stop = new AbortController();
      const log = keptLog();
      const random = () => 0.5;
      const options = { client, resource: WIDGETS, project: sizeOf, clock, random, log, idleMs: 300_000 };
      const reflector = new Reflector<Size>(options);
      /** What a listener knows that was told every change. */
      const told = new Map<string, Size>();
      reflector.onChange(({ name }, before, after) => {
        assert.deepEqual(told.get(name), before, 'told of a change from what it was not');
        if (before !== undefined && after !== undefined) assert.ok(BigInt(after.version) > BigInt(before.version));
        if (after === undefined) told.delete(name);
        else told.set(name, after);
      });
      const running = reflector.run(stop.signal);
      let count = 0;
      for (const each of steps) {
        if (each.do === 'put') server.put(each.name, String(++count));
        if (each.do === 'remove') server.remove(each.name);
        if (each.do === 'fault') server.faults.push(each.fault);
        if (each.do === 'compact') server.compact();
        await clock.advance(each.do === 'wait' ? each.ms : 0);
      }
      // faults that nothing has met yet must not be met later; then time enough for the watchdog and every pause
      server.faults.length = 0;
      server.put('last', 'x');
      await clock.advance(700_000);
      const truth = new Map([...server.objects].map(([name, object]) => [name, sizeOf(object)]));
      assert.deepEqual(new Map(reflector.cache.list().map(size => [size.name, size])), truth);
      assert.deepEqual(told, truth);
      assert.ok(reflector.cache.hasReached(String(server.version)));
      assert.deepEqual(
        log.lines.filter(({ level }) => level === 'error'),
        [],
      );
      met += server.met;
      stop.abort();
      await clock.settle();
      await running;
    });
    await fc.assert(property, { numRuns: 400 });
    assert.ok(met > 400, `only ${met} faults were met`);
  });
});
