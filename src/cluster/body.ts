/** Bodies of answers: JSON documents, and the lines of a watch. */
import { KubeError } from './errors.ts';

/** An object of Kubernetes is at most a few MiB; a longer line is not one. */
const MAX_LINE_CHARS = 32 * 1024 * 1024;

/** The parsed document, or the text where the server sent something else. A damaged document is no answer at all. */
export function jsonOf(text: string, contentType: string | undefined, status: number): unknown {
  if (!contentType?.includes('json')) return text;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubeError('Unavailable', 'the API server sent a damaged document', { status, cause });
  }
}

/**
 * The lines of a body. What follows the last line end is a line too: half a line is for the reader to find damaged.
 * `failed` turns what breaks the body into the error to throw.
 */
export async function* linesOf(body: AsyncIterable<Uint8Array>, failed: (error: unknown) => unknown) {
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of body) {
      rest += decoder.decode(chunk, { stream: true });
      let start = 0;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', start)) {
        yield rest.slice(start, end);
        start = end + 1;
      }
      rest = rest.slice(start);
      if (rest.length > MAX_LINE_CHARS) throw new KubeError('Unavailable', 'the watch sent a line without end');
    }
  } catch (error) {
    throw failed(error);
  }
  if (rest !== '') yield rest;
}
