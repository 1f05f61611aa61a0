/** The kinds of ports that Istio treats each in its own way, and what a client that calls one gets. */
import type { MeshPod, MeshWorkload } from './pods.ts';
import type { ServerKind } from './workload.ts';

export interface PortKind {
  /** Name of the Service port, from whose prefix Istio takes the protocol. */
  name: string;
  port: number;
  /** Nothing listens there where it is absent. */
  serves?: ServerKind;
  /** Where the port is named; in a Service and as a container port, unless said otherwise. */
  declared?: 'Container' | 'Nowhere';
}

export const PORT_KINDS: readonly PortKind[] = [
  { name: 'http-web', port: 8080, serves: 'http' },
  { name: 'tcp-echo', port: 9090, serves: 'echo' },
  { name: 'auto', port: 7070, serves: 'http' },
  { name: 'auto-echo', port: 7071, serves: 'echo' },
  { name: 'tcp-own-tls', port: 9443, serves: 'tls' },
  { name: 'https-own', port: 9444, serves: 'tls' },
  { name: 'tcp-banner', port: 2525, serves: 'banner' },
  { name: 'http-nobody', port: 5556 },
  { name: 'tcp-nobody', port: 5555 },
  { name: 'container', port: 6061, serves: 'http', declared: 'Container' },
  { name: 'undeclared', port: 6060, serves: 'http', declared: 'Nowhere' },
];

/** A workload with a port of every kind. */
export function allKinds(place: Pick<MeshWorkload, 'namespace' | 'name' | 'meshed'>): MeshWorkload {
  const listening = ({ serves }: PortKind) => (serves === undefined ? {} : { serves });
  const named = PORT_KINDS.filter(({ declared }) => declared !== 'Nowhere');
  const ports = named.map(kind => {
    const { name, port, declared } = kind;
    return { name, port, ...(declared === 'Container' ? { servicePort: null } : {}), ...listening(kind) };
  });
  const undeclared = PORT_KINDS.flatMap(({ port, serves, declared }) =>
    declared === 'Nowhere' && serves !== undefined ? [{ port, serves }] : [],
  );
  return { ...place, ports, undeclared };
}

/** What the client got: its answer, a connection that ended without one, or nothing until it lost patience. */
export type Got = 'served' | 'refused' | 'silence';

/** One call over a connection of its own, in the words of the application. */
export async function call(client: MeshPod, address: string, kind: PortKind, timeoutMs = 5_000): Promise<Got> {
  const serves = kind.serves ?? (kind.name.startsWith('http-') ? 'http' : 'echo');
  if (serves === 'echo' || serves === 'banner') {
    return gotFrom(await client.talk({ address, send: 'hello\r\n', timeoutMs }));
  }
  const tls = serves === 'tls' ? { protocol: 'https' as const, host: 'my-app.local' } : {};
  const answer = await client.request({ address, timeoutMs, ...tls });
  return answer.failed === undefined && answer.status !== 200 ? 'refused' : gotFrom(answer);
}

/** What a client gets that waits for the server to speak first. */
export async function wait(client: MeshPod, address: string, timeoutMs = 2_000): Promise<Got> {
  return gotFrom(await client.talk({ address, timeoutMs }));
}

function gotFrom({ failed }: { failed?: string | undefined }): Got {
  if (failed === undefined) return 'served';
  return failed === 'timeout' ? 'silence' : 'refused';
}
