/** What a port speaks: as Istio is told, and as its name or number gives away. */
import type { SeenServicePort } from '../inventory/shapes.ts';

type NamedPort = Pick<SeenServicePort, 'name' | 'appProtocol' | 'port'>;

interface Protocol {
  name: string;
  /** Parts of names of ports by which people mean it. */
  words: readonly string[];
  numbers: readonly number[];
  /** The server speaks first, so that nobody can tell from what the client says whether it is TLS. */
  serverFirst: boolean;
  /** Clients keep connections for hours. */
  lasting: boolean;
}

const protocol = (name: string, numbers: number[], more: Partial<Protocol>): Protocol => ({
  name,
  words: [name],
  numbers,
  serverFirst: false,
  lasting: false,
  ...more,
});

const PROTOCOLS: readonly Protocol[] = [
  protocol('mysql', [3306], { words: ['mysql', 'mariadb'], serverFirst: true, lasting: true }),
  protocol('smtp', [25, 587], { words: ['smtp', 'submission'], serverFirst: true }),
  protocol('ftp', [21], { serverFirst: true }),
  protocol('ssh', [22], { words: ['ssh', 'sftp'], serverFirst: true }),
  protocol('pop3', [110], { serverFirst: true }),
  protocol('imap', [143], { serverFirst: true }),
  protocol('vnc', [5900], { words: ['vnc', 'rfb'], serverFirst: true }),
  protocol('nats', [4222], { serverFirst: true, lasting: true }),
  protocol('postgres', [5432], { words: ['postgres', 'postgresql'], lasting: true }),
  protocol('redis', [6379], { lasting: true }),
  protocol('mongo', [27017], { words: ['mongo', 'mongodb'], lasting: true }),
  protocol('kafka', [9092], { lasting: true }),
  protocol('amqp', [5672], { lasting: true }),
  protocol('mqtt', [1883], { lasting: true }),
  protocol('cassandra', [9042], { words: ['cassandra', 'cql'], lasting: true }),
  protocol('zookeeper', [2181], { lasting: true }),
];

/** Protocols that Istio knows by the first part of a name. Source: `protocol.Parse` in `instance.go`. */
const DECLARABLE = new Set(
  'tcp udp http http2 http_proxy https grpc grpc-web tls mongo mysql redis hbone double_hbone'.split(' '),
);
const HTTP = new Set(['http', 'http2', 'http_proxy', 'https', 'grpc', 'grpc-web']);
const STANDARD: Readonly<Record<string, string>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};
/** Service ports that Istio never sniffs when nothing is declared. */
const ASSUMED_TCP = new Set([25, 53, 3306, 27017]);

/** What Istio takes a Service port for; undefined: it finds out from the first bytes. Source: `ConvertProtocol`. */
export function declaredProtocol({ name, appProtocol, port }: NamedPort): string | undefined {
  const said = (STANDARD[appProtocol] ?? (appProtocol || name)).toLowerCase();
  const first = /^grpc-web(-|$)/.test(said) ? 'grpc-web' : (said.split('-')[0] ?? '');
  if (DECLARABLE.has(first)) return first;
  return ASSUMED_TCP.has(port) ? 'tcp' : undefined;
}

/** What is likely to be spoken on a Service port that leads to a container port; undefined: nothing special. */
export function likelyProtocol(servicePort: NamedPort, containerPort: number): Protocol | undefined {
  if (HTTP.has(declaredProtocol(servicePort) ?? '')) return undefined;
  const words = new Set(`${servicePort.name}-${servicePort.appProtocol}`.toLowerCase().split(/[^a-z0-9]+/));
  return (
    PROTOCOLS.find(known => known.words.some(word => words.has(word))) ??
    PROTOCOLS.find(({ numbers }) => numbers.includes(servicePort.port) || numbers.includes(containerPort))
  );
}
