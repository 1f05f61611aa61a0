/** The plainest Transport over TLS, for the bed itself: it must not depend on the client that it helps to test. */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { KubeRequest, KubeResponse, KubeStream, Transport } from '../../src/cluster/transport.ts';

export interface Access {
  server: string;
  ca: string;
  cert?: string;
  key?: string;
  token?: string;
}

export interface ClosableTransport extends Transport {
  close(): void;
}

export function plainTransport(access: Access): ClosableTransport {
  const agent = new Agent({
    keepAlive: true,
    ca: access.ca,
    ...(access.cert === undefined ? {} : { cert: access.cert }),
    ...(access.key === undefined ? {} : { key: access.key }),
  });
  return {
    async call(request) {
      return readBody(await send(access, agent, request));
    },
    async stream(request): Promise<KubeStream> {
      const answer = await send(access, agent, request);
      return { ...head(answer), lines: linesOf(answer) };
    },
    close: () => agent.destroy(),
  };
}

function send(access: Access, agent: Agent, request: KubeRequest): Promise<IncomingMessage> {
  const url = new URL(request.path, access.server);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  const headers: Record<string, string> = { accept: request.accept ?? 'application/json' };
  if (access.token !== undefined) headers['authorization'] = `Bearer ${access.token}`;
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  if (body !== undefined) {
    headers['content-type'] = request.contentType ?? 'application/json';
    headers['content-length'] = String(Buffer.byteLength(body));
  }
  return new Promise((resolve, reject) => {
    const { method, signal } = request;
    const sent = httpsRequest(url, { agent, method, headers, ...(signal === undefined ? {} : { signal }) }, resolve);
    sent.once('error', reject);
    sent.end(body);
  });
}

function head(answer: IncomingMessage): Pick<KubeResponse, 'status' | 'headers'> {
  const headers = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
  return { status: answer.statusCode ?? 0, headers: Object.fromEntries(headers) };
}

/** Ends the connection when the reader stops reading. */
async function* linesOf(answer: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  answer.setEncoding('utf8');
  for await (const part of answer) {
    const lines = (rest + part).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function readBody(answer: IncomingMessage): Promise<KubeResponse> {
  let text = '';
  answer.setEncoding('utf8');
  for await (const part of answer) text += part;
  return { ...head(answer), body: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
