/** The other objects of an inventory, cut down to their shapes. Nothing throws: see `fields.ts`. */
import { countOf, type Fields, fieldsOf, labelsOf, listOf, textOf } from '../fields.ts';
import { portRef } from './podShape.ts';
import type {
  Callback,
  ControlPlane,
  SeenAuthorizationPolicy,
  SeenBinding,
  SeenIngress,
  SeenIngressClass,
  SeenMonitor,
  SeenNetworkPolicy,
  SeenService,
  SeenServiceEntry,
  SeenSidecar,
  SeenWorkloadEntry,
} from './shapes.ts';

const partsOf = (raw: unknown) => {
  const { metadata, spec } = fieldsOf(raw);
  const meta = fieldsOf(metadata);
  return { meta, spec: fieldsOf(spec), name: textOf(meta['name']), namespace: textOf(meta['namespace']) };
};

const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(textOf).filter(Boolean) : []);

/** `matchLabels`; undefined where there is none. */
const chosen = (selector: unknown): Record<string, string> | undefined => {
  const labels = labelsOf(fieldsOf(selector)['matchLabels']);
  return Object.keys(labels).length > 0 ? labels : undefined;
};

export function seenService(raw: unknown): SeenService {
  const { meta, spec, name, namespace } = partsOf(raw);
  return {
    namespace,
    name,
    labels: labelsOf(meta['labels']),
    annotations: labelsOf(meta['annotations']),
    type: textOf(spec['type']) || 'ClusterIP',
    headless: spec['clusterIP'] === 'None',
    clusterIp: spec['clusterIP'] === 'None' ? '' : textOf(spec['clusterIP']),
    externalName: textOf(spec['externalName']),
    externalIps: texts(spec['externalIPs']),
    selector: labelsOf(spec['selector']),
    ports: listOf(spec['ports']).map(port => ({
      name: textOf(port['name']),
      port: countOf(port['port']),
      targetPort: portRef(port['targetPort'] ?? port['port']),
      protocol: textOf(port['protocol']) || 'TCP',
      appProtocol: textOf(port['appProtocol']),
      nodePort: countOf(port['nodePort']),
    })),
  };
}

/** The Services that the API server calls because of the object. */
export function callbacksOf(kind: Callback['kind'], raw: unknown): Callback[] {
  const { spec, name } = partsOf(raw);
  const called = (client: unknown, fallback: number): Callback['service'] | undefined => {
    const { service } = fieldsOf(client);
    if (service === undefined || service === null) return undefined;
    const { namespace, name: of, port } = fieldsOf(service);
    return { namespace: textOf(namespace), name: textOf(of), port: countOf(port) || fallback };
  };
  const found = (service: Callback['service'] | undefined, webhook: string, fails: boolean): Callback[] =>
    service ? [{ kind, name, webhook, service, fails }] : [];
  if (kind === 'APIService') return found(called(spec, 443), '', true);
  if (kind === 'CustomResourceDefinition')
    return found(called(fieldsOf(fieldsOf(spec['conversion'])['webhook'])['clientConfig'], 443), '', true);
  return listOf(fieldsOf(raw)['webhooks']).flatMap(webhook =>
    found(called(webhook['clientConfig'], 443), textOf(webhook['name']), webhook['failurePolicy'] !== 'Ignore'),
  );
}

export function seenIngress(raw: unknown): SeenIngress {
  const { meta, spec, name, namespace } = partsOf(raw);
  const annotations = labelsOf(meta['annotations']);
  const paths = listOf(spec['rules']).flatMap(rule => listOf(fieldsOf(rule['http'])['paths']));
  const backends = [spec['defaultBackend'], ...paths.map(({ backend }) => backend)].flatMap(backend => {
    const { service } = fieldsOf(backend);
    const { name: of, port } = fieldsOf(service);
    return service === undefined
      ? []
      : [{ service: textOf(of), port: portRef(fieldsOf(port)['number'] ?? fieldsOf(port)['name']) }];
  });
  const className = textOf(spec['ingressClassName']) || annotations['kubernetes.io/ingress.class'] || '';
  return { kind: 'Ingress', namespace, name, className, annotations, backends };
}

export function seenRoute(raw: unknown): SeenIngress {
  const { meta, spec, name, namespace } = partsOf(raw);
  const backends = [spec['to'], ...listOf(spec['alternateBackends'])].flatMap(to =>
    fieldsOf(to)['kind'] === 'Service'
      ? [{ service: textOf(fieldsOf(to)['name']), port: portRef(fieldsOf(spec['port'])['targetPort']) }]
      : [],
  );
  return { kind: 'Route', namespace, name, className: '', annotations: labelsOf(meta['annotations']), backends };
}

export function seenIngressClass(raw: unknown): SeenIngressClass {
  const { meta, spec, name } = partsOf(raw);
  const isDefault = labelsOf(meta['annotations'])['ingressclass.kubernetes.io/is-default-class'] === 'true';
  return { name, controller: textOf(spec['controller']), isDefault };
}

export function seenMonitor(kind: SeenMonitor['kind'], raw: unknown): SeenMonitor {
  const { spec, name, namespace } = partsOf(raw);
  const selector = fieldsOf(spec['selector']);
  const { any, matchNames } = fieldsOf(spec['namespaceSelector']);
  const named = texts(matchNames);
  const endpoints = listOf(spec[kind === 'ServiceMonitor' ? 'endpoints' : 'podMetricsEndpoints']);
  return {
    kind,
    namespace,
    name,
    selector: listOf(selector['matchExpressions']).length > 0 ? undefined : labelsOf(selector['matchLabels']),
    namespaces: any === true ? ['*'] : named.length > 0 ? named : [namespace],
    endpoints: endpoints.map(endpoint => ({
      port: portRef(endpoint['port'] ?? endpoint['targetPort'] ?? endpoint['portNumber']),
      scheme: textOf(endpoint['scheme']).toLowerCase() || 'http',
      usesClientCertificate: hasCertificate(fieldsOf(endpoint['tlsConfig'])),
    })),
  };
}

function hasCertificate({ certFile, cert }: Fields): boolean {
  return textOf(certFile) !== '' || Object.keys(fieldsOf(cert)).length > 0;
}

export function seenSidecar(raw: unknown): SeenSidecar {
  const { spec, name, namespace } = partsOf(raw);
  const egress = listOf(spec['egress']);
  const labels = labelsOf(fieldsOf(spec['workloadSelector'])['labels']);
  return {
    namespace,
    name,
    selector: Object.keys(labels).length > 0 ? labels : undefined,
    hosts: egress.length > 0 ? egress.flatMap(({ hosts }) => texts(hosts)) : undefined,
    outboundMode: textOf(fieldsOf(spec['outboundTrafficPolicy'])['mode']),
    ingressPorts: listOf(spec['ingress']).map(({ port }) => countOf(fieldsOf(port)['number'])),
  };
}

export function seenServiceEntry(raw: unknown): SeenServiceEntry {
  const { spec, name, namespace } = partsOf(raw);
  const labels = labelsOf(fieldsOf(spec['workloadSelector'])['labels']);
  return {
    namespace,
    name,
    hosts: texts(spec['hosts']),
    location: textOf(spec['location']) || 'MESH_EXTERNAL',
    resolution: textOf(spec['resolution']) || 'NONE',
    addresses: texts(spec['addresses']),
    endpoints: listOf(spec['endpoints']).map(endpoint => ({
      address: textOf(endpoint['address']),
      labels: labelsOf(endpoint['labels']),
      serviceAccount: textOf(endpoint['serviceAccount']),
    })),
    workloadSelector: Object.keys(labels).length > 0 ? labels : undefined,
    ports: listOf(spec['ports']).map(port => ({
      name: textOf(port['name']),
      number: countOf(port['number']),
      protocol: textOf(port['protocol']),
    })),
  };
}

export function seenWorkloadEntry(raw: unknown): SeenWorkloadEntry {
  const { spec, name, namespace } = partsOf(raw);
  const [address, serviceAccount] = [textOf(spec['address']), textOf(spec['serviceAccount'])];
  return { namespace, name, address, labels: labelsOf(spec['labels']), serviceAccount };
}

const CALLER_FIELDS = [
  'principals',
  'notPrincipals',
  'namespaces',
  'notNamespaces',
  'serviceAccounts',
  'notServiceAccounts',
];
const isAboutCaller = (source: Fields) => CALLER_FIELDS.some(field => texts(source[field]).length > 0);
const CALLER_KEYS = /^source\.(principal|namespace|serviceAccount)$/;

export function seenAuthorizationPolicy(raw: unknown): SeenAuthorizationPolicy {
  const { meta, spec, name, namespace } = partsOf(raw);
  // one in dry run refuses nobody, whatever it asks
  const rules = labelsOf(meta['annotations'])['istio.io/dry-run'] === 'true' ? [] : listOf(spec['rules']);
  const sources = rules.flatMap(({ from }) => listOf(from).map(({ source }) => fieldsOf(source)));
  const conditions = rules.flatMap(({ when }) => listOf(when));
  return {
    namespace,
    name,
    selector: chosen(spec['selector']),
    action: textOf(spec['action']) || 'ALLOW',
    asksWhoCalls: sources.some(isAboutCaller) || conditions.some(({ key }) => CALLER_KEYS.test(textOf(key))),
  };
}

export function seenNetworkPolicy(raw: unknown): SeenNetworkPolicy {
  const { spec, name, namespace } = partsOf(raw);
  const ingress = listOf(spec['ingress']);
  const ports = ingress.map(rule => openPorts(listOf(rule['ports'])));
  const types = texts(spec['policyTypes']);
  const { matchExpressions, matchLabels } = fieldsOf(spec['podSelector']);
  return {
    namespace,
    name,
    selector: listOf(matchExpressions).length > 0 ? undefined : labelsOf(matchLabels),
    ingressPorts: ports.some(list => list === undefined) ? undefined : ports.flatMap(list => list ?? []),
    governsIngress: types.length === 0 || types.includes('Ingress'),
  };
}

/** Undefined: every TCP port. An entry without port means all of its protocol, and no entry means all there are. */
function openPorts(ports: Fields[]): SeenNetworkPolicy['ingressPorts'] {
  const tcp = ports.filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP');
  if (ports.length === 0 || tcp.some(({ port }) => port === undefined)) return undefined;
  return tcp.map(({ port, endPort }) => ({ from: portRef(port), to: portRef(endPort ?? port) }));
}

export function seenBinding(kind: SeenBinding['kind'], raw: unknown): SeenBinding {
  const { spec, name, namespace } = partsOf(raw);
  const ref = fieldsOf(spec['serviceRef']);
  const [service, targetType] = [textOf(ref['name']), textOf(spec['targetType'])];
  return { kind, namespace, name, service, port: portRef(ref['port']), targetType };
}

/** Undefined for a Deployment that is no istiod. */
export function controlPlaneOf(raw: unknown): ControlPlane | undefined {
  const { meta, spec, name, namespace } = partsOf(raw);
  const labels = labelsOf(meta['labels']);
  if (labels['app'] !== 'istiod' && labels['istio'] !== 'pilot') return undefined;
  const containers = listOf(fieldsOf(fieldsOf(spec['template'])['spec'])['containers']);
  const discovery = containers.find(container => container['name'] === 'discovery') ?? {};
  const environment = listOf(discovery['env']).map(entry => [textOf(entry['name']), textOf(entry['value'])] as const);
  return {
    namespace,
    name,
    revision: labels['istio.io/rev'] === 'default' ? '' : (labels['istio.io/rev'] ?? ''),
    version: tagOf(textOf(discovery['image'])),
    environment: Object.fromEntries(environment),
  };
}

/** `1.27.1` of `docker.io/istio/pilot:1.27.1-distroless`; empty where the image has no tag of a version. */
export function tagOf(image: string): string {
  return /:v?(\d+\.\d+(?:\.\d+)?)(?:[-.][^/:]*)?(?:@.*)?$/.exec(image)?.[1] ?? '';
}
