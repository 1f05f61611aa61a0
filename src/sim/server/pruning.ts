/** What a structural schema does to an object on its way in: unknown fields go, defaults are filled in. */
import { below, memberSchema, type Schema } from './schema.ts';
import { isObject, type JsonObject } from './value.ts';

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

/** The value with every default of the schema in place; null where null is not allowed counts as absent. */
export function fillDefaults(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items ? value.map(item => fillDefaults(item, items)) : value;
  }
  if (!isObject(value)) return value;
  const filled: JsonObject = { ...value };
  for (const [name, rule] of Object.entries(schema.properties ?? {})) {
    const absent = !Object.hasOwn(filled, name) || (filled[name] === null && !rule.nullable);
    if (absent && rule.default !== undefined) filled[name] = structuredClone(rule.default);
  }
  for (const name of Object.keys(filled)) {
    const rule = memberSchema(schema, name);
    if (rule) Object.defineProperty(filled, name, { value: fillDefaults(filled[name], rule), enumerable: true });
  }
  return filled;
}
