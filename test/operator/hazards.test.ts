/** The operator looks before a step: what would break holds it, by name and with a fix, until it is gone or accepted. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { Bench } from './harness.ts';
import { PORT, rollout, scene, SMALL_SHOP, waves } from './scene.ts';

const MINUTES = 60_000;

/** A Service that is open to the outside of the cluster. */
const service = (type: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'cart', namespace: 'cart' },
  spec: { type, selector: { app: 'cart' }, ports: [{ name: 'http', port: 80, targetPort: PORT, protocol: 'TCP' }] },
});

const benchOf = (more: Partial<SpecInput> = {}) =>
  new Bench([...scene(SMALL_SHOP), service('LoadBalancer'), rollout({ ...waves(SMALL_SHOP), ...more })]);

const refused = (verb: string, resource: string) => ({
  status: 403,
  headers: {},
  body: {
    kind: 'Status',
    status: 'Failure',
    reason: 'Forbidden',
    message: `${resource} is forbidden: cannot ${verb}`,
    code: 403,
  },
});

describe('hazards in the cluster', () => {
  it('hold the step that they are about, and no other, until they are gone', async () => {
    const bench = benchOf();
    await bench.start();
    await bench.clock.advance(10 * MINUTES);
    const { phase, summary, message, waves: all = [] } = bench.status();
    assert.deepEqual([phase, summary?.waitingOn], ['Pending', 'ExposedDirectly']);
    assert.match(message ?? '', /^wave core is held by ExposedDirectly: .*Service cart\/cart/);
    assert.equal(all.find(({ name }) => name === 'leaf')?.phase, 'Done');
    assert.equal(bench.sight.mode('cart'), 'PERMISSIVE');
    bench.cluster.put(service('ClusterIP'));
    await bench.untilPhase('Completed');
    bench.end();
    assert.equal(bench.sight.mode('cart'), 'STRICT');
  });

  it('that the author takes on are shown as accepted, and hold nothing', async () => {
    const bench = benchOf({ preflight: { accept: ['ExposedDirectly'] } });
    await bench.start();
    await bench.clock.runUntil(() => bench.status().step?.scopes.includes('cart') === true, 10 * MINUTES);
    await bench.clock.runUntil(() => bench.status().phase === 'Observing', 10 * MINUTES);
    const hazard = bench.status().hazards?.find(({ code }) => code === 'ExposedDirectly');
    assert.deepEqual([hazard?.accepted, hazard?.scope, hazard?.object], [true, 'cart', 'Service cart/cart']);
    await bench.untilPhase('Completed');
    bench.end();
  });

  it('that an exception takes away hold nothing', async () => {
    const exception = { name: 'open', namespace: 'cart', selector: { matchLabels: { app: 'cart' } }, ports: [PORT] };
    const bench = benchOf({ exceptions: [{ ...exception, reason: 'a load balancer calls it', until: '2027-03-31' }] });
    await bench.start();
    await bench.untilPhase('Completed');
    bench.end();
    assert.match(bench.status().message ?? '', /^4 scopes STRICT, except cart: open \(port 8080\)/);
    assert.equal(bench.sight.mode('cart', PORT), 'PERMISSIVE');
  });

  it('that cannot be looked for are unknown, with the permission that is missing', async () => {
    const bench = benchOf();
    bench.meddle = async (call, proceed) => (call.kind === 'services' ? refused('list', 'services') : await proceed());
    await bench.start();
    await bench.clock.runUntil(() => bench.status().phase === 'Observing', 10 * MINUTES);
    const unknown = bench.status().hazards?.find(({ code }) => code === 'Unknown');
    assert.deepEqual([unknown?.severity, unknown?.object], ['Warn', 'Service']);
    assert.match(unknown?.message ?? '', /WebhookPort.*cannot be told: list services in \w+: services is forbidden/);
    assert.match(unknown?.fix ?? '', /^allow to list services in namespace \w+$/);
    await bench.untilPhase('Completed');
    bench.end();
  });

  it('are looked for in the whole target in mode Plan, which writes nothing', async () => {
    const bench = benchOf({ mode: 'Plan' });
    await bench.start();
    await bench.untilPhase('Planned');
    await bench.clock.advance(10 * MINUTES);
    assert.match(bench.status().message ?? '', /1 blocking hazard/);
    assert.equal(bench.status().hazards?.[0]?.code, 'ExposedDirectly');
    assert.deepEqual(
      bench.writes().filter(({ kind }) => kind === 'peerauthentications'),
      [],
    );
    bench.end();
  });

  it('are looked for once a minute while a step waits, and never at rest', async () => {
    const bench = benchOf();
    await bench.start();
    await bench.clock.runUntil(() => bench.status().summary?.waitingOn === 'ExposedDirectly', 30 * MINUTES);
    const looks = () => bench.calls.filter(({ kind, method }) => kind === 'ingressclasses' && method === 'GET').length;
    const before = looks();
    await bench.clock.advance(60 * MINUTES);
    assert.ok(looks() - before <= 61, `${looks() - before} looks in an hour`);
    bench.cluster.put(service('ClusterIP'));
    await bench.untilPhase('Completed');
    const done = looks();
    await bench.clock.advance(60 * MINUTES);
    assert.equal(looks(), done);
    bench.end();
  });
});
