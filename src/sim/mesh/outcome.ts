/** What becomes of one connection: the rules of Istio's filter chains as a table of who speaks how to whom. */
import type { ClientTlsMode, Mode } from '../../istio/objects.ts';
import type { MeshPod } from './pod.ts';

/** What a client puts on the wire; OtherTls is TLS without a mesh certificate. */
export type Speech = 'Plaintext' | 'MutualTls' | 'OtherTls';

/** What stands at the other end of the connection. */
export type Listener = Mode | 'Bare';

/**
 * MutualTls and Plaintext: answered, and secured so. Refused: reset by the server's proxy before any byte reached the
 * application, seen by nobody but the client. Failed: the two ends did not understand each other.
 */
export type Outcome = 'MutualTls' | 'Plaintext' | 'Refused' | 'Failed';

const OUTCOMES: Record<Speech, Record<Listener, Outcome>> = {
  Plaintext: { Bare: 'Plaintext', DISABLE: 'Plaintext', PERMISSIVE: 'Plaintext', STRICT: 'Refused' },
  MutualTls: { Bare: 'Failed', DISABLE: 'Failed', PERMISSIVE: 'MutualTls', STRICT: 'MutualTls' },
  OtherTls: { Bare: 'Failed', DISABLE: 'Failed', PERMISSIVE: 'Failed', STRICT: 'Failed' },
};

export function outcomeOf(speech: Speech, listener: Listener): Outcome {
  return OUTCOMES[speech][listener];
}

/**
 * How a client speaks to a server. `rule` is what DestinationRules say for the service port; `believed` the server's
 * mode as the client's own proxy knows it, which may lag behind the truth.
 */
export function speechOf(
  client: MeshPod,
  server: MeshPod,
  { viaPodIp, rule, believed }: { viaPodIp: boolean; rule: ClientTlsMode | 'AUTO'; believed: Mode },
): Speech {
  // Nobody declared the pod's address: the client's proxy passes the bytes through as they are.
  if (!client.sidecar || viaPodIp) return 'Plaintext';
  switch (rule) {
    case 'DISABLE':
      return 'Plaintext';
    case 'ISTIO_MUTUAL':
      return 'MutualTls';
    case 'SIMPLE':
    case 'MUTUAL':
      return 'OtherTls';
    case 'AUTO':
      break;
  }
  return canMutualTls(server) && believed !== 'DISABLE' ? 'MutualTls' : 'Plaintext';
}

/** Clients go by the label that the injector sets, not by the container. */
function canMutualTls(server: MeshPod): boolean {
  return server.sidecar && server.labels['security.istio.io/tlsMode'] === 'istio';
}
