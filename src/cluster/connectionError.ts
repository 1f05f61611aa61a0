/** Says in words why no answer came from an API server: refused, unknown host, expired certificate and the like. */
import { KubeError } from './errors.ts';

/** What a code of Node's network, of OpenSSL or of undici means to whoever runs the operator. */
const MEANING: Record<string, string> = {
  ECONNREFUSED: 'connection refused: nothing listens at this address',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed while sending',
  ENOTFOUND: 'unknown host: the name does not resolve',
  EAI_AGAIN: 'the name could not be resolved: the DNS server does not answer',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_HEADERS_TIMEOUT: 'connected, but no answer came in time',
  UND_ERR_BODY_TIMEOUT: 'the answer stopped half-way',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  UND_ERR_RES_EXCEEDED_MAX_SIZE: 'the answer is too large',
  CERT_HAS_EXPIRED: "the server's certificate has expired: renew it, or correct this machine's clock",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet: correct this machine's clock, or wait",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate is for another name: use one of its names, or set tls-server-name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the server's certificate is not signed by the configured CA",
  SELF_SIGNED_CERT_IN_CHAIN: "the server's certificate is not signed by the configured CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the server's certificate is not signed by the configured CA",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the server's certificate is not signed by the configured CA",
  CERT_SIGNATURE_FAILURE: "the server's certificate is not signed by the configured CA",
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers there does not speak TLS: is it http instead of https?',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the server asks for a client certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the server refuses the client certificate: it has expired',
  ERR_SSL_TLSV1_ALERT_CERTIFICATE_EXPIRED: 'the server refuses the client certificate: it has expired',
};

/** @param server address of the API server, as configured */
export function connectionError(error: unknown, server: string): KubeError {
  if (error instanceof KubeError) return error;
  const { code, address, message } = rootOf(error);
  const at = address === undefined ? '' : ` (${address})`;
  const meaning = MEANING[code] ?? (message === '' ? code || 'no answer' : message);
  return new KubeError('Unavailable', `cannot reach the API server ${server}${at}: ${meaning}`, { cause: error });
}

/** The error that says most: trying both address families wraps the failures, fetch-like layers add a cause. */
function rootOf(error: unknown): { code: string; address: string | undefined; message: string } {
  let current = error;
  for (let depth = 0; depth < 5; depth++) {
    const { code, cause, errors } = fieldsOf(current);
    if (Array.isArray(errors) && errors.length > 0) current = errors[0];
    else if (code === '' && cause !== undefined) current = cause;
    else break;
  }
  const { code, address, port, message } = fieldsOf(current);
  const where = address === undefined ? undefined : port === undefined ? address : `${address}:${port}`;
  return { code, address: where, message };
}

function fieldsOf(error: unknown) {
  const { code, address, port, message, cause, errors } = (
    typeof error === 'object' && error !== null ? error : { message: String(error) }
  ) as Record<string, unknown>;
  return {
    code: typeof code === 'string' ? code : '',
    address: typeof address === 'string' ? address : undefined,
    port: typeof port === 'number' ? port : undefined,
    message: typeof message === 'string' ? message : '',
    cause,
    errors,
  };
}
