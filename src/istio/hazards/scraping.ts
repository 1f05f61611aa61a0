/** Metrics: Prometheus calls pods by their addresses, so it is a client without identity even where it has a proxy. */
import type { Inventory } from '../inventory/inventory.ts';
import type { PortRef, SeenMonitor, SeenPod, SeenService } from '../inventory/shapes.ts';
import { selects } from '../policies.ts';
import { containerPort, ownerName } from './backends.ts';
import type { Family, Finding, Move } from './family.ts';
import { exceptionFor, oncePerObject } from './findings.ts';
import { mergesMetrics, refuses } from './listener.ts';
import { declaredPorts, isTcp, type Reached, reachedServices, selectedPods } from './reach.ts';
import { listed, ports } from './wording.ts';

export const scraping: Family = {
  about: 'How metrics are scraped',
  codes: [
    {
      code: 'ScrapedPort',
      severity: 'Warn',
      title: 'metrics are scraped in plaintext from a port that goes STRICT',
      needs: ['ServiceMonitor', 'PodMonitor', 'Service', 'Pod', 'ConfigMap'],
    },
    {
      code: 'ScraperUsesMeshCertificate',
      severity: 'Warn',
      title: 'metrics are scraped with a certificate, which holds under STRICT and fails under PERMISSIVE',
      needs: ['ServiceMonitor', 'PodMonitor', 'Service', 'Pod'],
    },
  ],
  find: (inventory, move) =>
    oncePerObject([...monitored(inventory, move), ...move.pods.flatMap(pod => annotated(inventory, move, pod))]),
  findInMesh: ({ pods }) => oncePerObject([...pods.values()].flat().flatMap(holdsCertificate)),
};

/** A port that is scraped; the Service where it was found by one. */
interface Scraped {
  pod: SeenPod;
  port: number;
  service?: SeenService;
}

type Endpoint = SeenMonitor['endpoints'][number];

function monitored(inventory: Inventory, move: Move): Finding[] {
  const [services, namespaces] = [byLabel(reachedServices(inventory, move)), new Set(move.namespaces)];
  return inventory.monitors.flatMap(monitor => {
    const { selector } = monitor;
    const within = monitor.namespaces.includes('*')
      ? move.namespaces
      : monitor.namespaces.filter(n => namespaces.has(n));
    if (selector === undefined || within.length === 0) return [];
    const scraped = (endpoint: Endpoint): Scraped[] =>
      within
        .flatMap(namespace =>
          monitor.kind === 'PodMonitor'
            ? selectedPods(move.pods, namespace, selector).flatMap(pod => portOf(pod, endpoint.port))
            : services(namespace, selector).flatMap(reached => behind(reached, endpoint.port)),
        )
        .filter(({ pod, port }) => refuses(move, pod, port));
    const certified = monitor.endpoints.filter(
      ({ scheme, usesClientCertificate }) => scheme === 'https' && usesClientCertificate,
    );
    const plain = monitor.endpoints.filter(endpoint => !certified.includes(endpoint)).flatMap(scraped);
    const object = `${monitor.kind} ${monitor.namespace}/${monitor.name}`;
    return [
      ...(plain.length > 0 ? [scrapedPort(object, plain)] : []),
      ...(certified.some(endpoint => scraped(endpoint).length > 0) ? [certificate(object)] : []),
    ];
  });
}

/** Services of the scope by one of the labels that are asked for: monitors may be many. */
function byLabel(all: readonly Reached[]): (namespace: string, selector: Record<string, string>) => Reached[] {
  const index = new Map<string, Reached[]>();
  for (const reached of all) {
    const { namespace, labels } = reached.service;
    for (const label of [[], ...Object.entries(labels)]) {
      const key = JSON.stringify([namespace, ...label]);
      const list = index.get(key);
      if (list) list.push(reached);
      else index.set(key, [reached]);
    }
  }
  return (namespace, selector) =>
    (index.get(JSON.stringify([namespace, ...(Object.entries(selector)[0] ?? [])])) ?? []).filter(({ service }) =>
      selects(selector, service.labels),
    );
}

/** A name is first that of a port of the Service; a number is always one of a container. */
function behind({ service, pods, struck }: Reached, port: PortRef): Scraped[] {
  if (service.ports.some(({ name }) => name === port))
    return struck.filter(({ servicePort }) => servicePort.name === port);
  return pods.flatMap(pod => portOf(pod, port)).map(scraped => ({ ...scraped, service }));
}

/** Only what a container declares is scraped. */
function portOf(pod: SeenPod, port: PortRef): Scraped[] {
  const number = containerPort(pod, port);
  return number !== undefined && declaredPorts(pod, isTcp).includes(number) ? [{ pod, port: number }] : [];
}

function scrapedPort(object: string, scraped: Scraped[]): Finding {
  const viaServices = scraped.flatMap(({ port, service }) => (service ? [{ port, service }] : []));
  return {
    code: 'ScrapedPort',
    severity: 'Warn',
    object,
    message: `${object} has Prometheus scrape ${listed(scraped.map(({ pod, port }) => `container port ${port} of ${ownerName(pod)}`))} without mutual TLS: under STRICT these metrics stop, and whatever is watched by them goes blind`,
    fix: `scrape the merged metrics of the agent (port 15020, path /stats/prometheus), or keep container ${ports(scraped.map(({ port }) => port))} PERMISSIVE with an entry in spec.exceptions`,
    ...(viaServices.length === scraped.length
      ? exceptionFor(viaServices, 'Prometheus scrapes it without mutual TLS')
      : {}),
  };
}

function certificate(object: string): Finding {
  return {
    code: 'ScraperUsesMeshCertificate',
    severity: 'Warn',
    object,
    message: `${object} has Prometheus scrape with a certificate of its own: that holds under STRICT and fails under PERMISSIVE, so these metrics stop when a step is rolled back`,
    fix: 'do not take missing metrics of these ports for a sign of harm or of health; scrape the agent (port 15020) where metrics must hold in both modes',
  };
}

function annotated({ mesh }: Inventory, move: Move, pod: SeenPod): Finding[] {
  if (pod.annotations['prometheus.io/scrape'] !== 'true' || mergesMetrics(pod, mesh)) return [];
  const named = Number(pod.annotations['prometheus.io/port']);
  // without the annotation every declared port is scraped
  const struck = (named > 0 ? [named] : declaredPorts(pod, isTcp)).filter(port => refuses(move, pod, port));
  return struck.length > 0
    ? [
        scrapedPort(
          ownerName(pod),
          struck.map(port => ({ pod, port })),
        ),
      ]
    : [];
}

/** The proxy writes its certificates where the application can use them; Prometheus is why that exists. */
function holdsCertificate(pod: SeenPod): Finding[] {
  if (!/\bOUTPUT_CERTS\b/.test(pod.annotations['proxy.istio.io/config'] ?? '')) return [];
  return [
    {
      ...certificate(ownerName(pod)),
      message: `${ownerName(pod)} has its proxy write certificates for the application (OUTPUT_CERTS). Scraping with them holds under STRICT and fails under PERMISSIVE, so metrics stop when a step is rolled back`,
    },
  ];
}
