/** Sends one notification over HTTP: bounded in time, no redirect followed, and nothing of the answer kept but its status. */
import { Agent, request } from 'undici';
import type { Post } from './notifier.ts';

const DEADLINE_MS = 10_000;
const MOST_BYTES = 16 * 1024;

export function httpPost(deadlineMs = DEADLINE_MS): Post {
  const dispatcher = new Agent({ connections: 2 });
  return async (url, body, signal) => {
    const within = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    try {
      const headers = { 'content-type': 'application/json' };
      const answer = await request(url, { method: 'POST', headers, body, dispatcher, signal: within });
      // read, so that the connection can be used again
      answer.body.dump({ limit: MOST_BYTES, signal: within }).catch(() => undefined);
      const asked = Number(answer.headers['retry-after']);
      return { status: answer.statusCode, ...(asked > 0 ? { retryAfterMs: asked * 1000 } : {}) };
    } catch (error) {
      const why = within.aborted ? `no answer in ${deadlineMs / 1000} s` : `cannot be reached (${codeOf(error)})`;
      // what undici says may quote the address, and that is a secret
      // oxlint-disable-next-line eslint/preserve-caught-error
      throw new Error(why);
    }
  };
}

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return [code, name, 'unknown'].find(text => typeof text === 'string' && /^\w+$/.test(text)) as string;
}
