/**
 * A request to a Service, from the operator: from outside the mesh. A port that is STRICT refuses it by design, which
 * says nothing about the Service, so that is told apart from a Service that does not answer.
 */
import { isIPv6 } from 'node:net';
import type { ProbeSpec } from '../api/schema.ts';
import type { SeenService } from '../istio/inventory/shapes.ts';
import { observe, type Finding, unseen } from './observation.ts';
import type { ClusterSight, HttpAnswer, Look, Probe, Sight } from './probe.ts';
import { isSpecialAddress } from './specialAddress.ts';

export type HttpOptions = NonNullable<ProbeSpec['http']> & { namespace: string };

export function http(
  name: string,
  options: HttpOptions,
  sight: Pick<Sight, 'call' | 'hello'>,
  cluster: Pick<ClusterSight, 'service'>,
): Probe {
  return { name, rounds: ['Soak'], observe: look => observe(name, look, () => find(look, options, sight, cluster)) };
}

async function find(
  look: Look,
  options: HttpOptions,
  sight: Pick<Sight, 'call' | 'hello'>,
  cluster: Pick<ClusterSight, 'service'>,
): Promise<Finding> {
  const { namespace, service: name, port, path, scheme } = options;
  const service = await cluster.service(namespace, name, look.signal);
  const obstacle = service ? hindrance(service, port) : `there is no Service ${namespace}/${name}: correct its name`;
  if (!service || obstacle !== undefined) return unseen(obstacle ?? '');
  const { clusterIp } = service;
  const answer = await sight.call(
    {
      method: 'GET',
      origin: `${scheme.toLowerCase()}://${isIPv6(clusterIp) ? `[${clusterIp}]` : clusterIp}:${port}`,
      path,
      headers: { host: `${name}.${namespace}.svc` },
      trust: 'Anybody',
    },
    look.signal,
  );
  const isStrict =
    answer.kind === 'Closed' || answer.kind === 'NotTls' ? await showsMesh(service, port, look, sight) : false;
  return isStrict ? REFUSED_AS_STRANGER(options) : judgeAnswer(answer, options);
}

/** Why a Service is not asked. What its author or somebody else could point at anything is never followed. */
function hindrance({ namespace, name, type, selector, headless, clusterIp, ports }: SeenService, port: number) {
  const service = `Service ${namespace}/${name}`;
  if (type === 'ExternalName')
    return `${service} is of type ExternalName, which is not followed: name one with a selector`;
  if (Object.keys(selector).length === 0)
    return `${service} has no selector, so its endpoints may be anything, and is not asked: name one with a selector`;
  if (headless || clusterIp === '') return `${service} has no cluster IP to ask: name one that is not headless`;
  if (isSpecialAddress(clusterIp)) return `${service} has the cluster IP ${clusterIp}, which is never asked`;
  const tcp = ports.filter(({ protocol }) => protocol === 'TCP').map(each => each.port);
  if (!tcp.includes(port))
    return `${service} has no TCP port ${port}, only ${tcp.join(', ') || 'none'}: correct the port`;
  return undefined;
}

/** Whether the port answers a stranger's hello with a certificate of the mesh: it is STRICT. */
async function showsMesh(
  { clusterIp }: SeenService,
  port: number,
  { signal }: Look,
  sight: Pick<Sight, 'hello'>,
): Promise<boolean> {
  const answer = await sight.hello(clusterIp, port, [], signal);
  return answer.kind === 'Certificate' && answer.spiffe !== undefined;
}

const REFUSED_AS_STRANGER = ({ namespace, service, port }: HttpOptions): Finding =>
  unseen(
    `port ${port} of Service ${namespace}/${service} is STRICT and refuses the operator, which is outside the mesh: that is as it should be, and no request can show more. Ask from inside with a job probe, or ask what faces the outside: a gateway, or a port with an exception`,
  );

function judgeAnswer(answer: HttpAnswer, options: HttpOptions): Finding {
  const { namespace, service, port, path } = options;
  const what = `http ${path} on port ${port} of Service ${namespace}/${service}`;
  if (answer.kind === 'Silent')
    return unseen(`${what} got no answer (${answer.code}): can the operator reach it (NetworkPolicy)?`);
  const { verdict, value, says } =
    answer.kind === 'Answer' ? judgeStatus(answer.status, options) : judgeTrouble(answer);
  return { verdict, value, samples: 1, message: `${what} ${says}` };
}

type Judgement = Pick<Finding, 'verdict' | 'value'> & { says: string };

function judgeStatus(status: number, { expectStatus }: HttpOptions): Judgement {
  const [least = 0, most = least] = expectStatus.split('-').map(Number);
  const isExpected = status >= least && status <= most;
  const advice = isExpected ? '' : `, not ${expectStatus}: see the logs of its pods`;
  return {
    verdict: isExpected ? 'Healthy' : 'Unhealthy',
    value: String(status),
    says: `answered with status ${status}${advice}`,
  };
}

function judgeTrouble(answer: Exclude<HttpAnswer, { kind: 'Answer' | 'Silent' }>): Judgement {
  const verdict = 'Unhealthy';
  if (answer.kind === 'Refused')
    return { verdict, value: 'refused', says: 'was refused: does a ready pod listen behind it?' };
  if (answer.kind === 'Closed')
    return { verdict, value: 'closed', says: 'was cut off before any answer: see the logs of its pods' };
  const how = answer.kind === 'NotTls' ? `got no TLS (${answer.code})` : 'was answered by something that is not HTTP';
  return { verdict, value: '-', says: `${how}: check port and scheme` };
}
