/** Compact definitions of the two Istio resources that a rollout writes; the fields it sets are checked, the rest is kept. */
import type { Validator } from './customResources.ts';
import type { Schema } from './schema.ts';
import { isObject, type KubeObject, valueAt } from './value.ts';

const mtls: Schema = {
  type: 'object',
  nullable: true,
  properties: { mode: { type: 'string', enum: ['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT'] } },
};

const strings: Schema = {
  type: 'object',
  additionalProperties: { type: 'string', maxLength: 63 },
  maxProperties: 4096,
};

const peerAuthenticationSpec: Schema = {
  type: 'object',
  properties: {
    mtls,
    portLevelMtls: { type: 'object', additionalProperties: { ...mtls, nullable: false }, minProperties: 1 },
    selector: { type: 'object', properties: { matchLabels: strings } },
  },
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
    workloadSelector: { type: 'object', properties: { matchLabels: strings } },
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
        categories: ['istio-io', group.split('.')[0]],
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
      ['v1', 'v1beta1', 'v1alpha3'],
    ),
  ];
}

/** The CEL rules of Istio's own definitions, written out. */
export const istioValidators: Readonly<Record<string, Validator>> = {
  'peerauthentications.security.istio.io': peerAuthenticationProblems,
};

function peerAuthenticationProblems(object: KubeObject): string[] {
  const found: string[] = [];
  const ports = valueAt(object, ['spec', 'portLevelMtls']);
  const labels = valueAt(object, ['spec', 'selector', 'matchLabels']);
  if (isObject(ports)) {
    if (!isObject(labels) || Object.keys(labels).length === 0) {
      found.push('spec: portLevelMtls requires selector');
    }
    const isPort = (key: string) => /^[0-9]+$/.test(key) && Number(key) >= 1 && Number(key) <= 65535;
    if (!Object.keys(ports).every(isPort)) found.push('spec.portLevelMtls: port must be between 1-65535');
  }
  if (isObject(labels)) {
    const keys = Object.keys(labels);
    if (keys.some(key => key === '')) found.push('spec.selector.matchLabels: key must not be empty');
    if ([...keys, ...Object.values(labels)].some(text => String(text).includes('*'))) {
      found.push('spec.selector.matchLabels: wildcard not allowed in label key match');
    }
  }
  return found;
}
