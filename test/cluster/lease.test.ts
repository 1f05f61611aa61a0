import assert from 'node:assert/strict';
import { KubeClient } from '../../src/cluster/client.ts';
import type { Clock } from '../../src/cluster/clock.ts';
import { Election } from '../../src/cluster/lease.ts';
import type { Lease } from '../../src/cluster/leaseRecord.ts';
import type { KubeRequest, KubeResponse, Transport } from '../../src/cluster/transport.ts';
import { VirtualClock } from '../../src/sim/clock.ts';
import { keptLog } from './keptLog.ts';

/** One Lease with versions; requests of chosen candidates can be held, refused, or answered into the void. */
class LeaseServer {
  lease: Lease | undefined;
  version = 0;

  write(body: Lease): KubeResponse {
    this.version++;
    const metadata = { ...body.metadata, uid: body.metadata.uid ?? 'u', resourceVersion: String(this.version) };
    this.lease = { ...body, metadata };
    return { status: 200, headers: {}, body: structuredClone(this.lease) };
  }

  answer({ method, body }: KubeRequest): KubeResponse {
    const none = (status: number, reason = ''): KubeResponse => ({
      status,
      headers: {},
      body: { kind: 'Status', reason, message: reason },
    });
    if (method === 'POST') return this.lease === undefined ? this.write(body as Lease) : none(409, 'AlreadyExists');
    if (this.lease === undefined) return none(404, 'NotFound');
    if (method === 'GET') return { status: 200, headers: {}, body: structuredClone(this.lease) };
    const seen = (body as Lease).metadata.resourceVersion;
    return seen === this.lease.metadata.resourceVersion ? this.write(body as Lease) : none(409, 'Conflict');
  }
}

type Way = 'Open' | 'Down' | 'Hangs' | 'AnswerLost' | 'AnswerLate';

/** A process: its own way to the server, and its own clock, which can be frozen. */
class Candidate {
  way: Way = 'Open';
  requests = 0;
  readonly log = keptLog();
  readonly election: Election;
  running: Promise<void> = Promise.resolve();
  lostBecause: string | undefined;
  #thaw = Promise.resolve();
  #melt = () => {};

  constructor(server: LeaseServer, clock: VirtualClock, identity: string) {
    const transport: Transport = {
      call: async request => {
        this.requests++;
        await this.#thaw;
        if (this.way === 'Down') throw new Error('refused');
        if (this.way === 'Hangs') await clock.wait(3_600_000, request.signal);
        request.signal?.throwIfAborted();
        const answer = server.answer(request);
        if (this.way === 'AnswerLost' && request.method !== 'GET') throw new Error('reset');
        if (this.way === 'AnswerLate') await clock.wait(4000, request.signal);
        await this.#thaw;
        return answer;
      },
      stream: async () => assert.fail('no watch here'),
    };
    const own: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      wait: async (ms, signal) => {
        await clock.wait(ms, signal);
        await this.#thaw;
      },
    };
    this.election = new Election({
      client: new KubeClient(transport, own),
      clock: own,
      random: () => 0,
      log: this.log,
      namespace: 'mtls',
      name: 'operator',
      identity,
    });
    void this.election.lost.then(why => (this.lostBecause = why));
  }

  start(): this {
    this.running = this.election.run();
    return this;
  }

  freeze(): void {
    this.#thaw = new Promise(resolve => (this.#melt = resolve));
  }

  thaw(): void {
    this.#melt();
  }
}

describe('leader election', () => {
  let clock: VirtualClock;
  let server: LeaseServer;
  let all: Candidate[];

  beforeEach(() => {
    clock = new VirtualClock(Date.parse('2026-06-01T00:00:00Z'));
    server = new LeaseServer();
    all = [];
  });

  afterEach(async () => {
    for (const each of all) {
      each.thaw();
      void each.election.stop();
    }
    await clock.advance(60_000);
    await Promise.all(all.map(({ running }) => running));
    assert.equal(clock.pending, 0, 'something still waits');
  });

  const candidate = (identity: string): Candidate => {
    const made = new Candidate(server, clock, identity);
    all.push(made);
    return made;
  };
  const leaders = () => all.filter(({ election }) => election.isLeader()).length;

  /** Steps through the time in small steps; never are there two leaders. */
  async function pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds * 4; i++) {
      await clock.advance(250);
      assert.ok(leaders() <= 1, `${leaders()} leaders at ${clock.monotonic()} ms`);
    }
  }

  it('the first to come makes the lease and leads', async () => {
    const a = candidate('a').start();
    assert.equal(a.election.isLeader(), false);
    await pass(1);
    assert.equal(a.election.isLeader(), true);
    assert.equal(await a.election.gained, 1);
    assert.deepEqual(server.lease!.spec, {
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-06-01T00:00:00.000000Z',
      renewTime: '2026-06-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
    await pass(60);
    assert.equal(server.lease?.spec?.acquireTime, '2026-06-01T00:00:00.000000Z');
    assert.equal(server.lease?.spec?.renewTime, '2026-06-01T00:01:00.000000Z');
    assert.ok(a.requests <= 33, `${a.requests} requests in a minute`);
  });

  it('others wait while it is renewed, and replace it 15 s after they last saw it change', async () => {
    const a = candidate('a').start();
    await pass(3);
    const b = candidate('b').start();
    await pass(120);
    assert.deepEqual([a.election.isLeader(), b.election.isLeader()], [true, false]);
    a.way = 'Down';
    await pass(13);
    assert.deepEqual([a.election.isLeader(), b.election.isLeader()], [false, false]);
    await pass(6);
    assert.equal(b.election.isLeader(), true);
    assert.equal(b.election.term, 2);
    assert.match(a.lostBecause!, /could not be renewed in time/);
  });

  it("goes by its own clock, not by the holder's", async () => {
    const wrong = new Date(clock.now() - 86_400_000).toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: 'other', leaseDurationSeconds: 15, renewTime: wrong, leaseTransitions: 4 };
    server.write({ metadata: { name: 'operator', uid: 'u', resourceVersion: '' }, spec });
    const a = candidate('a').start();
    await pass(14);
    assert.equal(a.election.isLeader(), false, 'a day behind is not expired');
    await pass(3);
    assert.deepEqual([a.election.isLeader(), a.election.term], [true, 6]);
  });

  it('takes over a released lease at once', async () => {
    const a = candidate('a').start();
    await pass(3);
    const b = candidate('b').start();
    await pass(3);
    void a.election.stop();
    await pass(2.25);
    assert.deepEqual([a.election.isLeader(), b.election.isLeader(), b.election.term], [false, true, 2]);
    assert.equal(a.lostBecause, undefined);
  });

  it('goes on leading until the work in flight has ended, then releases', async () => {
    const a = candidate('a').start();
    await pass(1);
    const work = Promise.withResolvers<void>();
    const stopping = a.election.stop(work.promise);
    await pass(40);
    assert.equal(a.election.isLeader(), true);
    assert.equal(server.lease!.spec!.holderIdentity, 'a');
    work.reject(new Error('the work failed'));
    await clock.settle();
    await stopping;
    assert.equal(server.lease!.spec!.holderIdentity, '');
    assert.equal(a.election.isLeader(), false);
  });

  it('does not release what it has lost', async () => {
    const a = candidate('a').start();
    await pass(1);
    a.way = 'Down';
    const b = candidate('b').start();
    await pass(20);
    a.way = 'Open';
    assert.equal(b.election.isLeader(), true);
    const before = server.version;
    const stopping = a.election.stop();
    await clock.settle();
    await stopping;
    assert.deepEqual([server.version, server.lease!.spec!.holderIdentity], [before, 'b']);
  });

  it('stops leading by itself at the renew deadline, even if everything hangs', async () => {
    const a = candidate('a').start();
    await pass(4);
    a.way = 'Hangs';
    await pass(9);
    assert.equal(a.election.isLeader(), true);
    await pass(3);
    assert.equal(a.election.isLeader(), false);
    assert.match(a.lostBecause!, /could not be renewed in time/);
  });

  it('says once what keeps it from the lease, not at every try', async () => {
    const a = candidate('a');
    a.way = 'Down';
    a.start();
    await pass(600);
    assert.ok(a.requests > 100);
    assert.equal(a.log.lines.filter(({ level }) => level === 'warn').length, 1);
  });

  it('goes on leading when one request hangs', async () => {
    const a = candidate('a').start();
    await pass(3);
    a.way = 'Hangs';
    await pass(2);
    a.way = 'Open';
    await pass(60);
    assert.deepEqual([a.election.isLeader(), a.election.term], [true, 1]);
  });

  it('counts a renewal from when it was sent, not from its answer', async () => {
    const a = candidate('a').start();
    await pass(3);
    a.way = 'AnswerLate';
    const { version } = server;
    await clock.runUntil(() => server.version > version, 10_000);
    const sent = clock.monotonic();
    await pass(3.75);
    a.way = 'Down';
    await pass(6);
    assert.equal(a.election.isLeader(), true);
    await pass(0.5);
    assert.equal(a.election.isLeader(), false, `still leads ${clock.monotonic() - sent} ms after the renewal was sent`);
  });

  it('a frozen process does not lead when it wakes, and does not take the lease back', async () => {
    for (const length of [12, 16, 300]) {
      const [a, b] = [candidate(`a${length}`), candidate(`b${length}`)];
      a.start();
      await clock.runUntil(() => a.election.isLeader(), 60_000);
      b.start();
      await pass(5);
      a.freeze();
      await pass(length);
      // the first thing the process does after it wakes, before any timer or answer
      assert.equal(a.election.isLeader(), false);
      a.thaw();
      await pass(3);
      assert.equal(a.election.isLeader(), false);
      assert.ok(a.lostBecause !== undefined);
      await pass(20);
      assert.equal(b.election.isLeader(), true);
      assert.equal(b.election.term, a.election.term + 1);
      void b.election.stop();
      await pass(1);
    }
  });

  it('a renewal whose answer was lost was a renewal', async () => {
    const a = candidate('a').start();
    await pass(3);
    a.way = 'AnswerLost';
    await pass(4);
    a.way = 'Open';
    await pass(60);
    assert.deepEqual([a.election.isLeader(), a.election.term], [true, 1]);
  });

  it('an election whose answer was lost is found out, with a new term', async () => {
    const a = candidate('a');
    a.way = 'AnswerLost';
    a.start();
    await pass(1);
    assert.equal(server.lease!.spec!.holderIdentity, 'a');
    assert.equal(a.election.isLeader(), false);
    a.way = 'Open';
    await pass(3);
    assert.deepEqual([a.election.isLeader(), a.election.term], [true, 2]);
  });

  it('two that come at once: one leads, and terms grow with every change of hands', async () => {
    const terms: number[] = [];
    for (let i = 0; i < 5; i++) {
      const two = [candidate(`x${i}`).start(), candidate(`y${i}`).start()];
      await pass(3);
      const leader = two.find(({ election }) => election.isLeader())!;
      terms.push(leader.election.term);
      for (const { election } of two) void election.stop();
      await pass(3);
    }
    assert.deepEqual(terms, [1, 2, 3, 4, 5]);
  });

  it('notices that somebody else holds the lease', async () => {
    const a = candidate('a').start();
    await pass(3);
    server.write({ ...server.lease!, spec: { ...server.lease!.spec!, holderIdentity: 'kubectl' } });
    await pass(2.25);
    assert.equal(a.election.isLeader(), false);
    assert.match(a.lostBecause!, /held by "kubectl"/);
  });

  it('keeps the term growing when somebody deletes the lease', async () => {
    const a = candidate('a').start();
    await pass(3);
    const b = candidate('b').start();
    await pass(3);
    a.way = 'Down';
    await pass(11);
    server.lease = undefined;
    await pass(3);
    assert.deepEqual([b.election.isLeader(), b.election.term], [true, 2]);
  });

  it('keeps what others have put into the lease', async () => {
    const spec = { holderIdentity: '', leaseTransitions: 7, strategy: 'OldestEmulationVersion' };
    const metadata = { name: 'operator', uid: 'u', resourceVersion: '', labels: { x: 'y' } };
    server.write({ metadata, spec });
    const a = candidate('a').start();
    await pass(1);
    assert.equal(a.election.term, 9);
    assert.equal((server.lease!.spec as typeof spec).strategy, 'OldestEmulationVersion');
    assert.deepEqual(server.lease!.metadata['labels'], { x: 'y' });
  });

  it('refuses times out of order and an empty identity', () => {
    const options = { client: undefined!, clock, random: () => 0, log: keptLog(), namespace: 'a', name: 'b' };
    assert.throws(() => new Election({ ...options, identity: '' }), /identity/);
    assert.throws(() => new Election({ ...options, identity: 'a', renewMs: 20_000 }), /leaseMs > renewMs/);
  });
});
