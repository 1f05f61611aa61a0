/** The list of workloads as a table: a row a port. */
import type { PortStatus } from '../istio/workloadStatus.ts';
import { listed } from '../rollout/text.ts';
import { table, type Width } from './table.ts';

/** Clients and Services that a cell names before it counts the rest. */
const MOST_NAMES = 3;

export function workloadLines(ports: readonly PortStatus[], wide: boolean, width: Width): string[] {
  const narrow = table(
    [...HEAD, 'CLIENTS'],
    ports.map(status => [...cellsOf(status), clientsOf(status)]),
    width,
  );
  if (!wide) return narrow;
  const rows = ports.map(status => [...cellsOf(status), ...moreOf(status), clientsOf(status)]);
  const lines = table([...HEAD, ...MORE, 'CLIENTS'], rows, undefined);
  if (width === undefined || lines.every(line => line.length <= width)) return lines;
  // what does not fit beside goes below, with words in place of its head
  const told = ports.map(status => [...cellsOf(status), sentenceOf(status)]);
  return table([...HEAD, 'PODS, SERVICES, RULE FOR CLIENTS, CLIENTS'], told, width);
}

const HEAD = ['NAMESPACE', 'WORKLOAD', 'PORT', 'MODE', 'DECIDED BY', 'DATA PLANE'];
const MORE = ['PODS', 'SERVICES', 'RULE FOR CLIENTS'];

function cellsOf(status: PortStatus): string[] {
  return [
    status.namespace,
    status.workload,
    String(status.port),
    modeOf(status),
    status.mode === 'None' ? '-' : (status.decidedBy ?? "Istio's default"),
    status.dataPlane === 'None' ? 'none' : status.dataPlane,
  ];
}

function moreOf(status: PortStatus): string[] {
  return [podsOf(status), servicesOf(status), ruleOf(status)];
}

function sentenceOf(status: PortStatus): string {
  const services = status.services.length === 0 ? 'no Service' : servicesOf(status);
  const rule = status.clientRule ? `, rule for clients ${ruleOf(status)}` : '';
  const clients = clientsOf(status);
  return `pods ${podsOf(status)}; ${services}${rule}${clients === '' ? '' : `; ${clients}`}`;
}

/** A mode that no proxy enforces is not shown as if one did. */
function modeOf({ mode, why, dataPlane }: PortStatus): string {
  if (mode === 'None') return `none, ${why ?? 'no proxy'}`;
  return dataPlane === 'Mixed' ? `${mode} in part` : mode;
}

function podsOf({ pods, foretold }: PortStatus): string {
  return foretold ? `${pods} (template)` : String(pods);
}

function servicesOf({ services }: PortStatus): string {
  return services.length === 0
    ? '-'
    : listed(
        services.map(({ name, port }) => `${name}:${port}`),
        MOST_NAMES,
      );
}

function ruleOf({ clientRule }: PortStatus): string {
  if (!clientRule) return '-';
  const { tls, decidedBy } = clientRule;
  const says = tls === 'AUTO' ? 'auto' : tls;
  return decidedBy === undefined ? says : `${says} (${decidedBy})`;
}

/** What names a Service is not sure to call it. */
function clientsOf({ namespace, clients }: PortStatus): string {
  if (clients.length === 0) return '';
  const names = clients.map(client => {
    const name = client.workload.slice(client.workload.indexOf('/') + 1);
    const full = client.namespace === namespace ? name : `${client.namespace}/${name}`;
    return client.proxied ? full : `${full} (no sidecar)`;
  });
  return `named by ${listed(names, MOST_NAMES)}`;
}
