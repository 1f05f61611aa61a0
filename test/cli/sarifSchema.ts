/** The part of SARIF's schema, version 2.1.0, that reports use: nothing else may be in them. */
import { z } from 'zod';

const message = z.strictObject({ text: z.string(), markdown: z.string().optional() });
const level = z.enum(['none', 'note', 'warning', 'error']);
const uriReference = z.string().regex(/^(?:[\w\-.~:/?#[\]@!$&'()*+,;=]|%[0-9A-F]{2})+$/);

const rule = z.strictObject({
  id: z.string(),
  shortDescription: message.optional(),
  defaultConfiguration: z.strictObject({ level }).optional(),
  help: message,
});

const location = z.strictObject({
  physicalLocation: z
    .strictObject({
      artifactLocation: z.strictObject({ uri: uriReference }),
      region: z.strictObject({ startLine: z.int().min(1) }),
    })
    .optional(),
  logicalLocations: z.array(z.strictObject({ fullyQualifiedName: z.string(), kind: z.string() })),
});

const result = z.strictObject({
  ruleId: z.string(),
  ruleIndex: z.int().min(0),
  level,
  message,
  locations: z.array(location).min(1),
  partialFingerprints: z.record(z.string(), z.string()),
  suppressions: z
    .array(z.strictObject({ kind: z.enum(['inSource', 'external']), justification: z.string() }))
    .optional(),
  properties: z.record(z.string(), z.string()),
});

const log = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z.array(
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({ name: z.string(), version: z.string(), rules: z.array(rule) }),
      }),
      results: z.array(result),
    }),
  ),
});

export function problemsOfSarif(value: unknown): string[] {
  return (log.safeParse(value).error?.issues ?? []).map(({ path, message: what }) => `${path.join('.')}: ${what}`);
}
