/**
 * One script of behaviour for two meshes: the real one, which is recorded, and the simulated one, which has to do the
 * same. What comes of connections is compared exactly, and times by their range.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientTlsMode, Mode } from '../../../src/istio/objects.ts';
import { type Acts, type Counters, observeCounters } from './likenessCounters.ts';

const PORT_KINDS = ['http', 'tcp', 'auto'] as const;
export type PortKind = (typeof PORT_KINDS)[number];
/** Without a sidecar; or in the mesh, through the Service. */
export type ClientKind = 'plaintext' | 'mesh';
export type ServerName = 'server' | 'bare';
export type Got = 'mutual TLS' | 'plaintext' | 'refused';
export type HelloGot = 'certificate of the mesh' | 'other certificate' | 'plaintext' | 'reset' | 'timeout';

/** The only policy, of the server. */
export interface Policy {
  mode: Mode;
  exception?: { port: PortKind; mode: Mode };
}

const HELD_KINDS = ['plaintext tcp', 'mutual TLS tcp', 'plaintext http', 'http through the sidecar'] as const;
export type HeldKind = (typeof HELD_KINDS)[number];

/** A connection that stays open and is used. */
export interface HeldConnection {
  /** When its client noticed that it was ended; undefined: it was not. */
  cutAt(): number | undefined;
  hang(): Promise<void>;
}

/** A server and a client with sidecars, and a server (`bare`) and a client without. */
export interface Likeness {
  /** How long open connections may go on after their port was changed. */
  drainMs: number;
  /** Milliseconds. */
  now(): number;
  wait(ms: number): Promise<void>;
  /** Resolves when it is written, which is before it is in force; undefined: there is no policy. */
  setPolicy(policy: Policy | undefined): Promise<void>;
  /** What the client's DestinationRule for a server says; undefined: there is none. */
  setRule(server: ServerName, mode: ClientTlsMode | undefined): Promise<void>;
  /** Answer to one new connection. */
  connect(client: ClientKind, server: ServerName, port: PortKind): Promise<Got>;
  /** Whether plaintext is served on the server's TCP port right now. */
  servesPlaintext(): Promise<boolean>;
  /** Answer to one TLS hello of the operator. */
  hello(port: PortKind, alpn: string[]): Promise<HelloGot>;
  /** One TLS hello of a stranger without a certificate, who stays until the other side has ended it. */
  strangerHello(port: PortKind | 'undeclared', alpn: string[]): Promise<void>;
  /** Undefined where no such connection can be opened. */
  hold(kind: HeldKind): Promise<HeldConnection | undefined>;
  /** The server's counters, with everything that has happened. */
  counters(): Promise<Counters>;
}

interface Range {
  least: number;
  median: number;
  most: number;
}

type Fate = 'lives' | 'is cut' | 'cannot be opened';
type Table<T> = Record<string, Record<string, T>>;

interface Observed {
  outcomes: Record<string, Table<Got | HelloGot>>;
  rules: Record<string, Table<Got>>;
  connections: Table<Fate>;
  counters: Acts;
  /** Milliseconds from the return of the write; for the drain beyond the drain time. */
  times: Record<'PERMISSIVE to STRICT' | 'STRICT to PERMISSIVE' | 'drain', Range>;
}

const MODES: Record<string, Policy | undefined> = {
  none: undefined,
  PERMISSIVE: { mode: 'PERMISSIVE' },
  STRICT: { mode: 'STRICT' },
  'STRICT, http PERMISSIVE': { mode: 'STRICT', exception: { port: 'http', mode: 'PERMISSIVE' } },
  'PERMISSIVE, tcp STRICT': { mode: 'PERMISSIVE', exception: { port: 'tcp', mode: 'STRICT' } },
  DISABLE: { mode: 'DISABLE' },
};
const HTTP_STRICT: Policy = { mode: 'PERMISSIVE', exception: { port: 'http', mode: 'STRICT' } };
const CHANGES: Record<string, [from: Policy | undefined, to: Policy]> = {
  'none to PERMISSIVE': [undefined, { mode: 'PERMISSIVE' }],
  'PERMISSIVE to PERMISSIVE, http STRICT': [{ mode: 'PERMISSIVE' }, HTTP_STRICT],
  'PERMISSIVE to STRICT': [{ mode: 'PERMISSIVE' }, { mode: 'STRICT' }],
  'STRICT to PERMISSIVE': [{ mode: 'STRICT' }, { mode: 'PERMISSIVE' }],
};
const RULES = [undefined, 'ISTIO_MUTUAL', 'DISABLE', 'SIMPLE'] as const;
/** A change is in force within 250 ms; a busy machine takes longer. */
const IN_FORCE_MS = 1_200;
const FLIPS = 8;

async function observe(mesh: Likeness): Promise<Observed> {
  const outcomes = await observeOutcomes(mesh);
  const rules = await observeRules(mesh);
  const counters = await observeCounters(mesh, policy => settled(mesh, policy));
  const { connections, drain } = await observeConnections(mesh);
  const flips = await observeFlips(mesh);
  return { outcomes, rules, connections, counters, times: { ...flips, drain } };
}

async function settled(mesh: Likeness, policy: Policy | undefined): Promise<void> {
  await mesh.setPolicy(policy);
  await mesh.wait(IN_FORCE_MS);
}

async function observeOutcomes(mesh: Likeness): Promise<Observed['outcomes']> {
  const found: Observed['outcomes'] = {};
  for (const [mode, policy] of Object.entries(MODES)) {
    await settled(mesh, policy);
    const ports: Table<Got | HelloGot> = (found[mode] = {});
    for (const port of PORT_KINDS) {
      ports[port] = {
        plaintext: await mesh.connect('plaintext', 'server', port),
        mesh: await mesh.connect('mesh', 'server', port),
        hello: await mesh.hello(port, []),
        'hello istio': await mesh.hello(port, ['istio']),
      };
    }
  }
  // the client's sidecar goes on in plaintext over the connections that it has kept, until they are drained
  await mesh.setPolicy(undefined);
  await mesh.wait(mesh.drainMs + IN_FORCE_MS);
  return found;
}

async function observeRules(mesh: Likeness): Promise<Observed['rules']> {
  const found: Observed['rules'] = {};
  for (const server of ['PERMISSIVE', 'STRICT', 'DISABLE', 'no sidecar'] as const) {
    const name = server === 'no sidecar' ? 'bare' : 'server';
    if (server !== 'no sidecar') await mesh.setPolicy({ mode: server });
    const byRule: Table<Got> = (found[server] = {});
    for (const rule of RULES) {
      await mesh.setRule(name, rule);
      await mesh.wait(IN_FORCE_MS);
      byRule[rule ?? 'none'] = {
        http: await mesh.connect('mesh', name, 'http'),
        tcp: await mesh.connect('mesh', name, 'tcp'),
      };
    }
    await mesh.setRule(name, undefined);
  }
  return found;
}

async function observeConnections(mesh: Likeness): Promise<{ connections: Table<Fate>; drain: Range }> {
  const connections: Table<Fate> = {};
  const drains: number[] = [];
  for (const [change, [from, to]] of Object.entries(CHANGES)) {
    await settled(mesh, from);
    const held = new Map<HeldKind, HeldConnection | undefined>();
    for (const kind of HELD_KINDS) held.set(kind, await mesh.hold(kind));
    await mesh.setPolicy(to);
    const changedAt = mesh.now();
    while (mesh.now() < changedAt + mesh.drainMs + IN_FORCE_MS) {
      await mesh.wait(10);
      for (const each of held.values()) each?.cutAt();
    }
    const fates: Record<string, Fate> = (connections[change] = {});
    for (const [kind, connection] of held) {
      const cutAt = connection?.cutAt();
      fates[kind] = connection === undefined ? 'cannot be opened' : cutAt === undefined ? 'lives' : 'is cut';
      if (cutAt !== undefined && kind.endsWith('tcp')) drains.push(cutAt - changedAt - mesh.drainMs);
      await connection?.hang();
    }
  }
  return { connections, drain: rangeOf(drains) };
}

async function observeFlips(mesh: Likeness): Promise<Omit<Observed['times'], 'drain'>> {
  await settled(mesh, { mode: 'PERMISSIVE' });
  const untilServed = async (mode: Mode, wanted: boolean) => {
    await mesh.setPolicy({ mode });
    const writtenAt = mesh.now();
    let took = 0;
    for (let served = !wanted; served !== wanted; took = mesh.now() - writtenAt) {
      assert.ok(mesh.now() - writtenAt < 20_000, `${mode} does not come into force`);
      await mesh.wait(5);
      served = await mesh.servesPlaintext();
    }
    // so that nothing of this change is left when the next one is written
    await mesh.wait(500);
    return took;
  };
  const times: Record<'strict' | 'permissive', number[]> = { strict: [], permissive: [] };
  for (let flip = 0; flip < FLIPS; flip++) {
    times.strict.push(await untilServed('STRICT', false));
    times.permissive.push(await untilServed('PERMISSIVE', true));
  }
  return { 'PERMISSIVE to STRICT': rangeOf(times.strict), 'STRICT to PERMISSIVE': rangeOf(times.permissive) };
}

function rangeOf(times: readonly number[]): Range {
  const sorted = [...times].map(time => Math.round(time)).sort((a, b) => a - b);
  return { least: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]!, most: sorted.at(-1)! };
}

const RECORDING = join(import.meta.dirname, '../../sim/likeness.json');

export interface LikenessOptions {
  /** Times may be so many times less than the least and more than the most of the recording. */
  factor: number;
  /** Writes the recording instead of comparing with it. */
  record?: boolean;
}

/** Plays the script in a `before` hook, and compares in tests of the suite around it. */
export function likeTheRecording(mesh: () => Likeness, { factor, record = false }: LikenessOptions): void {
  let seen: Observed;
  let recorded: Observed;

  before(async function () {
    this.timeout(180_000);
    seen = await observe(mesh());
    if (record) writeFileSync(RECORDING, `${JSON.stringify(seen, null, 2)}\n`);
    recorded = JSON.parse(readFileSync(RECORDING, 'utf8')) as Observed;
  });

  it('serves, secures and refuses the same', () => assert.deepEqual(seen.outcomes, recorded.outcomes));
  it('makes the same of DestinationRules', () => assert.deepEqual(seen.rules, recorded.rules));
  it('cuts the same connections', () => assert.deepEqual(seen.connections, recorded.connections));
  it('counts the same', () => assert.deepEqual(seen.counters, recorded.counters));
  it('takes about as long', () => {
    for (const [what, { least, most }] of Object.entries(recorded.times)) {
      const range = seen.times[what as keyof Observed['times']];
      const message = `${what}: ${JSON.stringify(range)}, recorded ${least} to ${most} ms`;
      assert.ok(range.least >= least / factor && range.most <= most * factor, message);
    }
  });
}
