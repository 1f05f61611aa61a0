import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { bench, type Body, MERGE, watch, WIDGETS, widget } from './cluster.ts';

type Command = { verb: 'create' | 'patch' | 'delete'; name: string; size: number };

const commands = fc.array(
  fc.record({
    verb: fc.constantFrom('create' as const, 'patch' as const, 'patch' as const, 'delete' as const),
    name: fc.constantFrom('a', 'b', 'b-c', 'd', 'e'),
    size: fc.integer({ min: 0, max: 2 }),
  }),
  { minLength: 1, maxLength: 40 },
);

/** The states as a client would keep them: what stood under each name after each revision. */
function replay(history: ReturnType<typeof bench>['cluster']['history']): Map<number, Map<string, unknown>> {
  const states = new Map<number, Map<string, unknown>>();
  let state = new Map<string, unknown>();
  for (const { revision, verb, object } of history) {
    state = new Map(state);
    if (object.kind === 'Widget') {
      if (verb === 'delete') state.delete(object.metadata.name);
      else state.set(object.metadata.name, object);
    }
    states.set(revision, state);
  }
  return states;
}

async function run(given: ReturnType<typeof bench>, list: readonly Command[]): Promise<void> {
  for (const { verb, name, size } of list) {
    const path = `${WIDGETS}/${name}`;
    if (verb === 'create') await given.ask('POST', WIDGETS, widget(name, { size }));
    else if (verb === 'delete') await given.ask('DELETE', path);
    else await given.ask('PATCH', path, { spec: { size } }, { contentType: MERGE });
  }
}

describe('embedded server: revisions', () => {
  it('every write is the next revision, and what changes nothing is none', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async list => {
        const given = bench();
        const before = given.cluster.revision;
        await run(given, list);
        const revisions = given.cluster.history.map(({ revision }) => revision);
        assert.deepEqual(
          revisions,
          revisions.map((_, index) => index + 1),
        );
        for (const { object, previous, verb } of given.cluster.history.slice(before)) {
          if (verb === 'update') assert.notDeepEqual(object.spec, previous?.spec);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('a list as of a revision shows what stood then, in the order of names', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async list => {
        const given = bench();
        const before = given.cluster.revision;
        await run(given, list);
        for (const [revision, state] of replay(given.cluster.history)) {
          if (revision <= before) continue;
          const query = { resourceVersion: String(revision), resourceVersionMatch: 'Exact' };
          const { body } = await given.ask('GET', WIDGETS, undefined, { query });
          const expected = [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, object]) => object);
          assert.deepEqual(body.items, expected);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('a list and the watch from its revision end in the present, wherever they begin', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async list => {
        const given = bench();
        const before = given.cluster.revision;
        await run(given, list);
        const states = replay(given.cluster.history);
        const last = [...states.values()].at(-1)!;
        for (let revision = before; revision <= given.cluster.revision; revision++) {
          const seen = new Map(states.get(revision));
          const { events, ended } = await watch(given.transport, WIDGETS, { resourceVersion: String(revision) });
          given.cluster.cutWatches();
          await ended;
          for (const { type, object } of events) {
            assert.equal(type === 'ADDED', !seen.has(object.metadata.name), `${type} ${object.metadata.name}`);
            if (type === 'DELETED') seen.delete(object.metadata.name);
            else seen.set(object.metadata.name, object);
          }
          assert.deepEqual(seen, last);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('the pages of a list all show the revision of the first, whatever is written between them', async () => {
    await fc.assert(
      fc.asyncProperty(commands, commands, fc.integer({ min: 1, max: 3 }), async (first, second, limit) => {
        const given = bench();
        await run(given, first);
        const { body: whole } = await given.ask('GET', WIDGETS);
        const items: Body[] = [];
        let next: string | undefined;
        let writes = second;
        do {
          const query = { limit: String(limit), continue: next };
          const { body } = await given.ask('GET', WIDGETS, undefined, { query });
          assert.equal(body.metadata.resourceVersion, whole.metadata.resourceVersion);
          assert.ok(body.items.length <= limit);
          items.push(...body.items);
          if (body.metadata.continue) {
            assert.equal(items.length + body.metadata.remainingItemCount!, whole.items.length);
          }
          next = body.metadata.continue;
          await run(given, writes.slice(0, 5));
          writes = writes.slice(5);
        } while (next);
        assert.deepEqual(items, whole.items);
      }),
      { numRuns: 40 },
    );
  });

  it('objects never change in place', async () => {
    const given = bench();
    const { body } = await given.ask('POST', WIDGETS, widget('a', { deep: { list: [{ x: 1 }] } }));
    assert.throws(() => Object.assign((body.spec.deep as { list: object[] }).list[0]!, { x: 2 }), TypeError);
    const spec = { size: 1 };
    await given.ask('POST', WIDGETS, widget('b', spec));
    spec.size = 2;
    assert.deepEqual((await given.ask('GET', `${WIDGETS}/b`)).body.spec, { size: 1 });
  });

  it('one namespace is found without looking at the others', async () => {
    const { cluster, ask } = bench();
    for (let namespace = 0; namespace < 200; namespace++) {
      cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: `n${namespace}` } });
      for (let pod = 0; pod < 50; pod++) {
        cluster.put({ apiVersion: 'v1', kind: 'Pod', metadata: { name: `p${pod}`, namespace: `n${namespace}` } });
      }
    }
    const timed = async (path: string) => {
      const start = performance.now();
      for (let round = 0; round < 20; round++) await ask('GET', path);
      return performance.now() - start;
    };
    const all = await timed('/api/v1/pods');
    const one = await timed('/api/v1/namespaces/n7/pods');
    assert.equal((await ask('GET', '/api/v1/namespaces/n7/pods')).body.items.length, 50);
    assert.ok(one < all / 10, `one namespace of 200: ${one.toFixed(1)} ms, all: ${all.toFixed(1)} ms`);
  });

  it('refuses a history that keeps nothing', () => {
    assert.throws(() => bench({ historyLimit: 0 }), /historyLimit must be a whole number from 1 up, got 0/);
  });
});
