import assert from 'node:assert/strict';
import { KubeClient } from '../../src/cluster/client.ts';
import type { Clock } from '../../src/cluster/clock.ts';
import { HttpTransport } from '../../src/cluster/httpTransport.ts';
import { Reflector } from '../../src/cluster/reflector.ts';
import type { KubeObject } from '../../src/cluster/resource.ts';
import type { Transport } from '../../src/cluster/transport.ts';
import { ScaledClock, VirtualClock } from '../../src/sim/clock.ts';
import { keptLog } from './keptLog.ts';
import { type Exchange, json, ScriptedServer, status } from './scriptedServer.ts';
import { until } from './until.ts';
import { bookmark, errorLine, line, listOf, type Size, sizeOf, widget, WIDGETS } from './widgets.ts';

const A = { namespace: 'shop', name: 'a' };
const B = { namespace: 'shop', name: 'b' };

type Answer = (exchange: Exchange) => void;

/** Writes these lines and leaves the watch open. */
const send =
  (...lines: string[]): Answer =>
  ({ response }) => {
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    for (const each of lines) response.write(each);
  };

describe('reflector', () => {
  let server: ScriptedServer;
  let transport: HttpTransport;
  let clock: Clock;
  let stop: AbortController;
  let running: Promise<void>;
  /** Answers in turn; the last one stays. */
  let lists: Answer[];
  let watches: Answer[];
  let log: ReturnType<typeof keptLog>;
  let changes: string[];

  beforeEach(async () => {
    clock = new ScaledClock(Date.now(), 50);
    stop = new AbortController();
    running = Promise.resolve();
    lists = [];
    watches = [];
    changes = [];
    log = keptLog();
    const next = (answers: Answer[]) => (answers.length > 1 ? answers.shift() : answers[0]);
    server = await ScriptedServer.start(exchange => next(exchange.query.has('watch') ? watches : lists)!(exchange));
    transport = new HttpTransport(server.config());
  });

  afterEach(async () => {
    stop.abort();
    await running;
    await transport.close();
    await server.close();
  });

  function start(options: { idleMs?: number; project?: (raw: KubeObject) => Size } = {}): Reflector<Size> {
    const client = new KubeClient(transport, clock);
    const reflector = new Reflector<Size>({
      client,
      resource: WIDGETS,
      project: sizeOf,
      clock,
      random: () => 0,
      log,
      ...options,
    });
    reflector.onChange(({ name }, before, after) => changes.push(`${name} ${before?.size} ${after?.size}`));
    running = reflector.run(stop.signal);
    return reflector;
  }

  const list =
    (version: number, ...items: KubeObject[]): Answer =>
    exchange =>
      json(exchange, 200, listOf(version, items));
  const requests = (kind: 'list' | 'watch') =>
    server.requests.filter(({ query }) => query.has('watch') === (kind === 'watch')).map(({ query }) => query);
  const size = (reflector: Reflector<Size>, key = A) => reflector.cache.get(key)?.size;

  it('lists all pages of the newest state, then watches from there with bookmarks', async () => {
    const pages: Record<string, object> = {
      '': listOf(10, [widget('a', 3, 'S')], 'two'),
      two: listOf(10, [widget('b', 9, 'M')], 'three'),
      three: listOf(10, [widget('c', 5, 'L')]),
    };
    lists = [exchange => json(exchange, 200, pages[exchange.query.get('continue') ?? ''])];
    watches = [send(line('ADDED', widget('d', 11, 'XL')))];
    const reflector = start();
    await reflector.synced;
    await until('d', () => size(reflector, { namespace: 'shop', name: 'd' }) === 'XL');
    assert.deepEqual(changes, ['a undefined S', 'b undefined M', 'c undefined L', 'd undefined XL']);
    assert.equal(reflector.cache.size, 4);
    for (const query of requests('list')) {
      assert.equal(query.get('limit'), '500');
      assert.equal(query.has('resourceVersion'), false);
    }
    const [watch] = requests('watch');
    assert.equal(watch!.get('resourceVersion'), '10');
    assert.equal(watch!.get('allowWatchBookmarks'), 'true');
    const seconds = Number(watch!.get('timeoutSeconds'));
    assert.ok(seconds >= 240 && seconds <= 300, `${seconds} s`);
    assert.deepEqual(reflector.state, { kind: 'Synced' });
    assert.equal(reflector.blindMs, 0);
  });

  it('keeps only what was projected', async () => {
    lists = [list(1, widget('a', 1, 'S'))];
    watches = [send()];
    const reflector = start();
    await reflector.synced;
    assert.deepEqual(reflector.cache.list(), [{ name: 'a', size: 'S', version: '1' }]);
  });

  describe('goes on from where it was, without a new list, after', () => {
    const broken: [string, Answer][] = [
      ['a 500', exchange => status(exchange, 500, 'InternalError', 'broken')],
      ['a 429 with Retry-After', exchange => status(exchange, 429, 'TooManyRequests', 'slow', { 'retry-after': '1' })],
      ['a 503 that is no Status', ({ response }) => void response.writeHead(503).end('<html>')],
      ['a reset before the answer', ({ socket }) => socket.resetAndDestroy()],
      ['an error in the stream', send(errorLine(504, 'Timeout'))],
      ['an end in order', ({ response }) => void response.writeHead(200).end()],
      [
        'a reset in the middle of a line',
        ({ response, socket }) => {
          const half = line('MODIFIED', widget('a', 12, 'half')).slice(0, 60);
          response.writeHead(200).write(bookmark(11) + half, () => setTimeout(() => socket.resetAndDestroy(), 10));
        },
      ],
    ];
    for (const [name, answer] of broken) {
      it(name, async () => {
        lists = [list(10, widget('a', 3, 'S'))];
        watches = [answer, send(line('MODIFIED', widget('a', 12, 'M')))];
        const reflector = start();
        await until('the later change', () => size(reflector) === 'M');
        assert.equal(requests('list').length, 1);
        assert.match(requests('watch')[1]!.get('resourceVersion')!, /^1[01]$/);
        assert.deepEqual(changes, ['a undefined S', 'a S M']);
      });
    }
  });

  describe('lists again, and misses no deletion, after', () => {
    const damaged: [string, Answer][] = [
      ['a damaged line', send('{"type":"MODIFIED","object":{"meta\u0000\n')],
      ['half a line', ({ response }) => void response.writeHead(200).end('{"type":"MODIFIED","obj')],
      ['a line that is no event', send('[]\n')],
      ['an event of unknown type', send('{"type":"RENAMED","object":{}}\n')],
      ['an object without uid', send('{"type":"ADDED","object":{"metadata":{"name":"x","resourceVersion":"11"}}}\n')],
      [
        'a version that is no number',
        send(line('ADDED', { metadata: { ...widget('x', 1, 'S').metadata, resourceVersion: 'z' } })),
      ],
      ['a 410 in the stream', send(errorLine(410, 'Expired'))],
      ['a 410 as answer', exchange => status(exchange, 410, 'Expired', 'too old resource version')],
      ['events out of order', send(line('ADDED', widget('c', 20, 'S')), line('ADDED', widget('d', 15, 'S')))],
    ];
    for (const [name, answer] of damaged) {
      it(name, async () => {
        lists = [list(10, widget('a', 3, 'S'), widget('b', 4, 'S')), list(30, widget('a', 30, 'M'))];
        watches = [answer, send()];
        const reflector = start();
        await until('the second list', () => size(reflector) === 'M');
        assert.equal(reflector.cache.get(B), undefined);
        assert.ok(changes.includes('b S undefined') && changes.includes('a S M'), changes.join('; '));
        assert.equal(requests('list').length, 2);
        await until('the watch', () => requests('watch').length === 2);
        assert.equal(requests('watch')[1]!.get('resourceVersion'), '30');
      });
    }
  });

  it('never goes back to an older version of an object', async () => {
    lists = [list(10, widget('a', 3, 'PERMISSIVE'))];
    const newer = line('MODIFIED', widget('a', 12, 'STRICT'));
    watches = [send(newer, line('MODIFIED', widget('a', 9, 'PERMISSIVE')), newer, line('ADDED', widget('b', 13, 'S')))];
    const reflector = start();
    await until('b', () => size(reflector, B) === 'S');
    assert.equal(size(reflector), 'STRICT');
    assert.deepEqual(changes, ['a undefined PERMISSIVE', 'a PERMISSIVE STRICT', 'b undefined S']);
    assert.equal(requests('list').length, 1);
  });

  it('compares versions as numbers of any length', async () => {
    lists = [list(10, widget('a', 9, 'S'))];
    const object = widget('a', 0, 'M');
    object.metadata.resourceVersion = '90071992547409931';
    const next = structuredClone(object);
    next.metadata.resourceVersion = '90071992547409932';
    next['spec'] = { size: 'L' };
    watches = [send(line('MODIFIED', object), line('MODIFIED', next))];
    const reflector = start();
    await until('the newest', () => size(reflector) === 'L');
    assert.equal(reflector.cache.resourceVersion, '90071992547409932');
  });

  it('does not bring a deleted object back by an old event', async () => {
    lists = [list(10, widget('a', 3, 'S')), list(21, widget('b', 21, 'S'))];
    watches = [send(line('DELETED', widget('a', 20, 'S')), line('MODIFIED', widget('a', 15, 'M'))), send()];
    const reflector = start();
    await until('b', () => size(reflector, B) === 'S');
    assert.deepEqual(changes, ['a undefined S', 'a S undefined', 'b undefined S']);
  });

  it('takes another uid for another object, in a watch and in a list', async () => {
    lists = [list(10, widget('a', 3, 'S')), list(30, widget('a', 25, 'L', 'third'))];
    watches = [send(line('MODIFIED', widget('a', 20, 'M', 'second')), errorLine(410, 'Expired')), send()];
    const reflector = start();
    await until('the third', () => size(reflector) === 'L');
    assert.deepEqual(changes, ['a undefined S', 'a S undefined', 'a undefined M', 'a M undefined', 'a undefined L']);
    assert.equal(reflector.cache.uidOf(A), 'third');
  });

  it('takes a silent watch for dead, and a bookmark for a sign of life', async () => {
    const opened: number[] = [];
    lists = [list(10)];
    watches = [
      exchange => {
        opened.push(clock.monotonic());
        send()(exchange);
        // alive until 12 s, silent from then on
        for (const at of [4, 8, 12]) setTimeout(() => exchange.response.write(bookmark(10 + at)), (at * 1000) / 50);
      },
      exchange => {
        opened.push(clock.monotonic());
        send(line('ADDED', widget('a', 50, 'S')))(exchange);
      },
    ];
    const reflector = start({ idleMs: 6000 });
    await until('the second watch', () => size(reflector) === 'S');
    const lived = opened[1]! - opened[0]!;
    assert.ok(lived >= 18_000, `given up after ${lived} ms`);
    assert.equal(requests('watch')[1]!.get('resourceVersion'), '22');
    assert.equal(requests('list').length, 1);
    assert.match(String(log.lines[0]!.fields['error']), /silent for 6 s/);
  });

  it('takes a server that never answers the watch for dead, too', async () => {
    lists = [list(10)];
    watches = [() => undefined, send(line('ADDED', widget('a', 50, 'S')))];
    const reflector = start({ idleMs: 2000 });
    await until('the second watch', () => size(reflector) === 'S');
  });

  it('contains what a listener throws, and tells the others', async () => {
    lists = [list(10, widget('a', 3, 'S'))];
    watches = [send(line('MODIFIED', widget('a', 11, 'M')))];
    const client = new KubeClient(transport, clock);
    const reflector = new Reflector({ client, resource: WIDGETS, project: sizeOf, clock, random: () => 0, log });
    const told: string[] = [];
    reflector.onChange(() => {
      throw new Error('listener broken');
    });
    reflector.onChange((_, __, after) => told.push(String(after?.size)));
    running = reflector.run(stop.signal);
    await until('both changes', () => told.length === 2);
    assert.deepEqual(told, ['S', 'M']);
    assert.equal(requests('watch').length, 1);
    const errors = log.lines.filter(({ level }) => level === 'error');
    assert.deepEqual(
      errors.map(({ fields }) => [fields['error'], fields['name']]),
      [
        ['listener broken', 'a'],
        ['listener broken', 'a'],
      ],
    );
  });

  it('leaves an object out that cannot be read, and goes on', async () => {
    lists = [list(10, widget('a', 3, 'bad'), widget('b', 4, 'S'))];
    watches = [send(line('MODIFIED', widget('b', 11, 'bad')), line('MODIFIED', widget('a', 12, 'M')))];
    const project = (raw: KubeObject) => {
      const read = sizeOf(raw);
      if (read.size === 'bad') throw new Error('unreadable');
      return read;
    };
    const reflector = start({ project });
    await until('a', () => size(reflector) === 'M');
    assert.deepEqual(changes, ['b undefined S', 'b S undefined', 'a undefined M']);
    assert.equal(log.lines.filter(({ level }) => level === 'error').length, 2);
  });

  it('stays unsynced while the resource is not served, says so, and is there when it comes', async () => {
    lists = [({ response }) => void response.writeHead(404).end('404 page not found')];
    watches = [send()];
    const reflector = start();
    await until('a problem', () => reflector.state.problem !== undefined);
    assert.equal(reflector.isSynced, false);
    assert.match(reflector.state.problem!, /does not serve widgets\.example\.io: is its CRD installed\?/);
    await until('more tries', () => requests('list').length >= 3);
    assert.equal(reflector.isSynced, false);
    lists = [list(10, widget('a', 3, 'S'))];
    await reflector.synced;
    await until('the watch', () => reflector.state.kind === 'Synced');
    assert.equal(size(reflector), 'S');
    assert.equal(reflector.state.problem, undefined);
  });

  it('is no longer synced when the resource vanishes', async () => {
    lists = [list(10, widget('a', 3, 'S'))];
    watches = [
      ({ response }) => void response.writeHead(200).end(),
      exchange => status(exchange, 404, 'NotFound', 'gone'),
    ];
    const reflector = start();
    await reflector.synced;
    await until('the loss', () => !reflector.isSynced);
  });

  it('stays synced, and blind, while the watch is refused', async () => {
    lists = [list(10, widget('a', 3, 'S'))];
    const message = 'User "system:serviceaccount:a:b" cannot watch resource "widgets" in API group "example.io"';
    watches = [exchange => status(exchange, 403, 'Forbidden', message)];
    const reflector = start();
    await until('a problem', () => reflector.state.problem !== undefined && reflector.blindMs > 0);
    assert.equal(reflector.isSynced, true);
    assert.match(reflector.state.problem!, /ServiceAccount a\/b lacks the verb "watch" on widgets\.example\.io/);
  });

  it('refuses a list whose pages are of two versions', async () => {
    lists = [
      exchange => json(exchange, 200, listOf(10, [widget('a', 3, 'S')], 'two')),
      exchange => json(exchange, 200, listOf(12, [widget('b', 3, 'S')])),
      list(20, widget('b', 3, 'M')),
    ];
    watches = [send()];
    const reflector = start();
    await reflector.synced;
    assert.deepEqual(changes, ['b undefined M']);
    assert.match(String(log.lines[0]!.fields['error']), /its pages are of two versions/);
  });

  it('begins the list anew when its pages expire', async () => {
    lists = [
      exchange => json(exchange, 200, listOf(10, [widget('a', 3, 'S')], 'two')),
      exchange => status(exchange, 410, 'Expired', 'the continue parameter is too old'),
      list(20, widget('b', 3, 'M')),
    ];
    watches = [send()];
    await start().synced;
    assert.deepEqual(changes, ['b undefined M']);
  });

  it('does not follow a server that has gone back in time', async () => {
    lists = [list(100, widget('a', 90, 'new')), list(50, widget('a', 40, 'old'))];
    watches = [send(errorLine(410, 'Expired')), send()];
    const reflector = start();
    await until('the refusal', () => reflector.state.problem?.includes('gone back in time') === true);
    assert.equal(size(reflector), 'new');
    lists = [list(101, widget('a', 101, 'newest'))];
    await until('the truth', () => size(reflector) === 'newest');
  });

  it('ends when it is told to, also while it waits', async () => {
    lists = [exchange => status(exchange, 500, 'InternalError', 'broken')];
    const reflector = start();
    await until('a problem', () => reflector.state.kind === 'Waiting' || requests('list').length > 0);
    stop.abort(new Error('over'));
    await running;
    await assert.rejects(reflector.synced, /over/);
    const before = server.requests.length;
    await clock.wait(60_000);
    assert.equal(server.requests.length, before);
  });
});

describe('reflector against a server that is down', () => {
  it('tries again with jittered pauses of at most 30 s', async () => {
    const clock = new VirtualClock(0);
    const tries: number[] = [];
    const transport: Transport = {
      call: async () => ({ status: 200, headers: {}, body: listOf(5, []) }),
      stream: async () => {
        tries.push(clock.monotonic());
        throw new Error('down');
      },
    };
    const client = new KubeClient(transport, clock);
    const stop = new AbortController();
    let random = 0.5;
    const options = { client, resource: WIDGETS, project: sizeOf, clock, random: () => random, log: keptLog() };
    const running = new Reflector(options).run(stop.signal);
    await clock.advance(600_000);
    const pauses = tries.slice(1).map((at, i) => at - tries[i]!);
    assert.deepEqual(pauses.slice(0, 4), [375, 750, 1500, 3000]);
    assert.equal(Math.max(...pauses), 22_500);
    random = 0.999999;
    await clock.advance(300_000);
    const late = tries.slice(-3).map((at, i, all) => at - (all[i - 1] ?? at));
    assert.ok(Math.max(...late) <= 30_000 && Math.max(...late) > 29_000, String(late));
    stop.abort();
    await clock.settle();
    await running;
  });
});
