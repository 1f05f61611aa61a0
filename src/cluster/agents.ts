/** The two pools of connections: short calls share a few, every watch has its own. */
import type { DispatcherOptions } from '@kubernetes/client-node/dist/config.js';
import { Agent, type buildConnector, type Dispatcher, ProxyAgent } from 'undici';
import { KubeError } from './errors.ts';

export interface Agents {
  calls: Dispatcher;
  watches: Dispatcher;
}

/** A page of 500 objects stays far below; a server that sends more must not fill the memory. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** @param how what client-node makes of the cluster: TLS options and proxy */
export function agentsFor(how: DispatcherOptions, connections: number, timeoutMs: number): Agents {
  const shared = { allowH2: false, headersTimeout: timeoutMs, connectTimeout: Math.min(timeoutMs, 10_000) };
  return {
    calls: dispatcher(how, {
      ...shared,
      connections,
      bodyTimeout: timeoutMs,
      keepAliveTimeout: 60_000,
      maxResponseSize: MAX_ANSWER_BYTES,
    }),
    // a watch is quiet for as long as nothing changes; whoever reads it decides when that is too long
    watches: dispatcher(how, { ...shared, bodyTimeout: 0 }),
  };
}

function dispatcher(how: DispatcherOptions, options: Agent.Options): Dispatcher {
  if (how.type === 'none') return new Agent(options);
  // client-node types these as Node's TLS options, which is what undici hands them to
  if (how.type === 'agent') return new Agent({ ...options, connect: how.connect as buildConnector.BuildOptions });
  if (how.type === 'proxy') {
    return new ProxyAgent({ ...options, uri: how.uri, requestTls: how.requestTls as buildConnector.BuildOptions });
  }
  throw new KubeError('Invalid', `the cluster's proxy-url ${how.uri} is a SOCKS proxy: use an http or https one`);
}
