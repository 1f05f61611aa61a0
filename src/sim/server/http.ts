/** The front door for everybody else: HTTP on loopback, for kubectl and for clients under test. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { load } from 'js-yaml';
import type { KubeRequest, KubeResponse, KubeStream } from '../../cluster/transport.ts';
import type { ApiRequest } from './api.ts';
import { ApiFailure, badRequest } from './failure.ts';
import { isTrue } from './listOptions.ts';
import { readProtobuf } from './protobuf.ts';

export interface Backend {
  call(request: ApiRequest): Promise<KubeResponse>;
  stream(request: ApiRequest): Promise<KubeStream>;
}

export interface Listening {
  url: string;
  /** Ends open watches and connections, then resolves. */
  close(): Promise<void>;
}

const LARGEST_BODY = 3 * 1024 * 1024;

export async function listen(backend: Backend, host: string, port: number): Promise<Listening> {
  const server = createServer((incoming, outgoing) => void answer(backend, incoming, outgoing));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${shown}:${address.port}`,
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close(error => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function answer(backend: Backend, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  try {
    const request = await readRequest(incoming, gone.signal);
    if (isWatch(request)) await sendStream(await backend.stream(request), outgoing);
    else sendResponse(await backend.call(request), outgoing);
  } catch (error) {
    if (error instanceof ApiFailure && !outgoing.headersSent) {
      const { status } = error;
      sendResponse({ status: status.code, headers: { 'content-type': 'application/json' }, body: status }, outgoing);
    } else outgoing.destroy(); // the interceptor's way to lose an answer, or a watch that broke: no answer comes
  }
}

function isWatch({ method, query }: ApiRequest): boolean {
  return method === 'GET' && isTrue(query?.watch);
}

async function readRequest(incoming: IncomingMessage, signal: AbortSignal): Promise<ApiRequest> {
  const url = new URL(incoming.url ?? '/', 'http://embedded');
  const { accept, 'user-agent': userAgent, 'content-type': contentType } = incoming.headers;
  const bytes = await readBytes(incoming);
  return {
    method: incoming.method as KubeRequest['method'],
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    signal,
    ...(bytes.length > 0 && { body: parseBody(bytes, contentType ?? '') }),
    ...(contentType !== undefined && { contentType }),
    ...(accept !== undefined && { accept }),
    ...(userAgent !== undefined && { userAgent }),
  };
}

async function readBytes(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_BODY)
      throw new ApiFailure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${LARGEST_BODY}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parseBody(bytes: Buffer, contentType: string): unknown {
  if (contentType.startsWith('application/vnd.kubernetes.protobuf')) return readProtobuf(bytes);
  const text = bytes.toString();
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!contentType.includes('yaml'))
      throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
  }
  try {
    return load(text);
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message}`);
  }
}

function sendResponse({ status, headers, body }: KubeResponse, outgoing: ServerResponse): void {
  outgoing.writeHead(status, headers);
  outgoing.end(typeof body === 'string' ? body : `${JSON.stringify(body)}\n`);
}

async function sendStream({ status, headers, lines }: KubeStream, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(status, headers);
  outgoing.flushHeaders();
  for await (const line of lines) {
    if (!outgoing.write(`${line}\n`)) await writable(outgoing);
  }
  outgoing.end();
}

/** Resolves when the reader has caught up, or has gone. */
async function writable(outgoing: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  outgoing.once('drain', resolve).once('close', resolve);
  await promise;
  outgoing.off('drain', resolve).off('close', resolve);
}
