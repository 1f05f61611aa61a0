/** Sends one HTTP request: a new connection, bounded in what it reads, and no further than the address it was given. */
import { Client, type Dispatcher, errors } from 'undici';
import type { HttpAnswer, HttpRequest } from './probe.ts';
import { codeOf } from './remote.ts';

const MAX_HEADER_BYTES = 16 * 1024;
const CONNECT_MS = 10_000;

/** Rejects only when the signal fires before there is an answer. */
export async function httpCall(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  signal.throwIfAborted();
  const { method, origin, path, headers, body, trust, text = 0 } = request;
  const { host } = headers;
  const client = new Client(origin, {
    maxHeaderSize: MAX_HEADER_BYTES,
    connectTimeout: CONNECT_MS,
    connect: {
      ...(trust === 'Anybody' ? { rejectUnauthorized: false } : trust),
      ...(host === undefined ? {} : { servername: host }),
    },
  });
  try {
    const sent = { ...headers, 'user-agent': 'mtls-rollout' };
    const answer = await client.request({ method, path, headers: sent, body: body ?? null, signal });
    // what is left unread must not become an uncaught error
    answer.body.on('error', () => {});
    return { kind: 'Answer', status: answer.statusCode, text: text > 0 ? await beginning(answer.body, text) : '' };
  } catch (error) {
    signal.throwIfAborted();
    return meaningOf(error);
  } finally {
    // a connection that is kept would say nothing about whether a new one is let in
    await client.destroy();
  }
}

/** The first characters of a body; as many as came, where it breaks off. */
async function beginning(body: Dispatcher.ResponseData['body'], most: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= most) break;
    }
  } catch {
    // the status is there already
  }
  return Buffer.concat(chunks).toString('utf8').slice(0, most);
}

function meaningOf(error: unknown): HttpAnswer {
  const code = codeOf(error);
  if (code === 'ECONNREFUSED') return { kind: 'Refused' };
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') return { kind: 'Closed' };
  if (error instanceof errors.HTTPParserError || code === 'UND_ERR_HEADERS_OVERFLOW') return { kind: 'NotHttp' };
  if (/^ERR_(SSL|TLS)_|^EPROTO$|CERT|SIGNATURE/.test(code)) return { kind: 'NotTls', code };
  return { kind: 'Silent', code };
}
