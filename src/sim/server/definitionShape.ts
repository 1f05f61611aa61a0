/** What a CustomResourceDefinition must look like before anything else is asked of it, as its decoder insists. */
import type { Schema } from './schema.ts';

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean' };
const number: Schema = { type: 'number' };
const texts: Schema = { type: 'array', items: text };
const anything: Schema = {};
const object = (properties: Record<string, Schema>): Schema => ({ type: 'object', properties });
const list = (items: Schema): Schema => ({ type: 'array', items });

function schemaShape(): Schema {
  const properties: Record<string, Schema> = {
    type: text,
    required: texts,
    enum: list(anything),
    default: anything,
    nullable: flag,
    minimum: number,
    maximum: number,
    minLength: number,
    maxLength: number,
    pattern: text,
    minItems: number,
    maxItems: number,
    minProperties: number,
    maxProperties: number,
    description: text,
    format: text,
    'x-kubernetes-preserve-unknown-fields': flag,
    'x-kubernetes-int-or-string': flag,
    'x-kubernetes-embedded-resource': flag,
    'x-kubernetes-validations': list(object({ rule: text, message: text })),
  };
  const shape = object(properties);
  const shapes = { type: 'object', additionalProperties: shape };
  // a schema has schemas inside
  Object.assign(properties, { properties: shapes, items: shape, not: shape });
  Object.assign(properties, { anyOf: list(shape), allOf: list(shape), oneOf: list(shape) });
  properties.additionalProperties = { anyOf: [flag, shape] };
  return shape;
}

export function definitionShape(): Schema {
  const column = object({ name: text, type: text, jsonPath: text, format: text, description: text, priority: number });
  const version = object({
    name: text,
    served: flag,
    storage: flag,
    schema: object({ openAPIV3Schema: schemaShape() }),
    subresources: object({ status: { type: 'object' } }),
    selectableFields: list(object({ jsonPath: text })),
    additionalPrinterColumns: list(column),
  });
  const names = object({
    kind: text,
    plural: text,
    singular: text,
    listKind: text,
    shortNames: texts,
    categories: texts,
  });
  return object({
    spec: object({ group: text, scope: text, names, versions: list(version) }),
    status: { type: 'object' },
  });
}
