/**
 * The inbound ports of the boutique's sidecars, as a stranger without identity meets them: each asks the API server
 * for the policies in force and answers a TLS hello as Envoy was seen to under that mode.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { Transport } from '../../src/cluster/transport.ts';
import { effectiveModes } from '../../src/istio/effectiveMode.ts';
import type { Mode, PeerAuthentication } from '../../src/istio/objects.ts';
import { policiesOf } from '../../src/istio/policies.ts';
import { ROOT_NAMESPACE } from './boutique.ts';
import type { PodPlace } from './workloads.ts';
import { readAll } from './observe.ts';
import { certificate } from './pki.ts';
import type { RunFolder } from './runFolder.ts';

const POLICIES = '/apis/security.istio.io/v1/peerauthentications';
/** How ALPN names the mesh's own TLS, as it stands in a ClientHello: length, then text. */
const MESH_ALPN = '\x05istio';

export interface Sidecars {
  /** From now on every port of the namespace answers as under this mode, whatever the policies say; undefined ends it. */
  pretend(namespace: string, mode: Mode | undefined): void;
  /** Hellos that were answered. */
  readonly hellos: number;
  stop(): Promise<void>;
}

/** Listens on every port of every pod. Certificates go to a folder of the run. */
export async function startSidecars(api: Transport, folder: RunFolder, pods: readonly PodPlace[]): Promise<Sidecars> {
  const pretended = new Map<string, Mode>();
  const open = new Set<Socket>();
  let hellos = 0;
  const modeOf = async (pod: PodPlace, port: number): Promise<Mode> => {
    const mode = pretended.get(pod.namespace);
    if (mode !== undefined) return mode;
    const policies = policiesOf(await readAll<PeerAuthentication>(api, POLICIES));
    const { workload, ports } = effectiveModes(policies, ROOT_NAMESPACE, pod.namespace, pod.labels);
    return (ports.get(port) ?? workload).mode;
  };
  const servers: Server[] = [];
  const stop = async () => {
    for (const socket of open) socket.destroy();
    await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))));
  };
  const pki = folder.file('mesh');
  mkdirSync(pki, { recursive: true });
  certificate(pki, 'ca', '/O=cluster.local', ['basicConstraints=critical,CA:TRUE']);
  for (const pod of pods) {
    const tls = identityOf(pki, pod);
    for (const port of pod.ports) {
      const server = createServer(socket => {
        open.add(socket);
        socket.on('close', () => open.delete(socket));
        socket.on('error', () => {}); // strangers may go at any time
        socket.once('data', hello => {
          socket.pause();
          hellos++;
          modeOf(pod, port).then(
            mode => answer(socket, hello, mode, tls),
            () => socket.destroy(),
          );
        });
      });
      servers.push(server);
      await listening(server, pod.ip, port).catch(async (error: unknown) => {
        await stop();
        throw error;
      });
    }
  }
  return {
    stop,
    pretend: (namespace, mode) =>
      void (mode === undefined ? pretended.delete(namespace) : pretended.set(namespace, mode)),
    get hellos() {
      return hellos;
    },
  };
}

function answer(socket: Socket, hello: Buffer, mode: Mode, tls: TlsServer): void {
  if (mode === 'DISABLE') {
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
  } else if (mode === 'STRICT' || hello.includes(MESH_ALPN)) {
    socket.unshift(hello);
    tls.emit('connection', socket);
  } else {
    socket.resetAndDestroy();
  }
}

function identityOf(pki: string, { namespace, workload }: PodPlace): TlsServer {
  const name = `${namespace}-${workload}`;
  certificate(pki, name, '/', [`subjectAltName=critical,URI:spiffe://cluster.local/ns/${namespace}/sa/${workload}`]);
  const read = (file: string) => readFileSync(`${pki}/${file}`, 'utf8');
  const [cert, key, ca] = [read(`${name}.crt`), read(`${name}.key`), read('ca.crt')];
  const server = createTlsServer({
    cert,
    key,
    ca,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['istio', 'h2'],
  });
  server.on('tlsClientError', () => {}); // every stranger is refused for want of a certificate
  return server;
}

function listening(server: Server, address: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
}
