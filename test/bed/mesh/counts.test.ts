/**
 * What the probes count through a real Prometheus against what was really sent: requests and connections in known
 * numbers, plaintext and mutual TLS, accepted and refused, and the operator's own hellos among them.
 */
import assert from 'node:assert/strict';
import { HANDSHAKE_GRACE_MS } from '../../../src/probes/promql.ts';
import { userPolicy } from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { Counting, isAbout, numbersIn, sum } from './counting.ts';
import type { Mesh } from './mesh.ts';
import { figure, meshFor } from './suite.ts';

const STRANGER = 'legacy/stranger';
const MEMBER = 'front/client';
const WINDOW_MS = 30_000;
/** Enough for Prometheus to have read everything. */
const SETTLED_MS = 5_000;
const ONE = { http: 1, tcp: 1 };
/** Before the switch, and after it: the stranger calls less then, the member as much. */
const BEFORE = { stranger: { http: 120, tcp: 60 }, member: { http: 80, tcp: 40 } };
const AFTER = { stranger: { http: 30, tcp: 12 }, member: { http: 80, tcp: 40 } };
/** To servers under STRICT. */
const TO_STRICT = { http: 40, tcp: 20 };
const REFUSED = { http: 30, tcp: 31 };
const HELLOS = 100;
/** Under STRICT: one is called by a member and asked by the operator, the other is called by a stranger besides. */
const STRICT = ['asked', 'sealed'];

describe('what the probes count on a real mesh', () => {
  let mesh: Mesh;
  let counting: Counting;
  /** Unix milliseconds: of the first call to a server under STRICT, of the first counted call to the open one. */
  let strictAt: number;
  let beganAt: number;
  /** When the open one is taken to have been switched, between the calls before and the calls after. */
  let switchedAt: number;
  let listener: { before: number; after: number };
  let lastCallAt: number;

  before(async function () {
    mesh = await meshFor(this);
    counting = new Counting(mesh);
    for (const namespace of STRICT) {
      await mesh.addNamespace(namespace);
      await userPolicy(mesh.api, namespace, 'default', { mtls: { mode: 'STRICT' } });
    }
    const ports = Counting.ports.map(({ name, port, serves }) => ({ name, port, serves: serves! }));
    await mesh.add(
      ...['fresh', 'open', ...STRICT].map(namespace => ({ namespace, name: 'server', ports })),
      { namespace: 'front', name: 'client', ports: [], service: false },
      { namespace: 'legacy', name: 'stranger', ports: [], service: false, meshed: false },
    );
    // a counter is born with the first call; what counts from then on is how much it grows
    await counting.calls(STRANGER, 'open', ONE);
    for (const namespace of ['open', ...STRICT]) await counting.calls(MEMBER, namespace, ONE);
    await counting.counted('open', 4);
    for (const namespace of STRICT) await counting.counted(namespace, 2);
    strictAt = Date.now();
  });
  after(async () => {
    await counting?.close();
    await mesh?.stop();
  });

  it('holds the single request and the single connection of a client that was never there before', async () => {
    await counting.calls(STRANGER, 'fresh', ONE);
    await counting.counted('fresh', 2);
    const { verdict, value, message } = await counting.look('fresh', counting.plaintext('istio', WINDOW_MS));
    assert.deepEqual([verdict, value], ['Unhealthy', '2 plaintext of 2']);
    assert.match(message, /^1 request and 1 connection from legacy\/stranger to fresh\/server without mutual TLS/);
  });

  it('holds refused connections exactly, and never a hello of the operator', async function () {
    this.timeout(120_000);
    for (const namespace of STRICT) {
      await counting.calls(MEMBER, namespace, TO_STRICT);
      await counting.hellos(namespace, HELLOS);
      // Istio's counters have a connection for each hello to a TCP port, which carried nothing
      await counting.counted(namespace, sum(ONE, TO_STRICT) + HELLOS);
    }
    const soak = since(strictAt);
    const refused = async (namespace: string) =>
      (await counting.look(namespace, counting.refused(2 * WINDOW_MS), soak)).value;
    const text = (times: number) => `${times} refused, 1/1 pods count`;
    await waitFor(async () => (await refused('sealed')) === text(0), 'refusals to be counted', WINDOW_MS);
    await counting.calls(STRANGER, 'sealed', REFUSED, 'refused');
    const exact = text(sum(REFUSED));
    await waitFor(async () => (await refused('sealed')) === exact, exact, 3 * SETTLED_MS);
    await passed(Date.now() + SETTLED_MS);
    assert.deepEqual(await Promise.all(STRICT.map(refused)), [text(0), exact]);
    figure('plaintext connections refused: sent, counted', `${sum(REFUSED)}, ${numbersIn(exact)[0]}`);
    for (const namespace of STRICT) {
      const { verdict, value } = await counting.look(namespace, counting.plaintext('istio', 2 * WINDOW_MS));
      assert.deepEqual([verdict, numbersIn(value)[0]], ['Healthy', 0], `istio, ${namespace}: ${value}`);
    }
  });

  it('is what was sent, before the switch and after it', async function () {
    this.timeout(180_000);
    beganAt = Date.now();
    switchedAt = beganAt + WINDOW_MS;
    const before = await accepted();
    // where counting begins is the first reading in the window
    await passed(beganAt + SETTLED_MS);
    await counting.calls(STRANGER, 'open', BEFORE.stranger);
    await counting.calls(MEMBER, 'open', BEFORE.member);
    await passed(switchedAt + SETTLED_MS);
    const between = await accepted();
    await counting.calls(STRANGER, 'open', AFTER.stranger);
    await counting.calls(MEMBER, 'open', AFTER.member);
    lastCallAt = Date.now();
    listener = { before: between - before, after: (await accepted()) - between };
    await counting.counted('open', 4 + sum(BEFORE.stranger, BEFORE.member, AFTER.stranger, AFTER.member));
    await passed(switchedAt + WINDOW_MS);
    const probe = counting.plaintext('istio', WINDOW_MS);
    const [plaintextBefore, allBefore] = numbersIn((await counting.look('open', probe, { now: switchedAt })).value);
    const [plaintextAfter, allAfter] = numbersIn((await counting.look('open', probe, atEnd())).value);
    about('istio, plaintext before', plaintextBefore, sum(BEFORE.stranger));
    about('istio, all before', allBefore, sum(BEFORE.stranger, BEFORE.member));
    about('istio, plaintext after', plaintextAfter, sum(AFTER.stranger));
    about('istio, all after', allAfter, sum(AFTER.stranger, AFTER.member));
  });

  it('is what trafficDrop compares, by source', async () => {
    const { value, message } = await counting.look('open', counting.drop('istio', WINDOW_MS), atEnd());
    assert.equal(value, '1 of 2 pairs fell', 'the member calls as before');
    assert.match(message, /^legacy\/stranger → open\/server fell from \d+ to \d+ \(/);
    const [before, after] = numbersIn(message);
    about('istio, trafficDrop, before', before, sum(BEFORE.stranger));
    about('istio, trafficDrop, after', after, sum(AFTER.stranger));
  });

  it("is what trafficDrop compares with Envoy's own counters, without a source", async () => {
    const { message } = await counting.look('open', counting.drop('envoy', WINDOW_MS), atEnd());
    assert.match(message, /^unknown sources → open\/server fell from \d+ to \d+ \(/);
    const [before, after] = numbersIn(message);
    about('envoy, trafficDrop, before', before, listener.before);
    about('envoy, trafficDrop, after', after, listener.after);
  });

  it("is what was sent by Envoy's own counters, once plaintext has stood in them long enough", async function () {
    this.timeout(HANDSHAKE_GRACE_MS + WINDOW_MS);
    await passed(lastCallAt + HANDSHAKE_GRACE_MS + SETTLED_MS);
    const windowMs = Date.now() - beganAt;
    const [open] = numbersIn((await counting.look('open', counting.plaintext('envoy', windowMs))).value);
    isAbout('envoy, plaintext', open!, sum(BEFORE.stranger, AFTER.stranger), windowMs);
    // what is refused, for want of a certificate or of TLS, has no place in what was accepted
    const long = since(strictAt - 2 * WINDOW_MS);
    for (const namespace of STRICT) {
      const { verdict, value } = await counting.look(namespace, counting.plaintext('envoy', 10 * WINDOW_MS), long);
      assert.deepEqual([verdict, numbersIn(value)[0]], ['Healthy', 0], `envoy, ${namespace}: ${value}`);
    }
  });

  /** A look that ends a window after the switch. */
  function atEnd() {
    return { ...since(switchedAt), now: switchedAt + WINDOW_MS };
  }

  /** Connections that the sidecar of `open` has accepted. */
  async function accepted(): Promise<number> {
    const counters = await mesh.pod('open/server').scrape();
    return counters.get('envoy_listener_downstream_cx_total{listener_address="0.0.0.0_15006"}')!;
  }
});

/** A look at a change of this time. */
function since(time: number) {
  return { round: 'Soak' as const, changedAt: time, inForceAt: time };
}

function about(what: string, counted: number | undefined, sent: number): void {
  isAbout(what, counted!, sent, WINDOW_MS);
}

async function passed(time: number): Promise<void> {
  await waitFor(() => Date.now() > time, 'time to pass', Math.max(0, time - Date.now()) + 5_000);
}
