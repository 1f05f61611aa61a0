/** What applications and clients of a mesh are asked, and what they answer. Times: unix milliseconds; durations: milliseconds. */

/**
 * `http`: HTTP/1.1 and cleartext HTTP/2 on one port. `echo`: TCP. `banner`: says "220 ready\r\n" first, then echoes.
 * `tls`: a TLS server of its own with a self-signed certificate for my-app.local, HTTP/1.1 inside.
 */
export type ServerKind = 'http' | 'echo' | 'banner' | 'tls';

export interface ServerSpec {
  port: number;
  kind: ServerKind;
  calls?: Call[];
}

/** What an application asks another one before it answers: an HTTP request over a kept-alive connection, or a fresh TCP echo. */
export interface Call {
  kind: 'http' | 'tcp';
  /** `ip:port`. */
  address: string;
  host?: string;
}

/** What arrived at one port since it was opened. */
export interface Seen {
  connections: number;
  /** Connections that ended without a byte from the client. */
  empty: number;
  /** Connections that began with a TLS ClientHello. */
  clientHellos: number;
  /** HTTP requests. */
  requests: number;
  bytes: number;
}

type FailureKind = 'reset' | 'refused' | 'eof' | 'timeout' | 'tls' | 'other';

export interface Failed {
  failed: FailureKind;
  text: string;
  ms: number;
}

export interface Responded {
  failed?: undefined;
  status: number;
  body: string;
  /** What the sidecar of the server told it about the client's certificate; null: none, or not an application that answered. */
  clientCertificate: string | null;
  ms: number;
}

/** A response over a connection that stays; `close`: the server announced to end it. */
export interface RespondedOver extends Responded {
  close: boolean;
}

export interface Echoed {
  failed?: undefined;
  received: string;
  ms: number;
}

/** With what had come before it failed. */
export interface TalkFailed extends Failed {
  received: string;
}

interface HttpRequest {
  /** `ip:port`. */
  address: string;
  /** The address unless given. */
  host?: string;
  /** "/" unless given. Of an application: `?status=503` and `?delay=200ms` on demand, `/health…` without its calls. */
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  /** `http1` unless given; `https` for servers of kind `tls`, whose certificate is not checked (`host` becomes the SNI). */
  protocol?: 'http1' | 'h2c' | 'https';
  timeoutMs: number;
}

export interface SingleRequest extends HttpRequest {
  /** Over a connection of its own (unless false), or a kept-alive one. */
  fresh?: boolean;
}

export interface Talk {
  /** `ip:port`. */
  address: string;
  /** What to send; as many bytes are read. Without it: the first bytes of a server that speaks first. */
  send?: string;
  timeoutMs: number;
}

/** Requests at a steady rate: HTTP, or round trips to a TCP echo (for which only the address matters). */
export interface LoadSpec extends HttpRequest {
  kind: 'http' | 'tcp';
  perSecond: number;
  /** HTTP: each over a connection of its own, or all over kept-alive ones. */
  fresh: boolean;
  /** TCP: so many connections stay open and carry the round trips by turns; none: each has its own. */
  connections?: number;
}

export interface LoadCounts {
  sent: number;
  ok: number;
  failed: number;
  /** Due, but not sent: 200 were under way, or each of the long-lived connections was busy. */
  skipped: number;
  /** Sent a second time by the HTTP client itself, since a pooled connection ended instead of answering. */
  repeated: number;
  /** By FailureKind, or `status NNN`. */
  byKind: Record<string, number>;
  /** The first 200; `at`: when it was sent. */
  failures: { at: number; ms: number; how: string; text: string }[];
  maxMs: number;
  p50Ms: number;
  p99Ms: number;
  /** Long-lived connections ended by the peer, and when. */
  cuts: number;
  cutAt: number[];
}

/** How a connection ended: `eof` and `reset` by the peer; `hang` by `hang()`; `timeout`: an answer did not come in time. */
export interface Closed {
  how: 'eof' | 'reset' | 'hang' | 'timeout' | 'other';
  at: number;
}
