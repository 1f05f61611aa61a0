/** Structural schemas of custom resources: what a value must be, which fields are kept, what is filled in. */
import type { Cause } from './failure.ts';
import { isObject, type JsonObject, sameJson } from './value.ts';

/** The part of OpenAPI v3 that a CustomResourceDefinition may use and that is checked here. */
export interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: readonly string[];
  items?: Schema;
  enum?: readonly unknown[];
  default?: unknown;
  nullable?: boolean;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  description?: string;
  format?: string;
  anyOf?: readonly Schema[];
  allOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  not?: Schema;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: readonly string[];
  'x-kubernetes-validations'?: readonly { rule: string; message?: string }[];
}

const TYPE_NAMES: Record<string, (value: unknown) => boolean> = {
  object: isObject,
  array: Array.isArray,
  string: value => typeof value === 'string',
  boolean: value => typeof value === 'boolean',
  number: value => typeof value === 'number',
  integer: value => Number.isInteger(value),
};

/** Every way in which the value breaks the schema, in the words of kube-apiserver. */
export function problemsOf(value: unknown, schema: Schema, path: string): Cause[] {
  if (value === null && schema.nullable) return [];
  const wrongType = typeProblem(value, schema, path);
  if (wrongType) return [wrongType];
  const found = [...valueProblems(value, schema, path), ...combinedProblems(value, schema, path)];
  if (Array.isArray(value)) found.push(...arrayProblems(value, schema, path));
  if (isObject(value)) found.push(...objectProblems(value, schema, path));
  return found;
}

function typeProblem(value: unknown, schema: Schema, path: string): Cause | undefined {
  const eitherWay = schema['x-kubernetes-int-or-string'] === true;
  const { type } = schema;
  if (eitherWay ? typeof value === 'string' || Number.isInteger(value) : !type || TYPE_NAMES[type]?.(value)) {
    return undefined;
  }
  const found = JSON.stringify(typeOf(value));
  const wanted = eitherWay ? 'integer,string' : type;
  const message = `Invalid value: ${found}: ${path} in body must be of type ${wanted}: ${found}`;
  return { reason: 'FieldValueTypeInvalid', field: path, message };
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function invalidValue(path: string, value: unknown, why: string): Cause {
  return { reason: 'FieldValueInvalid', field: path, message: `Invalid value: ${JSON.stringify(value)}: ${why}` };
}

function valueProblems(value: unknown, schema: Schema, path: string): Cause[] {
  const found: Cause[] = [];
  const range = typeof value === 'string' ? textProblem(value, schema, path) : undefined;
  if (range) found.push(range);
  if (typeof value === 'number') {
    const { minimum, maximum } = schema;
    const bad = (why: string) => found.push(invalidValue(path, value, `${path} in body should be ${why}`));
    if (minimum !== undefined && value < minimum) bad(`greater than or equal to ${minimum}`);
    if (maximum !== undefined && value > maximum) bad(`less than or equal to ${maximum}`);
  }
  if (schema.enum && !schema.enum.some(allowed => sameJson(allowed, value))) {
    const allowed = schema.enum.map(item => JSON.stringify(item)).join(', ');
    const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${allowed}`;
    found.push({ reason: 'FieldValueNotSupported', field: path, message });
  }
  return found;
}

/** Only the first that fails is told. */
function textProblem(value: string, { maxLength, minLength, pattern }: Schema, path: string): Cause | undefined {
  const length = Array.from(value).length;
  if (maxLength !== undefined && length > maxLength) {
    const message = `Too long: may not be more than ${maxLength} bytes`;
    return { reason: 'FieldValueTooLong', field: path, message };
  }
  if (minLength !== undefined && length < minLength) {
    return invalidValue(path, value, `${path} in body should be at least ${minLength} chars long`);
  }
  if (pattern !== undefined && !new RegExp(pattern).test(value)) {
    return invalidValue(path, value, `${path} in body should match '${pattern}'`);
  }
  return undefined;
}

function arrayProblems(value: unknown[], schema: Schema, path: string): Cause[] {
  const found: Cause[] = [];
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    const items = schema.maxItems === 1 ? 'item' : 'items';
    found.push({
      reason: 'FieldValueTooMany',
      field: path,
      message: `Too many: ${value.length}: must have at most ${schema.maxItems} ${items}`,
    });
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    found.push(invalidValue(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  }
  const items = schema.items;
  if (items) value.forEach((item, index) => found.push(...problemsOf(item, items, `${path}[${index}]`)));
  return found;
}

function objectProblems(value: JsonObject, schema: Schema, path: string): Cause[] {
  const found: Cause[] = [];
  const size = Object.keys(value).length;
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name)) {
      found.push({ reason: 'FieldValueRequired', field: below(path, name), message: 'Required value' });
    }
  }
  if (schema.maxProperties !== undefined && size > schema.maxProperties) {
    const items = schema.maxProperties === 1 ? 'item' : 'items';
    found.push({
      reason: 'FieldValueTooMany',
      field: path,
      message: `Too many: ${size}: must have at most ${schema.maxProperties} ${items}`,
    });
  }
  if (schema.minProperties !== undefined && size < schema.minProperties) {
    found.push(invalidValue(path, size, `${path} in body should have at least ${schema.minProperties} properties`));
  }
  for (const [name, member] of Object.entries(value)) {
    const rule = memberSchema(schema, name);
    if (rule) found.push(...problemsOf(member, rule, below(path, name)));
  }
  return found;
}

function combinedProblems(value: unknown, schema: Schema, path: string): Cause[] {
  const found: Cause[] = [];
  const holds = (other: Schema) => problemsOf(value, other, path).length === 0;
  for (const part of schema.allOf ?? []) found.push(...problemsOf(value, part, path));
  // int-or-string is written as anyOf by convention and was checked by its own marker
  if (schema.anyOf && !schema['x-kubernetes-int-or-string'] && !schema.anyOf.some(holds)) {
    found.push(invalidValue(path, value, `${path} in body must validate at least one schema (anyOf)`));
  }
  if (schema.oneOf && schema.oneOf.filter(holds).length !== 1) {
    found.push(invalidValue(path, value, `${path} in body must validate one and only one schema (oneOf)`));
  }
  if (schema.not && holds(schema.not)) {
    found.push(invalidValue(path, value, `${path} in body must not validate the schema (not)`));
  }
  return found;
}

export function memberSchema(schema: Schema, name: string): Schema | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, name)) return schema.properties[name];
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

export function below(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
