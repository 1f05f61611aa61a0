import assert from 'node:assert/strict';
import { connectionError } from '../../src/cluster/connectionError.ts';
import { errorOf, type KubeErrorKind } from '../../src/cluster/errors.ts';

const ASKED = { verb: 'patch', object: 'PeerAuthentication shop/default' };
const NOW = Date.parse('2026-06-01T12:00:00Z');

function answer(status: number, body: unknown, headers: Record<string, string> = {}) {
  return errorOf({ status, headers, body }, ASKED, NOW);
}

const failure = (reason: string, message: string, details?: object) => ({ kind: 'Status', reason, message, details });

describe('errors of an API server', () => {
  const table: [number, string, KubeErrorKind][] = [
    [400, 'BadRequest', 'Invalid'],
    [401, 'Unauthorized', 'Unauthorized'],
    [403, 'Forbidden', 'Forbidden'],
    [404, 'NotFound', 'NotFound'],
    [405, 'MethodNotAllowed', 'Invalid'],
    [409, 'Conflict', 'Conflict'],
    [409, 'AlreadyExists', 'AlreadyExists'],
    [410, 'Expired', 'Gone'],
    [413, 'RequestEntityTooLarge', 'Invalid'],
    [422, 'Invalid', 'Invalid'],
    [429, 'TooManyRequests', 'Throttled'],
    [500, 'InternalError', 'Unavailable'],
    [503, 'ServiceUnavailable', 'Unavailable'],
    [504, 'Timeout', 'Unavailable'],
    [302, '', 'Unavailable'],
  ];
  for (const [status, reason, kind] of table) {
    it(`${status} ${reason} is ${kind}`, () => {
      const error = answer(status, failure(reason, 'said so'));
      assert.equal(error.kind, kind);
      assert.equal(error.status, status);
      assert.equal(error.object, 'PeerAuthentication shop/default');
      assert.match(error.message, /^patch PeerAuthentication shop\/default: said so/);
    });
  }

  it('name the right that a ServiceAccount lacks', () => {
    const message =
      'peerauthentications.security.istio.io "default" is forbidden: User "system:serviceaccount:mtls:operator" ' +
      'cannot patch resource "peerauthentications" in API group "security.istio.io" in the namespace "shop"';
    assert.match(
      answer(403, failure('Forbidden', message)).message,
      /the ServiceAccount mtls\/operator lacks the verb "patch" on peerauthentications\.security\.istio\.io in namespace shop: add it/,
    );
    const core = 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope';
    assert.match(
      answer(403, failure('Forbidden', core)).message,
      /the user jane lacks the verb "list" on pods in the whole cluster/,
    );
  });

  it('tell admission and a dying namespace from missing rights', () => {
    const denied = failure('Forbidden', 'admission webhook "x" denied the request: no');
    assert.match(answer(403, denied).message, /an admission policy, webhook or quota refused it/);
    const dying = failure('Forbidden', 'unable to create', { causes: [{ reason: 'NamespaceTerminating' }] });
    assert.match(answer(403, dying).message, /the namespace is being deleted/);
  });

  it('tell a missing resource from a missing object', () => {
    assert.match(answer(404, '404 page not found\n').message, /404 page not found; .*is its CRD installed\?/);
    assert.doesNotMatch(answer(404, failure('NotFound', 'no such thing')).message, /CRD/);
  });

  it('read Retry-After as seconds, as a date and from the Status', () => {
    assert.equal(answer(429, '', { 'retry-after': '7' }).retryAfterMs, 7000);
    assert.equal(answer(429, '', { 'retry-after': 'Mon, 01 Jun 2026 12:00:03 GMT' }).retryAfterMs, 3000);
    assert.equal(answer(429, '', { 'retry-after': 'Mon, 01 Jun 2026 11:00:00 GMT' }).retryAfterMs, 0);
    assert.equal(answer(503, failure('', 'm', { retryAfterSeconds: 2 })).retryAfterMs, 2000);
    assert.equal(answer(429, '', { 'retry-after': 'soon' }).retryAfterMs, undefined);
  });

  it('survive bodies that are no Status', () => {
    for (const body of [undefined, null, 7, [], {}, { kind: 'Status', message: 3, details: 'x' }, 'x'.repeat(10_000)]) {
      const error = answer(500, body);
      assert.equal(error.kind, 'Unavailable');
      assert.ok(error.message.length < 800, `${error.message.length} characters`);
    }
  });
});

describe('errors of a connection', () => {
  const failed = (fields: object) => connectionError(Object.assign(new Error('x'), fields), 'https://kube:6443');

  it('say what happened and where', () => {
    const refused = failed({ code: 'ECONNREFUSED', address: '10.0.0.1', port: 6443 });
    assert.equal(refused.kind, 'Unavailable');
    assert.equal(
      refused.message,
      'cannot reach the API server https://kube:6443 (10.0.0.1:6443): connection refused: nothing listens at this address',
    );
    assert.match(failed({ code: 'ENOTFOUND' }).message, /unknown host: the name does not resolve/);
    assert.match(failed({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }).message, /for another name/);
  });

  it('look into what wraps them', () => {
    const inner = Object.assign(new Error('y'), { code: 'ECONNREFUSED', address: '::1', port: 1 });
    assert.match(connectionError(new AggregateError([inner]), 's').message, /connection refused/);
    assert.match(connectionError(new Error('fetch failed', { cause: inner }), 's').message, /connection refused/);
    assert.match(connectionError('odd', 's').message, /odd/);
  });
});
