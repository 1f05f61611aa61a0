/** The options in the query of a list or watch: their forms, and which go together. */
import { type ApiFailure, badRequest, invalid } from './failure.ts';

export type Query = Readonly<Record<string, string | undefined>>;

export function isTrue(text: string | undefined): boolean {
  return text === 'true' || text === '1';
}

/** Infinity for none. */
export function parseLimit(text: string | undefined): number {
  const limit = Number(text ?? 0);
  if (!Number.isInteger(limit)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return limit <= 0 ? Number.POSITIVE_INFINITY : limit;
}

/** 0 for none. */
export function parseVersion(text: string | undefined): number {
  if (!text) return 0;
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  const shown = JSON.stringify(text);
  const why = `strconv.ParseUint: parsing ${shown}: invalid syntax`;
  throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${shown}: ${why}`);
}

/** Undefined for none. */
export function parseTimeout(text: string | undefined): number | undefined {
  if (!text) return undefined;
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 0) throw badRequest(`invalid timeoutSeconds: ${text}`);
  return seconds === 0 ? undefined : seconds;
}

/** Throws 422 for options that a list does not take together. */
export function checkListOptions({ sendInitialEvents, resourceVersionMatch: match, resourceVersion }: Query): void {
  if (sendInitialEvents) {
    throw forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  }
  if (!match) return;
  if (!resourceVersion) throw forbidden(MATCH, 'resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    const supported = 'supported values: "Exact", "NotOlderThan", ""';
    throw refused('FieldValueNotSupported', MATCH, `Unsupported value: ${JSON.stringify(match)}: ${supported}`);
  }
  if (match === 'Exact' && resourceVersion === '0') {
    throw forbidden(MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
}

/** The same for a watch. */
export function checkWatchOptions({ sendInitialEvents, resourceVersionMatch: match }: Query): void {
  if (!sendInitialEvents) {
    if (match)
      throw forbidden(MATCH, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
  } else if (match !== 'NotOlderThan') {
    throw forbidden(MATCH, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
}

const MATCH = 'resourceVersionMatch';

function forbidden(field: string, why: string): ApiFailure {
  return refused('FieldValueForbidden', field, `Forbidden: ${why}`);
}

function refused(reason: string, field: string, message: string): ApiFailure {
  return invalid({ group: 'meta.k8s.io', plural: '', kind: 'ListOptions' }, '', [{ reason, field, message }]);
}
