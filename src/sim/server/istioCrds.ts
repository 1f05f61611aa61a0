/** Compact definitions of the Istio resources that a rollout writes; the fields it sets are checked, the rest is kept. */
import type { Validator } from './resource.ts';
import type { Schema } from './schema.ts';
import { isObject, type KubeObject, valueAt } from './value.ts';

const rules = (...said: { message: string; rule: string }[]) => ({ 'x-kubernetes-validations': said });

const mtls: Schema = {
  type: 'object',
  properties: { mode: { type: 'string', enum: ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'] } },
};

const selector: Schema = {
  type: 'object',
  properties: {
    matchLabels: {
      type: 'object',
      additionalProperties: {
        type: 'string',
        maxLength: 63,
        ...rules({ message: 'wildcard not allowed in label value match', rule: '!self.contains("*")' }),
      },
      maxProperties: 4096,
      ...rules(
        { message: 'wildcard not allowed in label key match', rule: 'self.all(key, !key.contains("*"))' },
        { message: 'key must not be empty', rule: 'self.all(key, key.size() != 0)' },
      ),
    },
  },
};

const peerAuthenticationSpec: Schema = {
  type: 'object',
  properties: {
    mtls,
    portLevelMtls: {
      type: 'object',
      additionalProperties: mtls,
      minProperties: 1,
      ...rules({
        message: 'port must be between 1-65535',
        rule: 'self.all(key, 0 < int(key) && int(key) <= 65535)',
      }),
    },
    selector,
  },
  ...rules({
    message: 'portLevelMtls requires selector',
    rule: 'has(self.portLevelMtls) ? (((has(self.selector) && has(self.selector.matchLabels)) ? self.selector.matchLabels : {}).size() > 0) : true',
  }),
};

const clientTls: Schema = {
  type: 'object',
  properties: { mode: { type: 'string', enum: ['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'] } },
  'x-kubernetes-preserve-unknown-fields': true,
};

const trafficPolicy: Schema = {
  type: 'object',
  properties: {
    tls: clientTls,
    portLevelSettings: {
      type: 'array',
      maxItems: 4096,
      items: {
        type: 'object',
        properties: {
          port: { type: 'object', properties: { number: { type: 'integer', minimum: 0, maximum: 4294967295 } } },
          tls: clientTls,
        },
        'x-kubernetes-preserve-unknown-fields': true,
      },
    },
  },
  'x-kubernetes-preserve-unknown-fields': true,
};

const destinationRuleSpec: Schema = {
  type: 'object',
  required: ['host'],
  properties: {
    host: { type: 'string' },
    trafficPolicy,
    exportTo: { type: 'array', items: { type: 'string' } },
    workloadSelector: selector,
    subsets: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string' },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
          trafficPolicy,
        },
      },
    },
  },
};

const callers: Schema = {
  type: 'object',
  properties: {
    source: { type: 'object', properties: { notPrincipals: { type: 'array', items: { type: 'string' } } } },
  },
  'x-kubernetes-preserve-unknown-fields': true,
};

const authorizationPolicySpec: Schema = {
  type: 'object',
  properties: {
    selector,
    action: { type: 'string', enum: ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'] },
    rules: {
      type: 'array',
      maxItems: 512,
      items: {
        type: 'object',
        properties: {
          from: { type: 'array', items: callers },
          to: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        },
        'x-kubernetes-preserve-unknown-fields': true,
      },
    },
  },
  'x-kubernetes-preserve-unknown-fields': true,
};

const status: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

interface Names {
  kind: string;
  plural: string;
  shortNames: string[];
}

function definition(group: string, names: Names, spec: Schema, columns: object[], versions: readonly string[]): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${names.plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        ...names,
        singular: names.kind.toLowerCase(),
        listKind: `${names.kind}List`,
        categories: ['istio-io', `${group.split('.')[0]}-istio-io`],
      },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        subresources: { status: {} },
        additionalPrinterColumns: columns,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
      })),
    },
  };
}

const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

export function istioDefinitions(): object[] {
  return [
    definition(
      'security.istio.io',
      { kind: 'PeerAuthentication', plural: 'peerauthentications', shortNames: ['pa'] },
      peerAuthenticationSpec,
      [
        {
          name: 'Mode',
          type: 'string',
          jsonPath: '.spec.mtls.mode',
          description: 'Defines the mTLS mode used for peer authentication.',
        },
        age,
      ],
      ['v1', 'v1beta1'],
    ),
    definition(
      'networking.istio.io',
      { kind: 'DestinationRule', plural: 'destinationrules', shortNames: ['dr'] },
      destinationRuleSpec,
      [
        {
          name: 'Host',
          type: 'string',
          jsonPath: '.spec.host',
          description: 'The name of a service from the service registry',
        },
        age,
      ],
      ['v1', 'v1alpha3', 'v1beta1'],
    ),
    definition(
      'security.istio.io',
      { kind: 'AuthorizationPolicy', plural: 'authorizationpolicies', shortNames: ['ap'] },
      authorizationPolicySpec,
      [{ name: 'Action', type: 'string', jsonPath: '.spec.action', description: 'The operation to take.' }, age],
      ['v1', 'v1beta1'],
    ),
  ];
}

/** The CEL rules of Istio's own definitions, written out. */
export const istioValidators: Readonly<Record<string, Validator>> = {
  'peerauthentications.security.istio.io': object => [
    ...portProblems(object),
    ...selectorProblems(object, 'spec.selector.matchLabels'),
  ],
  'authorizationpolicies.security.istio.io': object => selectorProblems(object, 'spec.selector.matchLabels'),
  'destinationrules.networking.istio.io': object => selectorProblems(object, 'spec.workloadSelector.matchLabels'),
};

function portProblems(object: KubeObject): string[] {
  const ports = valueAt(object, ['spec', 'portLevelMtls']);
  if (!isObject(ports)) return [];
  const found: string[] = [];
  const labels = valueAt(object, ['spec', 'selector', 'matchLabels']);
  if (!isObject(labels) || Object.keys(labels).length === 0) found.push('spec: portLevelMtls requires selector');
  const isPort = (key: string) => /^[0-9]+$/.test(key) && Number(key) >= 1 && Number(key) <= 65535;
  if (!Object.keys(ports).every(isPort)) found.push('spec.portLevelMtls: port must be between 1-65535');
  return found;
}

function selectorProblems(object: KubeObject, path: string): string[] {
  const labels = valueAt(object, path.split('.'));
  if (!isObject(labels)) return [];
  const found = Object.entries(labels)
    .filter(([, value]) => String(value).includes('*'))
    .map(([key]) => `${path}.${key}: wildcard not allowed in label value match`);
  const keys = Object.keys(labels);
  if (keys.some(key => key.includes('*'))) found.push(`${path}: wildcard not allowed in label key match`);
  if (keys.includes('')) found.push(`${path}: key must not be empty`);
  return found;
}
