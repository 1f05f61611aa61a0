/** From the flags and the kubeconfig to a client with the rights of whoever calls. */
import { KubeConfig } from '@kubernetes/client-node';
import { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { HttpTransport } from '../cluster/httpTransport.ts';
import type { ConnectionFlags } from './arguments.ts';
import { Failure } from './failure.ts';

export interface Connection {
  client: KubeClient;
  /** Of the kubeconfig's context. */
  namespace: string;
  close(): Promise<void>;
}

/** Appears in `managedFields` of what the plugin writes. */
const FIELD_MANAGER = 'kubectl-mtlsrollout';
/** A person waits. */
const CALL_TIMEOUT_MS = 10_000;

/** Throws Failure or KubeError when the kubeconfig leads nowhere. Nothing is sent yet. */
export function connect(flags: ConnectionFlags, clock: Clock): Connection {
  const config = loaded(flags);
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  direct(config, flags.server);
  const transport = new HttpTransport(config, { callTimeoutMs: CALL_TIMEOUT_MS });
  return { client: new KubeClient(transport, clock, FIELD_MANAGER), namespace, close: () => transport.close() };
}

function loaded({ kubeconfig, context }: ConnectionFlags): KubeConfig {
  const config = new KubeConfig();
  try {
    if (kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : (message.split('\n')[0] ?? '');
    const which = kubeconfig ?? (error as NodeJS.ErrnoException).path ?? '(KUBECONFIG, or ~/.kube/config)';
    throw new Failure(`cannot read the kubeconfig ${which}: ${why}; give another with --kubeconfig`, error);
  }
  if (context !== undefined) {
    const known = config.getContexts().map(({ name }) => name);
    if (!known.includes(context))
      throw new Failure(`the kubeconfig has no context "${context}": use one of ${known.join(', ') || '(none)'}`);
    config.setCurrentContext(context);
  }
  return config;
}

/**
 * Sends everything to the address that was asked for, with the user of the context. Over plain http the user stays out:
 * everybody on the way could read its secret.
 */
function direct(config: KubeConfig, asked: string | undefined): void {
  const cluster = config.getCurrentCluster();
  const server = asked ?? cluster?.server;
  if (server === undefined) return; // the transport says what is missing
  const isPlain = server.startsWith('http:');
  if (asked === undefined && !isPlain) return;
  const user = isPlain ? null : config.getCurrentUser();
  // client-node speaks plain http only where no certificate is asked for
  const skipTLSVerify = isPlain || (cluster?.skipTLSVerify ?? false);
  config.loadFromClusterAndUser({ ...cluster, name: 'server', server, skipTLSVerify }, user ?? { name: 'nobody' });
}
