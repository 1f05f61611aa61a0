/** Turns what was read from somewhere into a rollout that the rest of the program can trust, or into reasons why not. */
import { z } from 'zod';
import { explain, fieldPath, sentences } from './problems.ts';
import { isRecord } from './record.ts';
import { GROUP, KIND, type MtlsRollout, VERSION } from './resource.ts';
import { specSchema } from './schema.ts';
import { type Status, statusSchema } from './status.ts';

export type ParsedRollout =
  | { rollout: MtlsRollout }
  /** `metadata` is there when the object can at least be addressed, so that its status can say what is wrong. */
  | { problems: string[]; metadata?: MtlsRollout['metadata'] };

const strings = z.record(z.string(), z.string());

const metadataSchema = z.object({
  name: z.string().min(1).max(63, 'must have at most 63 characters: create the rollout under a shorter name'),
  namespace: z.string().min(1).max(63),
  uid: z.string().min(1),
  generation: z.number(),
  creationTimestamp: z.string().min(1),
  resourceVersion: z.string().exactOptional(),
  deletionTimestamp: z.string().exactOptional(),
  labels: strings.exactOptional(),
  annotations: strings.exactOptional(),
  finalizers: z.array(z.string()).exactOptional(),
});

const objectSchema = z.object({
  // Items of a list may come without them.
  apiVersion: z.literal(`${GROUP}/${VERSION}`).default(`${GROUP}/${VERSION}`),
  kind: z.literal(KIND).default(KIND),
  metadata: metadataSchema,
});

/**
 * Checks an object against everything that the API server would check, and fills in the defaults. Never throws.
 * Problems are sentences that begin with the path of the field.
 */
export function parseRollout(object: unknown): ParsedRollout {
  const envelope = objectSchema.safeParse(object, { error: explain });
  const { spec, status }: { spec?: unknown; status?: unknown } = isRecord(object) ? object : {};
  const parsed = specSchema.safeParse(spec, { error: explain });
  const problems = [
    ...sentences('', envelope.error?.issues ?? []),
    ...sentences('spec', parsed.error?.issues ?? []),
    ...prototypeKeys(spec, 'spec', SPEC_DEPTH).map(path => `${path}: keys must be label keys: remove __proto__`),
  ];
  if (envelope.success && parsed.success && problems.length === 0) {
    const known = parseStatus(status);
    return { rollout: { ...envelope.data, spec: parsed.data, ...(known === undefined ? {} : { status: known }) } };
  }
  const metadata = metadataSchema.safeParse(isRecord(object) ? object['metadata'] : undefined);
  return metadata.success ? { problems, metadata: metadata.data } : { problems };
}

/**
 * The status as far as it can be read, or undefined where nothing can. A member that is damaged is left out whole, and
 * from lists only the damaged items: what is missing is then found out again from the cluster. Never throws.
 */
export function parseStatus(value: unknown): Status | undefined {
  if (!isRecord(value)) return undefined;
  const sound = Object.entries(statusSchema.shape).flatMap(([key, schema]) => {
    const given = Object.hasOwn(value, key) ? value[key] : undefined;
    const member = salvage(schema, given);
    return member === undefined ? [] : [[key, member]];
  });
  if (sound.length === 0) return undefined;
  const status = statusSchema.safeParse(Object.fromEntries(sound));
  return status.data;
}

function salvage(schema: z.ZodType, value: unknown): unknown {
  const whole = schema.safeParse(value);
  if (whole.success) return whole.data;
  if (!Array.isArray(value)) return undefined;
  const items = value.filter(item => schema.safeParse([item]).success);
  return schema.safeParse(items).data;
}

/** No field of the spec lies deeper; deeper values are refused by the schema anyway. */
const SPEC_DEPTH = 12;

/** zod leaves a key named `__proto__` out of a map without a word, and a selector without it would pick more. */
function prototypeKeys(value: unknown, path: string, depth: number): string[] {
  if (depth === 0 || value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const at = fieldPath(path, [Array.isArray(value) ? Number(key) : key]);
    return key === '__proto__' && path.endsWith('.matchLabels') ? [path] : prototypeKeys(member, at, depth - 1);
  });
}
