/** How requests reach an API server: over pooled HTTPS connections, or straight into the embedded server. */

export interface KubeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path without query, each segment already encoded: `/api/v1/namespaces/shop/pods`. */
  path: string;
  query?: Record<string, string | undefined>;
  /** Sent as JSON. */
  body?: unknown;
  /** Media type of the body; JSON unless given (`application/merge-patch+json` for patches). */
  contentType?: string;
  /** Media types asked for; JSON unless given (tables have one of their own). */
  accept?: string;
  signal?: AbortSignal;
}

export interface KubeResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** Parsed JSON, or the text where the server sent something else. */
  body: unknown;
}

export interface KubeStream {
  status: number;
  headers: Record<string, string>;
  /** Lines as they come, without the line end. Ends when the server ends the stream, throws when it breaks. */
  lines: AsyncIterable<string>;
}

/** Resolves for every HTTP status; rejects only when no answer came (refused, reset, timed out, aborted). */
export interface Transport {
  call(request: KubeRequest): Promise<KubeResponse>;
  /** A watch: resolves when the answer's head is there. For a status other than 200 the lines hold the error body. */
  stream(request: KubeRequest): Promise<KubeStream>;
}
