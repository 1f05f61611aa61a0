/**
 * Reads the few objects that kubectl sends only as protobuf (`kubectl create namespace|serviceaccount|configmap`).
 * Everything else comes as JSON, and all answers are JSON.
 */
import { unsupportedMediaType } from './failure.ts';
import type { JsonObject } from './value.ts';

type FieldType = 'string' | 'strings' | 'map' | MessageShape;
interface MessageShape {
  readonly [number: number]: { name: string; type: FieldType };
}

// field numbers of k8s.io/apimachinery and k8s.io/api
const METADATA: MessageShape = {
  1: { name: 'name', type: 'string' },
  2: { name: 'generateName', type: 'string' },
  3: { name: 'namespace', type: 'string' },
  11: { name: 'labels', type: 'map' },
  12: { name: 'annotations', type: 'map' },
  14: { name: 'finalizers', type: 'strings' },
};
const OBJECTS: Readonly<Record<string, MessageShape>> = {
  Namespace: { 1: { name: 'metadata', type: METADATA } },
  ServiceAccount: { 1: { name: 'metadata', type: METADATA } },
  ConfigMap: { 1: { name: 'metadata', type: METADATA }, 2: { name: 'data', type: 'map' } },
};
const TYPE: MessageShape = { 1: { name: 'apiVersion', type: 'string' }, 2: { name: 'kind', type: 'string' } };
const MAGIC = Buffer.from('k8s\0');

/** Throws 415 for what is not known here. */
export function readProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, 4).equals(MAGIC)) throw unreadable();
  const parts = new Map(fieldsOf(body.subarray(4)));
  const type = readMessage(parts.get(1), TYPE);
  const shape = typeof type.kind === 'string' ? OBJECTS[type.kind] : undefined;
  if (!shape) throw unreadable();
  return { ...type, ...readMessage(parts.get(2), shape) };
}

function readMessage(bytes: Buffer | undefined, shape: MessageShape): JsonObject {
  const message = new Map<string, unknown>();
  for (const [number, value] of fieldsOf(bytes ?? Buffer.alloc(0))) {
    const field = shape[number];
    if (!field) continue;
    const { name, type } = field;
    if (type === 'string') {
      if (value.length > 0) message.set(name, value.toString());
    } else if (type === 'strings') message.set(name, [...((message.get(name) as string[]) ?? []), value.toString()]);
    else if (type === 'map') message.set(name, { ...(message.get(name) as JsonObject), ...readEntry(value) });
    else message.set(name, readMessage(value, type));
  }
  return Object.fromEntries(message);
}

function readEntry(bytes: Buffer): JsonObject {
  const entry = new Map(fieldsOf(bytes));
  return { [entry.get(1)?.toString() ?? '']: entry.get(2)?.toString() ?? '' };
}

/** The length-delimited fields of a message; numbers are passed over. */
function* fieldsOf(bytes: Buffer): Generator<[number: number, value: Buffer]> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw unreadable();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wireType = key & 7;
    if (wireType === 0) varint();
    else if (wireType === 2) {
      const length = varint();
      yield [key >> 3, bytes.subarray(at, at + length)];
      at += length;
    } else throw unreadable();
  }
}

function unreadable() {
  return unsupportedMediaType(['application/json', 'application/yaml']);
}
