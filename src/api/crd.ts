/** The CustomResourceDefinition, generated from the schemas of spec and status. */
import { z } from 'zod';
import { GROUP, KIND, PLURAL, VERSION } from './resource.ts';
import { specSchema } from './schema.ts';
import { statusSchema } from './status.ts';
import { startedWavesStay } from './transition.ts';

/** A node of the structural schema in the CRD. */
export interface SchemaNode {
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  additionalProperties?: SchemaNode;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  maxProperties?: number;
  pattern?: string;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-validations'?: { rule: string; message: string; fieldPath?: string }[];
  [keyword: string]: unknown;
}

/** Only what this project reads of it again; the API server knows the rest. */
export interface Crd {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: {
    group: string;
    scope: string;
    names: Record<string, unknown>;
    versions: {
      name: string;
      served: boolean;
      storage: boolean;
      subresources: object;
      additionalPrinterColumns: PrinterColumn[];
      schema: { openAPIV3Schema: SchemaNode };
    }[];
  };
}

interface PrinterColumn {
  name: string;
  type: 'string' | 'date';
  jsonPath: string;
  description: string;
  priority?: number;
}

const COLUMNS: readonly PrinterColumn[] = [
  column('Phase', '.status.phase', 'Where the rollout stands.'),
  column('Step', '.status.summary.step', 'Number of the step and of all steps.'),
  column('Strict', '.status.summary.strict', 'Scopes in STRICT and all scopes.'),
  column('Waiting-On', '.status.summary.waitingOn', 'What the rollout waits for.'),
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since it was created.' },
  { ...column('Wave', '.status.step.wave', 'Wave of the step.'), priority: 1 },
  { ...column('Probe', '.status.summary.probe', 'The observation that matters most.'), priority: 1 },
  { ...column('Message', '.status.message', 'The whole story in one sentence.'), priority: 1 },
];

/** Rules that need more than the spec. */
const ROOT_RULES = [
  {
    rule: 'size(self.metadata.name) <= 63',
    message: 'must have at most 63 characters: policies and labels carry it',
    fieldPath: '.metadata.name',
  },
  { rule: startedWavesStay.cel, message: startedWavesStay.message, fieldPath: '.spec.strategy.waves' },
];

/** The whole definition, as `kubectl apply` takes it. */
export function buildCrd(): Crd {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${PLURAL}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { kind: KIND, listKind: `${KIND}List`, plural: PLURAL, singular: KIND.toLowerCase(), shortNames: ['mr'] },
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [...COLUMNS],
          schema: { openAPIV3Schema: rootSchema() },
        },
      ],
    },
  };
}

function rootSchema(): SchemaNode {
  return {
    type: 'object',
    description: 'A rollout of STRICT mutual TLS in an Istio mesh, step by step, on evidence.',
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object', properties: { name: { type: 'string' } } }, // named, so that a rule can point at it
      spec: structural(specSchema),
      status: structural(statusSchema),
    },
    'x-kubernetes-validations': ROOT_RULES,
  };
}

/** What Kubernetes calls structural: no alternatives with types of their own, no closed objects, integers with a format. */
function structural(schema: z.ZodType): SchemaNode {
  const json = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
    override: ({ jsonSchema }) => makeStructural(jsonSchema),
  });
  return json as SchemaNode;
}

function makeStructural(node: z.core.JSONSchema.BaseSchema): void {
  // Unknown fields are pruned, or refused by kubectl, because of `properties` alone.
  if (node.additionalProperties === false) delete node.additionalProperties;
  if (node['x-kubernetes-int-or-string'] === true) delete node.anyOf;
  if (node.properties !== undefined && Object.keys(node.properties).length === 0) delete node.properties;
  // Called again for the wrappers (optional, default) of a node that is already done.
  if (node.type === 'integer' && node.format === undefined) {
    const wide = node.maximum === Number.MAX_SAFE_INTEGER;
    node.format = wide ? 'int64' : 'int32';
    if (wide || node.maximum === 2 ** 31 - 1) delete node.maximum;
    if (node.minimum === Number.MIN_SAFE_INTEGER || node.minimum === -(2 ** 31)) delete node.minimum;
  }
}

function column(name: string, jsonPath: string, description: string): PrinterColumn {
  return { name, type: 'string', jsonPath, description };
}
