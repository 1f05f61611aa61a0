import assert from 'node:assert/strict';
import { systemClock } from '../../src/cluster/clock.ts';
import { KubeClient } from '../../src/cluster/client.ts';
import { KubeError } from '../../src/cluster/errors.ts';
import { HttpTransport } from '../../src/cluster/httpTransport.ts';
import { OwnWrites } from '../../src/cluster/ownWrites.ts';
import { NotLeading, Writer } from '../../src/cluster/writer.ts';
import type { PeerAuthentication } from '../../src/istio/objects.ts';
import { type PolicyObject, targetOf } from '../../src/rollout/writes.ts';
import { type Exchange, json, ScriptedServer, status } from './scriptedServer.ts';

function policy(mode: 'PERMISSIVE' | 'STRICT', uid = 'u1', resourceVersion = '10'): PeerAuthentication {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name: 'default', namespace: 'shop', uid, resourceVersion },
    spec: { mtls: { mode } },
  };
}

const strict = (object: PolicyObject) => ({
  verb: 'patch' as const,
  target: targetOf(object),
  patch: { metadata: { annotations: { a: 'b' } }, spec: { mtls: { mode: 'STRICT' } } },
});
const kind = (wanted: string) => (error: unknown) => error instanceof KubeError && error.kind === wanted;

describe('writer', () => {
  let server: ScriptedServer;
  let transport: HttpTransport;
  let own: OwnWrites;
  let leads: boolean;
  let writer: Writer;
  /** The one slot of the server: what is in it, and the newest version. */
  let stored: PeerAuthentication | undefined;
  let version: number;
  /** The next answer is lost after the write was done. */
  let loseAnswer: boolean;

  beforeEach(async () => {
    stored = undefined;
    version = 10;
    leads = true;
    loseAnswer = false;
    own = new OwnWrites();
    server = await ScriptedServer.start(answer);
    transport = new HttpTransport(server.config());
    writer = new Writer({ client: new KubeClient(transport, systemClock), own, allowed: () => leads });
  });

  afterEach(async () => {
    await transport.close();
    await server.close();
  });

  /** The rules of the real one that matter here: preconditions in patch and delete, no overwriting create. */
  function answer(exchange: Exchange): void {
    // which versions are served
    if (exchange.method === 'GET')
      return exchange.path.endsWith('/v1')
        ? json(exchange, 200, { resources: [{ name: 'peerauthentications' }] })
        : status(exchange, 404, 'NotFound', 'no');
    const body = exchange.body as PeerAuthentication & { preconditions: { uid: string; resourceVersion: string } };
    if (exchange.method === 'POST') {
      if (stored !== undefined) return status(exchange, 409, 'AlreadyExists', 'is there');
      stored = { ...body, metadata: { ...body.metadata, uid: `u${++version}`, resourceVersion: String(version) } };
      return done(exchange, 201, stored);
    }
    if (stored === undefined) return status(exchange, 404, 'NotFound', 'not there');
    const { uid, resourceVersion } = exchange.method === 'DELETE' ? body.preconditions : body.metadata;
    if (resourceVersion !== stored.metadata.resourceVersion) {
      return status(exchange, 409, 'Conflict', 'the object has been modified');
    }
    if (uid !== stored.metadata.uid) {
      if (exchange.method === 'DELETE') return status(exchange, 409, 'Conflict', 'the UID does not match');
      return status(exchange, 422, 'Invalid', `metadata.uid: Invalid value: "${uid}": field is immutable`);
    }
    version++;
    if (exchange.method === 'DELETE') {
      stored = undefined;
      return done(exchange, 200, { kind: 'Status', status: 'Success' });
    }
    stored = { ...stored, spec: body.spec, metadata: { ...stored.metadata, resourceVersion: String(version) } };
    return done(exchange, 200, stored);
  }

  function done(exchange: Exchange, code: number, body: unknown): void {
    if (loseAnswer) exchange.socket.resetAndDestroy();
    else json(exchange, code, body);
  }

  it('creates, patches and deletes, in a version that is served, and remembers the newest version', async () => {
    const { uid: _, resourceVersion: __, ...metadata } = policy('PERMISSIVE').metadata;
    const object = { ...policy('PERMISSIVE'), apiVersion: 'security.istio.io/v1beta1', metadata };
    const created = await writer.perform({ verb: 'create', object });
    assert.deepEqual(created, { resourceVersion: '11' });
    assert.equal(stored!.apiVersion, 'security.istio.io/v1');
    assert.deepEqual(await writer.perform(strict(stored!)), { resourceVersion: '12' });
    assert.equal(stored!.spec.mtls!.mode, 'STRICT');
    assert.equal(own.newest('PeerAuthentication'), '12');
    assert.deepEqual(await writer.perform({ verb: 'delete', target: targetOf(stored!) }), {});
    assert.equal(stored, undefined);
  });

  it('puts uid and version into every patch, beside what the patch says', async () => {
    stored = policy('PERMISSIVE');
    await writer.perform(strict(stored));
    assert.deepEqual(server.requests[0]!.body, {
      metadata: { annotations: { a: 'b' }, uid: 'u1', resourceVersion: '10' },
      spec: { mtls: { mode: 'STRICT' } },
    });
    // a patch cannot talk its way out of the preconditions
    const sly = { metadata: { uid: null, resourceVersion: null } };
    await writer.perform({ ...strict(stored), patch: { ...strict(stored).patch, ...sly } });
    assert.deepEqual((server.requests[1]!.body as PeerAuthentication).metadata, { uid: 'u1', resourceVersion: '11' });
  });

  it('changes and deletes nothing that is not what was seen', async () => {
    for (const now of [policy('PERMISSIVE', 'u1', '9'), policy('PERMISSIVE', 'u2', '10')]) {
      stored = now;
      const seen = policy('PERMISSIVE');
      await assert.rejects(writer.perform(strict(seen)), kind('Conflict'));
      await assert.rejects(writer.perform({ verb: 'delete', target: targetOf(seen) }), kind('Conflict'));
      assert.deepEqual(stored, now);
    }
    assert.equal(server.requests.length, 4, 'a conflict is not tried again');
  });

  it('never overwrites by creating', async () => {
    stored = policy('STRICT');
    await assert.rejects(writer.perform({ verb: 'create', object: policy('PERMISSIVE') }), kind('AlreadyExists'));
    assert.equal(stored.spec.mtls!.mode, 'STRICT');
  });

  it('never makes an object by patching one that is gone', async () => {
    await assert.rejects(writer.perform(strict(policy('PERMISSIVE'))), kind('NotFound'));
    assert.equal(stored, undefined);
  });

  it('sends a write whose answer was lost once, and a second one does no harm', async () => {
    stored = policy('PERMISSIVE');
    const write = strict(stored);
    loseAnswer = true;
    await assert.rejects(writer.perform(write), kind('Unavailable'));
    assert.equal(server.requests.length, 1);
    assert.equal(stored.spec.mtls!.mode, 'STRICT', 'it was done all the same');
    loseAnswer = false;
    await assert.rejects(writer.perform(write), kind('Conflict'));
    stored = undefined;
    loseAnswer = true;
    await assert.rejects(writer.perform({ verb: 'create', object: policy('PERMISSIVE') }), kind('Unavailable'));
    loseAnswer = false;
    await assert.rejects(writer.perform({ verb: 'create', object: policy('PERMISSIVE') }), kind('AlreadyExists'));
  });

  it('asks right before each write whether this process leads', async () => {
    stored = policy('PERMISSIVE');
    leads = false;
    await assert.rejects(writer.perform(strict(stored)), NotLeading);
    await assert.rejects(writer.perform({ verb: 'create', object: policy('STRICT') }), NotLeading);
    await assert.rejects(writer.perform({ verb: 'delete', target: targetOf(stored) }), NotLeading);
    assert.equal(server.requests.length, 0);
  });

  it('writes nothing once it is told to stop', async () => {
    stored = policy('PERMISSIVE');
    await assert.rejects(writer.perform(strict(stored), AbortSignal.abort(new Error('over'))), /over/);
    assert.equal(server.requests.length, 0);
  });

  it('writes policies and nothing else', async () => {
    const secret = { ...policy('STRICT'), apiVersion: 'v1', kind: 'Secret' } as unknown as PolicyObject;
    await assert.rejects(writer.perform({ verb: 'create', object: secret }), TypeError);
    await assert.rejects(writer.perform(strict(secret)), TypeError);
    await assert.rejects(writer.perform({ verb: 'delete', target: targetOf(secret) }), TypeError);
    const unseen = { ...targetOf(policy('STRICT')), resourceVersion: '' };
    await assert.rejects(writer.perform({ verb: 'delete', target: unseen }), kind('Invalid'));
    assert.equal(server.requests.length, 0);
  });

  it('takes an object that finalizers keep for changed, not for gone', async () => {
    stored = policy('STRICT');
    server.script = exchange =>
      json(exchange, 200, { ...stored, metadata: { ...stored!.metadata, resourceVersion: '77', finalizers: ['x'] } });
    assert.deepEqual(await writer.perform({ verb: 'delete', target: targetOf(stored) }), { resourceVersion: '77' });
    assert.equal(own.newest('PeerAuthentication'), '77');
  });
});
