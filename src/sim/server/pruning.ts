/** What a structural schema does to an object on its way in: unknown fields go, defaults are filled in. */
import { below, memberSchema, type Schema } from './schema.ts';
import { isObject } from './value.ts';

/** The value without the fields that the schema does not know; their paths are added to `unknown`. */
export function prune(value: unknown, schema: Schema, path: string, unknown: string[]): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items ? value.map((item, index) => prune(item, items, `${path}[${index}]`, unknown)) : value;
  }
  if (!isObject(value)) return value;
  const keepsAll =
    schema['x-kubernetes-preserve-unknown-fields'] === true ||
    schema.additionalProperties === true ||
    (schema['x-kubernetes-embedded-resource'] === true && schema.properties === undefined);
  const kept: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    const rule = memberSchema(schema, name);
    if (rule) kept.push([name, prune(member, rule, below(path, name), unknown)]);
    else if (keepsAll || isEmbeddedMeta(schema, name)) kept.push([name, member]);
    else unknown.push(below(path, name));
  }
  return Object.fromEntries(kept);
}

function isEmbeddedMeta(schema: Schema, name: string): boolean {
  return schema['x-kubernetes-embedded-resource'] === true && ['apiVersion', 'kind', 'metadata'].includes(name);
}

/** The value with every default of the schema in place; a null that the schema does not allow counts as absent. */
export function fillDefaults(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items ? value.map(item => fillDefaults(item, items)) : value;
  }
  if (!isObject(value)) return value;
  const filled = new Map<string, unknown>();
  for (const [name, member] of Object.entries(value)) {
    const rule = memberSchema(schema, name);
    if (rule && member === null && !rule.nullable) continue;
    filled.set(name, rule ? fillDefaults(member, rule) : member);
  }
  for (const [name, rule] of Object.entries(schema.properties ?? {})) {
    if (!filled.has(name) && rule.default !== undefined) {
      filled.set(name, fillDefaults(structuredClone(rule.default), rule));
    }
  }
  return Object.fromEntries(filled);
}
