/** The few kinds of trouble an API server can give, as one error with the object and what to do about it. */
import type { KubeResponse } from './transport.ts';

export type KubeErrorKind =
  | 'Conflict' // changed or replaced since it was read: read again and decide again
  | 'NotFound' // the object is not there, or the resource is not served
  | 'Gone' // the version asked for is too old: list again
  | 'Forbidden' // RBAC or admission refuses
  | 'Unauthorized' // the credentials are not accepted
  | 'Invalid' // the request itself is wrong; the same request will fail again
  | 'AlreadyExists'
  | 'Throttled' // asked to slow down
  | 'Unavailable'; // no usable answer: unreachable, timed out, broken, or 5xx. A write may have happened all the same

export interface KubeErrorDetails {
  /** HTTP status; undefined where no answer came. */
  status?: number | undefined;
  /** How long the server asks to wait. */
  retryAfterMs?: number | undefined;
  /** What the request was about: `PeerAuthentication shop/default`. */
  object?: string | undefined;
  cause?: unknown;
}

export class KubeError extends Error {
  readonly kind: KubeErrorKind;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly object: string | undefined;

  constructor(kind: KubeErrorKind, message: string, details: KubeErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'KubeError';
    this.kind = kind;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.object = details.object;
  }
}

/** What the API server sends instead of the object when a request fails. */
interface Status {
  message: string;
  reason: string;
  code: number | undefined;
  retryAfterSeconds: number | undefined;
  causes: string[];
  /** False for an answer that no API machinery wrote, such as `404 page not found` for an unknown resource. */
  genuine: boolean;
}

/** What was asked, for the message: `{verb: 'patch', object: 'PeerAuthentication shop/default'}`. */
export interface Asked {
  verb: string;
  object: string;
}

/** The error in an answer whose status is not 2xx. `now` (ms) is for a Retry-After that is a date. */
export function errorOf(response: KubeResponse, asked: Asked, now: number): KubeError {
  const status = readStatus(response.body);
  const kind = kindOf(response.status, status);
  const advice = adviceFor(kind, status, asked.object);
  const said = status.message === '' ? `the API server answered ${response.status}` : status.message;
  return new KubeError(kind, `${asked.verb} ${asked.object}: ${said}${advice === '' ? '' : `; ${advice}`}`, {
    status: response.status,
    retryAfterMs: retryAfter(response.headers['retry-after'], status.retryAfterSeconds, now),
    object: asked.object,
  });
}

function readStatus(body: unknown): Status {
  const object = record(body);
  const genuine = object['kind'] === 'Status';
  const details = record(object['details']);
  const causes = Array.isArray(details['causes']) ? details['causes'] : [];
  return {
    genuine,
    message: text(genuine ? object['message'] : body).slice(0, 600),
    reason: text(object['reason']),
    code: number(object['code']),
    retryAfterSeconds: number(details['retryAfterSeconds']),
    causes: causes.map(cause => text(record(cause)['reason'])),
  };
}

/** The code of a Status that came inside a watch, as an answer of its own. */
export function statusInStream(body: unknown): KubeResponse {
  return { status: readStatus(body).code ?? 500, headers: {}, body };
}

function kindOf(code: number, { reason }: Status): KubeErrorKind {
  switch (code) {
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 409:
      return reason === 'AlreadyExists' ? 'AlreadyExists' : 'Conflict';
    case 410:
      return 'Gone';
    case 408:
      return 'Unavailable';
    case 429:
      return 'Throttled';
    default:
      // 1xx to 3xx are not what an API server sends: something else answers at this address
      return code >= 400 && code < 500 ? 'Invalid' : 'Unavailable';
  }
}

const ADVICE: Partial<Record<KubeErrorKind, string>> = {
  Unauthorized: 'the credentials are not accepted: the token may have expired, or the user of the kubeconfig is wrong',
  Gone: 'that version is no longer kept: list again',
  Throttled: 'the API server asks for fewer requests',
};

function adviceFor(kind: KubeErrorKind, status: Status, object: string): string {
  if (kind === 'Forbidden') return adviceForForbidden(status);
  if (kind === 'NotFound' && !status.genuine) return `the API server does not serve ${object}: is its CRD installed?`;
  return ADVICE[kind] ?? '';
}

const REFUSED_BY_RBAC =
  /User "([^"]*)" cannot (\S+) resource "([^"]*)"(?: in API group "([^"]*)")?(?: in the namespace "([^"]*)")?/;

function adviceForForbidden({ message, causes }: Status): string {
  if (causes.includes('NamespaceTerminating')) return 'the namespace is being deleted';
  const refused = REFUSED_BY_RBAC.exec(message);
  if (refused === null) return 'an admission policy, webhook or quota refused it';
  const [, user = '', verb, plural, group, namespace] = refused;
  const account = user.startsWith('system:serviceaccount:')
    ? `ServiceAccount ${user.slice('system:serviceaccount:'.length).replace(':', '/')}`
    : `user ${user}`;
  const resource = group === undefined || group === '' ? plural : `${plural}.${group}`;
  const where = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`;
  return `the ${account} lacks the verb "${verb}" on ${resource} ${where}: add it to its Role or ClusterRole`;
}

/** Milliseconds of a Retry-After header, in seconds or as a date, or of the Status where there is none. */
function retryAfter(header: string | undefined, seconds: number | undefined, now: number): number | undefined {
  if (header !== undefined) {
    if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
    const date = Date.parse(header);
    if (!Number.isNaN(date)) return Math.max(0, date - now);
  }
  return seconds === undefined || !(seconds > 0) ? undefined : seconds * 1000;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
