/** Log lines: one JSON object a line for machines, or a short text line for people; what looks like a secret is masked. */
import { createLogger as createWinston, format, transports, type Logger } from 'winston';
import { Writable } from 'node:stream';

export interface LogOptions {
  level: 'error' | 'warn' | 'info' | 'debug';
  format: 'json' | 'text';
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Takes one line, with its line end. */
  write: (line: string) => void;
}

type Fields = Record<string, unknown>;

/** Names of fields whose values never belong in a log. */
const SECRET = /^(authorization|cookie|password|secret|private-?key|client-?key(-?data)?|.*token(-?data)?)$/i;
/** Credentials inside a text: a bearer token, or user and password of an address. */
const SECRET_TEXT: [RegExp, string][] = [
  [/\bbearer\s+[\w.~+/=-]+/gi, 'Bearer ***'],
  [/(\w+:\/\/)[^\s/@:]+:[^\s/@]+@/g, '$1***@'],
];
const MAX_DEPTH = 6;
/** Fields of a decision that are part of its sentence. */
const IN_SENTENCE: ReadonlySet<string> = new Set(['wave', 'step', 'scopes']);

/** The logger fits the `OperatorLogger` of the operator base; decisions come as fields beside the message. */
export function createLogger(options: LogOptions): Logger {
  const line = options.format === 'json' ? jsonLine : textLine;
  const sink = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      options.write(chunk);
      done();
    },
  });
  return createWinston({
    level: options.level,
    format: format.printf(({ level, message, ...fields }) => {
      const time = new Date(options.now()).toISOString();
      return line(time, level, String(mask(message, 0)), mask(fields, 0) as Fields);
    }),
    transports: [new transports.Stream({ stream: sink, eol: '\n' })],
  });
}

function jsonLine(time: string, level: string, message: string, fields: Fields): string {
  return JSON.stringify({ time, level, message, ...fields });
}

/** The rollout that a line is about comes first, as in kubectl; what its sentence says already is not said again. */
function textLine(time: string, level: string, message: string, { rollout, ...fields }: Fields): string {
  const subject = typeof rollout === 'string' ? `${rollout}: ` : '';
  const rest = Object.entries(fields)
    .filter(([key, value]) => value !== undefined && !IN_SENTENCE.has(key))
    .map(([key, value]) => ` ${key}=${plain(value)}`);
  return `${time.slice(11, 19)} ${level.padEnd(5)} ${subject}${message}${rest.join('')}`.replaceAll('\n', '\\n');
}

function plain(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** A copy that is safe to print: secrets masked, errors as fields, cycles and depth cut. */
function mask(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (value instanceof Error) return maskError(value, depth);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(item => mask(item, depth + 1));
  const copy: Fields = {};
  for (const [key, item] of Object.entries(value)) copy[key] = SECRET.test(key) ? '***' : mask(item, depth + 1);
  return copy;
}

/** Only what every error has: clients attach requests with their headers to theirs. */
function maskError(error: Error, depth: number): Fields {
  const { code } = error as NodeJS.ErrnoException;
  return {
    name: error.name,
    message: maskText(error.message),
    ...(code === undefined ? {} : { code }),
    ...(error.stack === undefined ? {} : { stack: maskText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: mask(error.cause, depth + 1) }),
  };
}

function maskText(text: string): string {
  return SECRET_TEXT.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text);
}
