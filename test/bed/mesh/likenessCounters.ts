/** What a known sequence of connections leaves in the counters of the server's proxy. */
import type { Likeness, Policy } from './likeness.ts';

/** Of the inbound listener, and Istio's of the TCP connections that arrived, by how they were secured. */
export interface Counters {
  noFilterChainMatch: number;
  failVerifyNoCert: number;
  handshakes: number;
  openedNone: number;
  openedMutualTls: number;
  bytesNone: number;
  bytesMutualTls: number;
}

/** How much each act added; of bytes only whether there were any, since sizes are the clients' own. */
export type Acts = Record<string, Record<string, number | boolean>>;

const SEQUENCE: { policy: Policy; acts: Record<string, (mesh: Likeness) => Promise<unknown>> }[] = [
  {
    policy: { mode: 'STRICT' },
    acts: {
      'STRICT: plaintext to the http port': mesh => mesh.connect('plaintext', 'server', 'http'),
      'STRICT: plaintext to the tcp port': mesh => mesh.connect('plaintext', 'server', 'tcp'),
      'STRICT: hello to the http port': mesh => mesh.strangerHello('http', []),
      'STRICT: hello to the tcp port': mesh => mesh.strangerHello('tcp', []),
      'STRICT: hello to the auto port': mesh => mesh.strangerHello('auto', []),
      'STRICT: hello to an undeclared port': mesh => mesh.strangerHello('undeclared', []),
      'STRICT: two connections of a mesh client to the tcp port': async mesh => {
        for (let i = 0; i < 2; i++) await mesh.connect('mesh', 'server', 'tcp');
      },
    },
  },
  {
    policy: { mode: 'PERMISSIVE' },
    acts: {
      'PERMISSIVE: hello to the http port': mesh => mesh.strangerHello('http', []),
      'PERMISSIVE: hello to the tcp port': mesh => mesh.strangerHello('tcp', []),
      'PERMISSIVE: hello with ALPN istio to the tcp port': mesh => mesh.strangerHello('tcp', ['istio']),
      'PERMISSIVE: plaintext to the tcp port': mesh => mesh.connect('plaintext', 'server', 'tcp'),
      'PERMISSIVE: a mesh client to the tcp port': mesh => mesh.connect('mesh', 'server', 'tcp'),
    },
  },
];

export async function observeCounters(mesh: Likeness, settle: (policy: Policy) => Promise<void>): Promise<Acts> {
  const found: Acts = {};
  for (const { policy, acts } of SEQUENCE) {
    await settle(policy);
    let before = await mesh.counters();
    for (const [name, act] of Object.entries(acts)) {
      await act(mesh);
      const after = await mesh.counters();
      found[name] = growth(before, after);
      before = after;
    }
  }
  return found;
}

function growth(before: Counters, after: Counters): Acts[string] {
  const grown = (counter: keyof Counters) => Math.round(after[counter] - before[counter]);
  return {
    noFilterChainMatch: grown('noFilterChainMatch'),
    failVerifyNoCert: grown('failVerifyNoCert'),
    handshakes: grown('handshakes'),
    openedNone: grown('openedNone'),
    openedMutualTls: grown('openedMutualTls'),
    carriedNone: grown('bytesNone') > 0,
    carriedMutualTls: grown('bytesMutualTls') > 0,
  };
}
