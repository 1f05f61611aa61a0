/** Renders the reference page: every field of the resource with type, default, bounds and meaning, from the CRD. */
import type { Crd, SchemaNode } from '../src/api/crd.ts';

interface Field {
  path: string;
  node: SchemaNode;
  required: boolean;
}

const INTRO = `<!-- Generated from src/api by \`npm run generate\`. Do not edit. -->
# The MtlsRollout resource, field by field

One kind, \`MtlsRollout\`, in the group \`mtlsrollout.io/v1alpha1\`, short name \`mr\`. The smallest useful one moves the
namespace it lives in, with every default on the safe side:

\`\`\`yaml
apiVersion: mtlsrollout.io/v1alpha1
kind: MtlsRollout
metadata: {name: shop, namespace: shop}
spec: {target: {namespace: {}}}
\`\`\`

How to read the tables: \`[]\` after a name is any item of a list, \`{}\` any value of a map. A field without a default
that is not marked *required* may be left out. Durations are written as \`30s\`, \`10m\` or \`1h30m\`. The API server
refuses what breaks a bound or a rule; what it cannot know by itself, the operator refuses with the condition
\`Stalled\`.
`;

export function renderReference(crd: Crd): string {
  const root = crd.spec.versions[0]?.schema.openAPIV3Schema;
  if (root?.properties === undefined) throw new Error('the CRD has no schema');
  const { spec, status } = root.properties;
  if (spec === undefined || status === undefined) throw new Error('the CRD has no spec or no status');
  return [
    INTRO,
    '## spec\n',
    ...Object.entries(spec.properties ?? {}).map(([name, node]) => section(name, node, spec)),
    rulesOf(root, '## Rules over the whole object'),
    rulesOf(spec, '## Rules over the whole spec'),
    '## status\n',
    'Written by the operator only; bounded whatever the size of the target.\n',
    table(fieldsBelow('status', status)),
  ]
    .filter(part => part !== '')
    .join('\n');
}

/** One heading for each member of the spec, with everything below it in one table. */
function section(name: string, node: SchemaNode, spec: SchemaNode): string {
  const path = `spec.${name}`;
  const self: Field = { path, node, required: spec.required?.includes(name) ?? false };
  const fields = [self, ...fieldsBelow(path, node)];
  const rules = fields.flatMap(field => ruleLines(field));
  return [`### ${path}\n`, table(fields), ...(rules.length === 0 ? [] : ['Rules:\n', ...rules, ''])].join('\n');
}

function fieldsBelow(path: string, node: SchemaNode): Field[] {
  if (node.items !== undefined) return fieldsBelow(`${path}[]`, node.items);
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const field = { path: `${path}.${name}`, node: child, required: node.required?.includes(name) ?? false };
    return [field, ...fieldsBelow(field.path, child)];
  });
}

function table(fields: readonly Field[]): string {
  const rows = fields.map(({ path, node, required }) => {
    const cells = [
      `\`${path}\``,
      typeOf(node),
      required ? '*required*' : defaultOf(node),
      allowed(node),
      meaning(node),
    ];
    return `| ${cells.map(cell => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  });
  return ['| Field | Type | Default | Allowed | Meaning |', '| --- | --- | --- | --- | --- |', ...rows, ''].join('\n');
}

function typeOf(node: SchemaNode): string {
  if (node['x-kubernetes-int-or-string'] === true) return 'integer or string';
  if (node.items !== undefined) return `list of ${typeOf(node.items)}`;
  if (node.additionalProperties !== undefined) return `map of ${typeOf(node.additionalProperties)}`;
  if (node.type === 'string' && node.format !== undefined) return node.format === 'date' ? 'date' : 'time';
  return node.type ?? 'any';
}

function defaultOf(node: SchemaNode): string {
  if (node.default === undefined) return '';
  return isEmptyObject(node.default) ? 'its own defaults' : `\`${JSON.stringify(node.default).replaceAll('"', '')}\``;
}

function isEmptyObject(value: unknown): boolean {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0;
}

/** Values and bounds; of a list also those of its items when they are plain values. */
function allowed(node: SchemaNode): string {
  const own = [
    node.enum === undefined ? '' : node.enum.map(value => `\`${String(value)}\``).join(', '),
    range(node.minimum, node.maximum, ''),
    range(node.minLength, node.maxLength, ' characters'),
    range(node.minItems, node.maxItems, ' items'),
    range(undefined, node.maxProperties, ' entries'),
    node.pattern === undefined ? '' : `\`${node.pattern}\``,
  ];
  const items = node.items?.properties === undefined && node.items !== undefined ? allowed(node.items) : '';
  return [...own, items === '' ? '' : `each ${items}`].filter(text => text !== '').join('; ');
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  if (least === undefined && most === undefined) return '';
  if (most === undefined) return `at least ${least}${unit}`;
  return least === undefined ? `up to ${most}${unit}` : `${least} to ${most}${unit}`;
}

/** The description; a rule of a single field is part of its meaning. */
function meaning(node: SchemaNode): string {
  return [node.description ?? '', ...(isPlain(node) ? messages(node).map(text => `It ${text}.`) : [])]
    .filter(text => text !== '')
    .join(' ');
}

function ruleLines({ path, node }: Pick<Field, 'path' | 'node'>): string[] {
  const own = isPlain(node) ? [] : messages(node).map(text => `* \`${path}\`: ${text}`);
  const items = node.items === undefined ? [] : ruleLines({ path: `${path}[]`, node: node.items });
  return [...own, ...items];
}

function rulesOf(node: SchemaNode, heading: string): string {
  const lines = messages(node).map(text => `* ${text}`);
  return lines.length === 0 ? '' : [`${heading}\n`, ...lines, ''].join('\n');
}

function messages(node: SchemaNode): string[] {
  const keys = node['x-kubernetes-list-map-keys'] ?? [];
  return [
    ...keys.map(key => `${key} must be unique among the items`),
    ...(node['x-kubernetes-validations'] ?? []).map(({ fieldPath, message }) =>
      fieldPath === undefined ? message : `\`${fieldPath.slice(1)}\`: ${message}`,
    ),
  ];
}

function isPlain(node: SchemaNode): boolean {
  return node.type !== 'object' && node.type !== 'array';
}
